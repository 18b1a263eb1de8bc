"""Both update modes in the training loops people write, step by step against plain torch on real images."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop
from torch_twins import SHAPE, assert_alike, cross_entropy, digit_batch, digit_net, state_of

import n2d2
import pytorch_interoperability as interop
from n2d2 import errors
from pytorch_interoperability import function

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, 0.05),
    "SGD, Nesterov, decay": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "SGD foreach": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, foreach=True),
    "SGD fused": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, fused=True),
    "Adam": lambda p: torch.optim.Adam(p, 1e-3, foreach=False),
    "AdamW": lambda p: torch.optim.AdamW(p, 1e-3, foreach=False),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, 1e-3, foreach=True),
    "AdamW fused": lambda p: torch.optim.AdamW(p, 1e-3, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, 1e-3, momentum=0.5),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 1e-2),
    "LBFGS": lambda p: torch.optim.LBFGS(p, 0.1, max_iter=3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_torch_optimizers(name):
    def script(model, is_ours):
        optimizer = OPTIMIZERS[name](model.parameters())
        for i in range(4):
            x, y = digit_batch(i)

            def closure():
                optimizer.zero_grad()
                loss = cross_entropy(model(x), y)
                loss.backward()
                return loss

            loss = optimizer.step(closure)
            yield state_of(model, loss=loss)
            model.eval()  # sees what the optimizer has just written
            with torch.no_grad():
                out = model(x)
            model.train()
            yield {"evaluation": out}

    assert_alike(script, update="torch")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_torch_optimizers_left_in_the_script_do_nothing(name):
    """update="n2d2": all that the wrapped script's optimizer, scheduler and clipping do is without effect."""

    def script(model, is_ours):
        optimizer = OPTIMIZERS[name](model.parameters()) if is_ours else torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 1.0)
        for i in range(3):
            x, y = digit_batch(i)

            def closure():
                optimizer.zero_grad()
                loss = cross_entropy(model(x), y)
                loss.backward()
                if is_ours:
                    nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
                return loss

            optimizer.step(closure)
            schedule.step()
            yield state_of(model)
        assert not is_ours or all(p.grad is None for p in model.parameters())

    assert_alike(script, solver=n2d2.solver.SGD(0.05, 0.9, form="torch"))


def test_one_cycle_clipping_scaling_and_accumulation():
    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=8)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
        for i in range(8):
            for part in range(2):
                x, y = digit_batch(2 * i + part)
                scaler.scale(cross_entropy(model(x), y) / 2).backward()
            scaler.unscale_(optimizer)
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            gradients = {f"gradient {n}": p.grad.clone() for n, p in model.named_parameters()}
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
            optimizer.zero_grad(set_to_none=i % 2 == 0)
            yield state_of(model, norm=norm, scale=scaler.get_scale(), **gradients)

    assert_alike(script, update="torch")


def test_scaled_losses_with_n2d2_updates_do_not_pass_unnoticed():
    block = interop.wrap(digit_net(), SHAPE)
    optimizer = torch.optim.SGD(block.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    x, y = digit_batch(0)
    scaler.scale(cross_entropy(block(x), y)).backward()
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)


def test_accumulation_with_n2d2_updates_is_the_solvers():
    def script(model, is_ours):
        optimizer = None if is_ours else torch.optim.SGD(model.parameters(), 0.1)
        for i in range(6):
            x, y = digit_batch(i)
            (cross_entropy(model(x), y) / (1 if is_ours else 3)).backward()
            if optimizer is not None and i % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
            yield state_of(model)

    assert_alike(script, solver=n2d2.solver.SGD(0.1, iteration_size=3))


def test_learning_rate_changes_of_the_n2d2_solver():
    def script(model, is_ours):
        optimizer = None if is_ours else torch.optim.Adam(model.parameters(), 1e-3)
        if is_ours:
            model.set_solver(n2d2.solver.Adam(1e-3, form="torch"))
        solvers = set(model._engine().solvers.values()) if is_ours else ()
        for i in range(6):
            rate = 1e-3 * (i + 1)
            for solver in solvers:
                solver.learning_rate = rate
            for group in optimizer.param_groups if optimizer else ():
                group["lr"] = rate
            x, y = digit_batch(i)
            cross_entropy(model(x), y).backward()
            if optimizer:
                optimizer.step()
                optimizer.zero_grad()
            yield state_of(model)

    assert_alike(script)


def test_gradients_of_parameters_by_autograd_grad():
    def script(model, is_ours):
        for i in range(2):
            x, y = digit_batch(i)
            x.requires_grad_()
            found = torch.autograd.grad(cross_entropy(model(x), y), [x, *model.parameters()])
            yield dict(enumerate(found))

    assert_alike(script, update="torch")


def test_several_forwards_before_one_backward_and_a_kept_graph():
    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(3):
            optimizer.zero_grad()
            (x1, y1), (x2, y2), (x3, y3) = digit_batch(i), digit_batch(i + 1, 5), digit_batch(i + 2, 20)
            first, second, third = model(x1), model(x2), model(x3)
            loss = cross_entropy(first, y1) + 0.5 * cross_entropy(third, y3)
            loss.backward(retain_graph=True)
            cross_entropy(second, y2).backward()
            first.square().mean().backward()  # the first forward's graph, once more
            gradients = {f"gradient {n}": p.grad.clone() for n, p in model.named_parameters()}
            optimizer.step()
            yield state_of(model, **gradients)

    assert_alike(script, update="torch")


def test_a_graph_that_was_not_kept():
    block = interop.wrap(digit_net(), SHAPE, update="torch")
    x, y = digit_batch(0)
    loss = cross_entropy(block(x), y)
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    assert block._engine().network.pending == 0
    with pytest.raises(RuntimeError, match="second time"):  # torch's own words, as its part of the graph is gone too
        loss.backward()
    out = block(x)
    out.backward(torch.ones_like(out))
    with pytest.raises((errors.StateError, RuntimeError), match="second time|used by a backward"):
        out.backward(torch.ones_like(out))


def test_a_torch_that_does_not_say_whether_graphs_are_kept(monkeypatch):
    monkeypatch.setattr(function, "_keeps_graph", function._never)
    block = interop.wrap(digit_net(), SHAPE, update="torch")
    out = block(digit_batch(0)[0]).sum()
    out.backward(retain_graph=True)
    with pytest.raises(errors.StateError, match="used by a backward already"):
        out.backward()


@pytest.mark.parametrize("update", ["n2d2", "torch"])
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint_around_a_block(update, reentrant):
    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(3):
            x, y = digit_batch(i)
            x.requires_grad_()
            optimizer.zero_grad()
            cross_entropy(checkpoint(model, x, use_reentrant=reentrant), y).backward()
            optimizer.step()
            yield state_of(model, x=x.grad)
        assert not is_ours or model._engine().network.pending == 0

    assert_alike(script, update=update, **({"solver": n2d2.solver.SGD(0.1)} if update == "n2d2" else {}))


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint_repeats_the_dropout(reentrant):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.Dropout(0.5), nn.Linear(40, 10))
    block = interop.wrap(net, SHAPE, update="torch")
    x, y = digit_batch(0)
    x.requires_grad_()
    found = []
    for run in (block, lambda x: checkpoint(block, x, use_reentrant=reentrant)):
        torch.manual_seed(5)
        cross_entropy(run(x), y).backward()
        found.append([p.grad.clone() for p in net.parameters()])
        net.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("inner_first", [False, True])
def test_a_block_inside_and_outside_a_reentrant_checkpoint_is_refused(inner_first):
    """torch runs the inside as a backward pass of its own, at whose end the update would come too early."""
    net = digit_net()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, SHAPE, solver=n2d2.solver.SGD(0.1))
    (x1, y1), (x2, y2) = digit_batch(0), digit_batch(1)
    for x in (x1, x2):
        x.requires_grad_()

    def outside(model):
        return cross_entropy(model(x1), y1)

    def inside(model, reentrant):
        return cross_entropy(checkpoint(model, x2, use_reentrant=reentrant), y2)

    def loss(model, reentrant):
        first, second = (outside(model), inside(model, reentrant)) if inner_first else (inside(model, reentrant), outside(model))
        return first + second

    refused = loss(block, True)
    with pytest.raises(errors.StateError, match="outdated weights" if inner_first else "use_reentrant=False"):
        refused.backward()
    net.load_state_dict(reference.state_dict())
    loss(block, False).backward()
    optimizer = torch.optim.SGD(reference.parameters(), 0.1)
    loss(reference, False).backward()
    optimizer.step()
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q, atol=2e-6)


def test_an_exception_in_backward_leaves_nothing_behind():
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            raise OSError("broken")

    net = digit_net()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, SHAPE, solver=n2d2.solver.SGD(0.1))
    (x1, y1), (x2, y2) = digit_batch(0), digit_batch(1)
    x2.requires_grad_()
    with pytest.raises(OSError, match="broken"):
        (cross_entropy(block(Broken.apply(x2)), y2) + cross_entropy(block(x1), y1)).backward()
    for a, b in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.equal(a, b)
    net.load_state_dict(reference.state_dict())
    cross_entropy(block(x1), y1).backward()
    cross_entropy(reference(x1), y1).backward()
    torch.optim.SGD(reference.parameters(), 0.1).step()
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q, atol=2e-6)


def _write(net, x):
    with torch.no_grad():
        net[7].weight.mul_(1.5)


CHANGES = {
    "written in place": _write,
    "loaded": lambda net, x: net.load_state_dict(digit_net(3).state_dict()),
    "other memory": lambda net, x: setattr(net[7].weight, "data", torch.ones(10, 16)),
    "an optimizer's step": lambda net, x: torch.optim.SGD([net[7].weight.requires_grad_()], 0.1).step(lambda: net(x).sum().backward()),
}


@pytest.mark.parametrize("update", ["n2d2", "torch"])
@pytest.mark.parametrize("name", CHANGES)
def test_weights_changed_between_forward_and_backward_are_noticed(name, update):
    net = digit_net()
    block = interop.wrap(net, SHAPE, update=update)
    x, y = digit_batch(0)
    loss = cross_entropy(block(x), y)
    CHANGES[name](net, x)
    with pytest.raises(errors.StateError, match=r"outdated weights: '7\.weight'|outdated weights: '0\.weight'"):
        loss.backward()
    net.zero_grad()
    cross_entropy(block(x), y).backward()


def test_a_layer_replaced_between_forward_and_backward():
    """The backward is that of the layer which computed."""

    def script(model, is_ours):
        last = model[7]
        x, y = digit_batch(0)
        loss = cross_entropy(model(x), y)
        torch.manual_seed(9)
        model[7] = nn.Linear(16, 10)
        other = cross_entropy(model(x), y)
        loss.backward()
        other.backward()
        new = dict(model[7].named_parameters())
        yield {n: p.grad for n, p in [*model.named_parameters(), *last.named_parameters(), *new.items()]}
        assert last.weight.grad is not None

    assert_alike(script, update="torch")


def _doubled(model, x):
    return model(torch.relu(x) * 2 - 0.5)


SAVERS = {
    "checkpoint": lambda model, x: checkpoint(_doubled, model, x, use_reentrant=False),
    "checkpoint without early stop": lambda model, x: _fully_recomputed(model, x),
    "save_on_cpu": lambda model, x: _under(torch.autograd.graph.save_on_cpu(), model, x),
    "hooks": lambda model, x: _under(torch.autograd.graph.saved_tensors_hooks(torch.clone, torch.clone), model, x),
}


def _fully_recomputed(model, x):
    with set_checkpoint_early_stop(False):
        return checkpoint(_doubled, model, x, use_reentrant=False)


def _under(context, model, x):
    with context:
        return _doubled(model, x)


@pytest.mark.parametrize("update", ["n2d2", "torch"])
@pytest.mark.parametrize("name", SAVERS)
def test_inputs_that_are_saved_elsewhere(name, update):
    """The Block's input is gone after the forward; torch hands its backward a copy."""

    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(3):
            x, y = digit_batch(i)
            x.requires_grad_()
            optimizer.zero_grad()
            loss = cross_entropy(SAVERS[name](model, x), y)
            keep = [torch.full(SHAPE, float("nan")) for _ in range(8)]  # would lie where the input lay
            loss.backward()
            del keep
            optimizer.step()
            yield state_of(model, x=x.grad)

    assert_alike(script, update=update, **({"solver": n2d2.solver.SGD(0.1)} if update == "n2d2" else {}))
