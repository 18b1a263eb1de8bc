"""What others do to a step: the tutorial network (batch 4) beside PyTorch's threads, a process that takes a core, a framework that was
imported first.

torch     a step right after an operation that PyTorch spreads over its OpenMP threads, against the step alone, in turns: the ratio of
          medians is near 1 when both use one team of threads.
spinner   a process bound to one core computes without rest; from the 200th step on, the median step against that of one thread with
          the machine to itself: near 1 when the engine notices that the core is taken.
imports   a training step in the framework's own loop, with torch (or TensorFlow) imported before n2d2 and after it, in fresh processes
          by turns: the ratio of the least times is near 1.

python benchmarks/neighbours.py
python benchmarks/neighbours.py --only imports --rounds 9
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

STEPS = 2000
NOTICED = 200
"""Steps after which the engine must have noticed the spinner."""


def make_step() -> Callable[[], None]:
    """A training step of the wrapped network on NumPy arrays."""
    import n2d2
    import pytorch_interoperability
    from catalog import WORKLOADS
    from models import torch_nets

    workload = WORKLOADS["cifar_tutorial"]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((workload.batch, *workload.shape), np.float32), rng.integers(0, 10, workload.batch)
    block = pytorch_interoperability.wrap(
        torch_nets.build(workload), (workload.batch, *workload.shape), solver=n2d2.solver.SGD(0.001, momentum=0.9)
    )
    cell, loss = block.get_block(), n2d2.loss.CrossEntropy()
    return lambda: float(cell.step(x, y, loss))


def timed(work: Callable[[], None]) -> float:
    """Microseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e6


def beside_torch() -> None:
    """Steps after a parallel operation of PyTorch and steps alone, in turns."""
    import torch

    step = make_step()
    values, sums = torch.randn(2, 40_000), torch.empty(2, 40_000)  # small enough to leave the caches to the step

    def step_after_operation() -> float:
        torch.sin(values, out=sums)
        return timed(step)

    for _ in range(NOTICED):
        step_after_operation()
    after, alone = [], []
    for _ in range(STEPS):
        after.append(step_after_operation())
        alone.append(timed(step))
    a, b = statistics.median(after), statistics.median(alone)
    print(f"torch    step after an operation of {torch.get_num_threads()} threads {a:.0f} us, alone {b:.0f} us, ratio {a / b:.2f}")


def median_of_steps() -> float:
    """Of the steps from the 200th on, in a process of its own."""
    step = make_step()
    times = [timed(step) for _ in range(NOTICED + STEPS)]
    return statistics.median(times[NOTICED:])


def in_a_process(*arguments: str, **environment: str) -> float:
    """What this program measures with these arguments and settings."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return float(done.stdout.split()[-1])


def beside_a_spinner(rounds: int) -> None:
    """Steps with one core taken, and steps of one thread alone, in turns."""
    core = max(os.sched_getaffinity(0))
    one, taken = [], []
    for _ in range(rounds):
        one.append(in_a_process("--median", N2D2_NUM_THREADS="1", N2D2_NUM_LANES=str(len(os.sched_getaffinity(0)))))
        spinner = subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"])
        try:
            taken.append(in_a_process("--median"))
        finally:
            spinner.kill()
            spinner.wait()
    a, b = statistics.median(taken), statistics.median(one)
    print(f"spinner  step with a core taken {a:.0f} us, one thread alone {b:.0f} us, ratio {a / b:.2f} (from step {NOTICED} on)")


def torch_step() -> Callable[[], None]:
    """The tutorial's loop on the wrapped network."""
    import torch

    import pytorch_interoperability
    from catalog import WORKLOADS
    from models import torch_nets

    workload = WORKLOADS["cifar_tutorial"]
    x, y = torch.randn(workload.batch, *workload.shape), torch.randint(0, 10, (workload.batch,))
    block = pytorch_interoperability.wrap(torch_nets.build(workload), (workload.batch, *workload.shape))
    return lambda: torch.nn.functional.cross_entropy(block(x), y).backward()


def tensorflow_step() -> Callable[[], None]:
    """`train_on_batch` of the wrapped Keras model."""
    import keras_interoperability
    from catalog import WORKLOADS
    from models import keras_nets

    workload = WORKLOADS["cifar_tutorial"]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((workload.batch, 32, 32, 3), np.float32), rng.integers(0, 10, workload.batch)
    model = keras_interoperability.wrap(keras_nets.build(workload, softmax=True), workload.batch)
    model.compile(loss="sparse_categorical_crossentropy")
    return lambda: model.train_on_batch(x, y)


IMPORTS = {"torch": torch_step, "tensorflow": tensorflow_step}


def least_step(modules: list[str]) -> float:
    """Microseconds a step, the least of 100 means of 20 steps, with the modules imported in this order."""
    for module in modules:
        importlib.import_module(module)
    step = IMPORTS[next(module for module in modules if module in IMPORTS)]()
    return min(timed(lambda: [step() for _ in range(20)]) for _ in range(100)) / 20


def both_orders(framework: str, rounds: int) -> None:
    """Steps with the framework imported first, and with n2d2 imported first, in turns."""
    before, after = [], []
    for _ in range(rounds):
        before.append(in_a_process("--imports", framework, "n2d2._engine", TF_CPP_MIN_LOG_LEVEL="3"))
        after.append(in_a_process("--imports", "n2d2._engine", framework, TF_CPP_MIN_LOG_LEVEL="3"))
    a, b = min(before), min(after)
    print(f"imports  {framework} before n2d2 {a:.0f} us, after it {b:.0f} us, ratio {max(a, b) / min(a, b):.2f} ({rounds} rounds)")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of the measurements in processes of their own (default 3)")
    parser.add_argument("--only", choices=["torch", "spinner", "imports"], help="one of the three (default all)")
    parser.add_argument("--median", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--imports", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.median:
        print(median_of_steps())
    elif arguments.imports:
        print(least_step(arguments.imports))
    else:
        if arguments.only in (None, "torch"):
            beside_torch()
        if arguments.only in (None, "spinner"):
            beside_a_spinner(arguments.rounds)
        if arguments.only in (None, "imports"):
            for framework in IMPORTS:
                both_orders(framework, arguments.rounds)


if __name__ == "__main__":
    main()
