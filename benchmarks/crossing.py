"""What a step costs beside the computation: the wrapped tutorial network against an autograd.Function that does nothing.

All peers run in one process, in turns. "idle" peers have an engine that computes nothing, so that

    idle - bare     is what the adapter adds to a bare autograd.Function,
    engine - idle   is what the engine's own calls take,
    bare            is torch's: the graph, the loss and the optimizer of the loop.

Minima and medians over the rounds, in microseconds per step.

    python benchmarks/crossing.py                        # forward and backward alone
    python benchmarks/crossing.py --loop tutorial        # with zero_grad, CrossEntropyLoss and an SGD step, as scripts have them
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import n2d2
import pytorch_interoperability
from models.torch_nets import Tutorial as Net

ROWS = 4
X, LABELS = torch.randn(ROWS, 3, 32, 32), torch.randint(0, 10, (ROWS,))
GRADIENT = torch.randn(ROWS, 10) / 100
PARAMETERS = len(list(Net().parameters()))


class Bare(torch.autograd.Function):
    """Does nothing; its backward returns the gradients it was made with."""

    @staticmethod
    def forward(ctx: Any, gradients: list[torch.Tensor], x: torch.Tensor, *leaves: torch.Tensor) -> torch.Tensor:
        """As an output of the tutorial's network."""
        ctx.gradients = gradients
        return torch.empty(ROWS, 10)

    @staticmethod
    def backward(ctx: Any, gy: torch.Tensor) -> Any:
        """The gradients."""
        return None, None, *ctx.gradients


class BareNet(nn.Module):
    """Calls `Bare` with one hidden leaf, or with its parameters."""

    def __init__(self, with_parameters: bool) -> None:
        super().__init__()
        self.__dict__["leaves"] = list(Net().parameters()) if with_parameters else [torch.zeros(1, requires_grad=True)]
        self.__dict__["gradients"] = [torch.zeros_like(p) for p in self.leaves] if with_parameters else [None]
        for i in range(PARAMETERS):
            self.register_parameter(str(i), self.leaves[i] if with_parameters else nn.Parameter(torch.zeros(1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output of `Bare`."""
        return Bare.apply(self.gradients, x, *self.leaves)


class Idle:
    """Answers as the engine's network does, and computes nothing."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def forward(self, xs: Any, rows: int, outputs: Any, *, train: bool, keep: bool, input_gradients: bool, key: int) -> int:
        """The id of a state."""
        return 1

    def backward(self, state: int, gys: Any, gxs: Any, *, weights: bool, accumulate: bool, keep: bool, inputs: Any) -> None:
        """Nothing."""

    def drop(self, state: int) -> None:
        """Nothing."""

    def update(self) -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)


def wrapped(update: str, idle: bool) -> nn.Module:
    """The tutorial's network in n2d2."""
    solver = n2d2.solver.SGD(0.001, 0.9) if update == "n2d2" else None
    block = pytorch_interoperability.wrap(Net(), (ROWS, 3, 32, 32), update=update, solver=solver)
    if idle:
        block._runtime.network = Idle(block._runtime.network)
    return block


def crossing(net: nn.Module) -> Callable[[], None]:
    """Forward and backward, gradients dropped."""
    parameters = list(net.parameters())

    def step() -> None:
        net(X).backward(GRADIENT)
        for parameter in parameters:
            parameter.grad = None

    return step


def tutorial(net: nn.Module) -> Callable[[], None]:
    """The step of the tutorial's loop."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        criterion(net(X), LABELS).backward()
        optimizer.step()

    return step


def time_of(step: Callable[[], None], steps: int) -> float:
    """Microseconds a step."""
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps * 1e6


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=["crossing", "tutorial"], default="crossing")
    parser.add_argument("--rounds", type=int, default=40, help="rounds of every peer (default 40)")
    parser.add_argument("--steps", type=int, default=100, help="steps a round (default 100)")
    parser.add_argument("--threads", type=int, default=0, help="torch.set_num_threads; 1 is steadier on a busy machine (default: torch's)")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.threads > 0:
        torch.set_num_threads(arguments.threads)
    nets = {
        "n2d2 bare": BareNet(with_parameters=False),
        "n2d2 idle": wrapped("n2d2", idle=True),
        "n2d2 engine": wrapped("n2d2", idle=False),
        "torch bare": BareNet(with_parameters=True),
        "torch idle": wrapped("torch", idle=True),
        "torch engine": wrapped("torch", idle=False),
    }
    loop = crossing if arguments.loop == "crossing" else tutorial
    steps = {name: loop(net) for name, net in nets.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(arguments.rounds + 1):
        for name, step in steps.items():
            times[name].append(time_of(step, arguments.steps))
    print(f"{'us a step (' + arguments.loop + ')':26}{'minimum':>9}{'median':>9}")
    least = {name: min(values[1:]) for name, values in times.items()}
    middle = {name: statistics.median(values[1:]) for name, values in times.items()}
    for name in times:
        print(f"{name:26}{least[name]:9.1f}{middle[name]:9.1f}")
    for update in ("n2d2", "torch"):
        for peer, base, meaning in (("idle", "bare", "adapter"), ("engine", "idle", "engine")):
            a, b = f"{update} {peer}", f"{update} {base}"
            print(f"{update + ': ' + meaning:26}{least[a] - least[b]:9.1f}{middle[a] - middle[b]:9.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
