"""Both update modes in the training loops people write, step by step against plain torch on real images."""

from __future__ import annotations

import pytest
import torch
import torch.nn as nn
from torch_twins import SHAPE, assert_alike, cross_entropy, digit_batch, digit_net, state_of

import n2d2
import pytorch_interoperability as interop

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
