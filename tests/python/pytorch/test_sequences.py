"""Random sequences of what users do, on a Block, on plain torch and on torch's shaken twin: equal after every one of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn as nn
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from parity import Twin
from torch_nets import shaken_copy
from torch_twins import SHAPE, check, cross_entropy, digit_batch, digit_net

import n2d2
import pytorch_interoperability as interop

batches = st.tuples(st.integers(0, 100), st.sampled_from([1, 2, 7, 12, 40]).filter(lambda rows: rows > 1))
MOMENTUM = 0.5


class Session:
    """One of the three: a model, the network inside, and how it is updated."""

    def __init__(self, net: nn.Module, update: str | None) -> None:
        self.net = net
        self.update = update
        solver = n2d2.solver.SGD(0.05, MOMENTUM, form="torch") if update == "n2d2" else None
        self.model: nn.Module = interop.wrap(net, SHAPE, update=update, solver=solver) if update else net
        self.optimizer = None if update == "n2d2" else torch.optim.SGD(net.parameters(), 0.05, MOMENTUM)
        self.pending: list[torch.Tensor] = []

    def copied(self) -> Session:
        """A deepcopy that goes on with the copy; torch's optimizer is told its new parameters, a Block's solver comes along."""
        twin = Session.__new__(Session)
        twin.update, twin.pending = self.update, []
        twin.model = copy.deepcopy(self.model)
        twin.net = twin.model._original if self.update else twin.model
        twin.optimizer = None
        if self.optimizer is not None:
            twin.optimizer = torch.optim.SGD(twin.net.parameters(), 0.05, MOMENTUM)
            twin.optimizer.load_state_dict(self.optimizer.state_dict())
        return twin

    def set_rate(self, rate: float) -> None:
        if self.optimizer is None:
            for solver in {id(s): s for s in self.model._engine().solvers.values()}.values():
                solver.learning_rate = rate
        else:
            self.optimizer.param_groups[0]["lr"] = rate

    def backward(self, loss: torch.Tensor) -> None:
        if loss.requires_grad:
            loss.backward()

    def step(self) -> None:
        if self.optimizer is not None:
            self.optimizer.step()
            self.optimizer.zero_grad()


class Sequences(RuleBasedStateMachine):
    """What both modes allow."""

    update = "n2d2"

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        net = digit_net(seed)
        self.sessions = [Session(copy.deepcopy(net), self.update), Session(net, None), Session(shaken_copy(net), None)]
        self.twin_rule, self.outputs = Twin(), [[], [], []]
        self.kept = copy.deepcopy(net.state_dict())

    def each(self, action: Any) -> None:
        """Does it to all three and keeps what they return for the comparison."""
        for session, outputs in zip(self.sessions, self.outputs, strict=True):
            torch.manual_seed(0)
            result = action(session)
            outputs.append(result.detach() if isinstance(result, torch.Tensor) else torch.zeros(()))

    def clear(self) -> None:
        """Changes of weights come when nothing waits for its backward."""
        for session in self.sessions:
            session.pending.clear()
            session.net.zero_grad()

    @rule(batch=batches, repeats=st.integers(1, 3))
    def train(self, batch: tuple[int, int], repeats: int) -> None:
        self.clear()
        for i in range(repeats):
            x, y = digit_batch(batch[0] + i, batch[1])

            def action(session: Session) -> torch.Tensor:
                loss = cross_entropy(session.model(x), y)
                session.backward(loss)
                session.step()
                return loss

            self.each(action)

    @rule(batch=batches)
    def evaluate(self, batch: tuple[int, int]) -> None:
        def action(session: Session) -> torch.Tensor:
            was_training = session.model.training
            session.model.eval()
            with torch.no_grad():
                out = session.model(digit_batch(*batch)[0])
            session.model.train(was_training)
            return out

        self.each(action)

    @rule(batch=batches)
    def input_gradient(self, batch: tuple[int, int]) -> None:
        def action(session: Session) -> torch.Tensor:
            x, y = digit_batch(*batch)
            x.requires_grad_()
            return torch.autograd.grad(cross_entropy(session.model(x), y), x)[0]

        self.each(action)

    @rule()
    def save(self) -> None:
        self.kept = copy.deepcopy(self.sessions[1].net.state_dict())

    @rule(assign=st.booleans())
    def load(self, assign: bool) -> None:
        self.clear()

        def action(session: Session) -> None:
            frozen = {name: not p.requires_grad for name, p in session.net.named_parameters()}
            session.model.load_state_dict(copy.deepcopy(self.kept), assign=assign)
            for name, p in session.net.named_parameters():
                p.requires_grad_(not frozen[name])
            if assign and session.optimizer is not None:  # new parameters: an optimizer must be told, its momenta stay
                new = torch.optim.SGD(session.net.parameters(), 0.05, MOMENTUM)
                new.load_state_dict(session.optimizer.state_dict())
                session.optimizer = new

        self.each(action)

    @rule()
    def deepcopy(self) -> None:
        self.clear()
        self.sessions = [session.copied() for session in self.sessions]

    @rule(layer=st.sampled_from([0, 1, 5, 7]), on=st.booleans())
    def freeze(self, layer: int, on: bool) -> None:
        self.clear()
        self.each(lambda session: session.net[layer].requires_grad_(not on) and None)

    @rule(training=st.booleans(), everything=st.booleans())
    def switch(self, training: bool, everything: bool) -> None:
        self.each(lambda session: (session.model if everything else session.net[1]).train(training) and None)

    @rule(rate=st.sampled_from([0.0, 0.01, 0.05, 0.1]))
    def change_rate(self, rate: float) -> None:
        self.each(lambda session: session.set_rate(rate))

    @rule(layer=st.sampled_from([0, 5, 7]), way=st.sampled_from(["numpy", "data", "in place", "parameter"]))
    def edit(self, layer: int, way: str) -> None:
        self.clear()

        def action(session: Session) -> None:
            weight = session.net[layer].weight
            if way == "numpy":
                weight.detach().numpy()[:] *= 0.9
                session.model.train(session.model.training)
            elif way == "data":
                weight.data = weight.data * 0.9
            elif way == "in place":
                with torch.no_grad():
                    weight.mul_(0.9)
            else:
                weight.data.mul_(0.9)
                session.model.train(session.model.training)

        self.each(action)

    @rule(momentum=st.sampled_from([0.1, 0.5]))
    def statistics(self, momentum: float) -> None:
        self.each(lambda session: setattr(session.net[1], "momentum", momentum))

    @invariant()
    def equal(self) -> None:
        if not hasattr(self, "sessions"):
            return
        found = []
        for session, outputs in zip(self.sessions, self.outputs, strict=True):
            found.append({**session.net.state_dict(), **{f"result {i}": out for i, out in enumerate(outputs)}})
            outputs.clear()
        check(self.twin_rule, *found, self.sessions[0].update or "")

    def teardown(self) -> None:
        for session in getattr(self, "sessions", [])[:1]:
            session.pending.clear()
            assert session.model._engine().network.pending == 0


class TorchSequences(Sequences):
    """update="torch" also allows gradients to pile up and forwards to wait."""

    update = "torch"

    @rule(batch=batches)
    def forward(self, batch: tuple[int, int]) -> None:
        def action(session: Session) -> None:
            x, y = digit_batch(*batch)
            session.pending.append(cross_entropy(session.model(x), y))

        self.each(action)

    @precondition(lambda self: hasattr(self, "sessions") and self.sessions[0].pending)
    @rule(last=st.booleans(), keep=st.booleans())
    def backward(self, last: bool, keep: bool) -> None:
        def action(session: Session) -> None:
            loss = session.pending.pop(-1 if last else 0)
            if loss.requires_grad:
                loss.backward(retain_graph=keep)
                if keep:
                    loss.backward()

        self.each(action)

    @precondition(lambda self: hasattr(self, "sessions") and len(self.sessions[0].pending) > 1)
    @rule()
    def backward_of_all(self) -> None:
        def action(session: Session) -> torch.Tensor:
            loss = torch.stack(session.pending).sum()
            session.pending.clear()
            session.backward(loss)
            return loss

        self.each(action)

    @precondition(lambda self: hasattr(self, "sessions") and not self.sessions[0].pending)
    @rule(clip=st.booleans())
    def step(self, clip: bool) -> None:
        def action(session: Session) -> None:
            if clip:
                nn.utils.clip_grad_norm_(session.net.parameters(), 0.1)
            session.step()

        self.each(action)


QUICK = settings(
    max_examples=5, stateful_step_count=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
LONG = settings(QUICK, max_examples=50, stateful_step_count=30)


def case_of(machine: type[Sequences], chosen: settings) -> Any:
    machine.TestCase.settings = chosen
    return machine.TestCase


TestN2D2Updates = case_of(Sequences, QUICK)
TestTorchUpdates = case_of(TorchSequences, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [Sequences, TorchSequences])
def test_many_sequences(machine):
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=LONG)
