"""What else scripts do with a module: copies, files, averages, hooks, functional calls, torch.compile, inference mode."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.prune
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from torch_twins import SHAPE, assert_alike, assert_close, cross_entropy, digit_batch, digit_net, state_of, wrapped

import n2d2
import pytorch_interoperability as interop
from n2d2 import errors

# Copies and files.


def by_torch_save(block):
    file = io.BytesIO()
    torch.save(block, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda block: pickle.loads(pickle.dumps(block)), "torch.save": by_torch_save}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_goes_on_like_the_original(name):
    """The solver's state is copied too: the copy's next steps are the bits of the original's."""
    net, block = wrapped("n2d2")
    block.set_solver(n2d2.solver.Adam(1e-2))
    block.get_block()["5"].set_solver(n2d2.solver.SGD(0.1, 0.9, iteration_size=2))
    for i in range(3):
        x, y = digit_batch(i)
        cross_entropy(block(x), y).backward()
    other = COPIES[name](block)
    again = COPIES[name](other)  # of a copy that has not run yet
    before = {key: value.clone() for key, value in block.state_dict().items()}
    assert "Adam" in repr(block)
    for model in (other, again):
        for i in range(3, 6):
            x, y = digit_batch(i)
            cross_entropy(model(x), y).backward()
    assert all(torch.equal(value, before[key]) for key, value in block.state_dict().items())
    for i in range(3, 6):
        x, y = digit_batch(i)
        cross_entropy(block(x), y).backward()
    for model in (other, again):
        for (key, mine), theirs in zip(model.state_dict().items(), net.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs), key
    assert len({id(s) for s in other._engine().solvers.values()}) == 2  # shared as before


def test_a_copy_whose_layer_is_replaced():
    _, block = wrapped("n2d2", solver=n2d2.solver.SGD(0.1, 0.9))
    x, y = digit_batch(0)
    cross_entropy(block(x), y).backward()
    other = copy.deepcopy(block)
    other._original[7] = nn.Linear(16, 4)
    F.cross_entropy(other(x), y % 4).backward()
    assert other(x).shape == (12, 4)


@pytest.mark.parametrize("update", ["n2d2", "torch"])
def test_state_dicts_travel_between_blocks_and_plain_modules(update, tmp_path):
    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(4):
            x, y = digit_batch(i)
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            optimizer.step()
            if i == 1:
                torch.save(model.state_dict(), tmp_path / "weights.pt")
            if i == 2:
                model.load_state_dict(torch.load(tmp_path / "weights.pt"), strict=True)
            yield state_of(model)

    assert_alike(script, update=update, **({"solver": n2d2.solver.SGD(0.1)} if update == "n2d2" else {}))


# Averages of weights.


@pytest.mark.parametrize("update", ["n2d2", "torch"])
def test_exponential_averages_and_update_bn(update):
    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        for i in range(4):
            x, y = digit_batch(i)
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            optimizer.step()
            average.update_parameters(model)
            yield state_of(model, average)
        update_bn([digit_batch(i)[0] for i in range(3)], average)
        average.eval()
        with torch.no_grad():
            out = average(digit_batch(7)[0])
        yield state_of(average, out=out)

    assert_alike(script, update=update, **({"solver": n2d2.solver.SGD(0.1)} if update == "n2d2" else {}))


def test_training_with_an_average_over_all_batches_is_refused():
    net, block = wrapped()
    net[1].momentum = None
    with pytest.raises(errors.UnsupportedError, match="momentum=None"):
        block(digit_batch(0)[0])
    net[1].momentum = 0.1
    block(digit_batch(0)[0])


# Hooks.


def test_hooks_of_the_block_and_of_its_parameters():
    def script(model, is_ours):
        seen = []
        model.register_forward_pre_hook(lambda module, args: seen.append(args[0].sum()))
        model.register_forward_hook(lambda module, args, out: out * 2)
        model.register_full_backward_hook(lambda module, gi, go: seen.append(go[0].abs().sum()))
        parameters = list(model.parameters())
        parameters[0].register_hook(lambda g: g * 3)
        parameters[0].register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.abs().sum()))
        for i in range(2):
            seen.clear()
            x, y = digit_batch(i)
            x.requires_grad_()
            model.zero_grad()
            cross_entropy(model(x), y).backward()
            yield {"grad": parameters[0].grad, **dict(enumerate(seen))}
            assert len(seen) == 3

    assert_alike(script, update="torch")


def test_hooks_put_on_layers_after_wrap():
    net, block = wrapped()
    x, _ = digit_batch(0)
    before = block(x)
    handle = net[2].register_forward_hook(lambda module, args, out: out + 1)
    assert_close(block(x), net(x))
    assert not torch.allclose(block(x), before)
    handle.remove()
    assert_close(block(x), net(x))
    handle = net[2].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    assert_close(block(x), net(x))
    handle.remove()
    handle = net[2].register_full_backward_hook(lambda module, gi, go: None)
    with pytest.raises(errors.UnsupportedError, match=r"'2' has a backward hook"):
        block(x)
    handle.remove()
    handle = net[2].register_forward_hook(lambda module, args, out: None)
    with pytest.raises(errors.UnsupportedError, match=r"forward hook on '2'"):
        block(x)
    handle.remove()
    assert_close(block(x), net(x))


# Calls in other surroundings.


def test_partial_backwards_jacobians_and_anomaly_mode():
    def script(model, is_ours):
        x, y = digit_batch(0)
        parameters = list(model.parameters())
        with torch.autograd.set_detect_anomaly(True):
            cross_entropy(model(x), y).backward(inputs=parameters[:2])
        assert [p.grad is not None for p in parameters] == [True, True] + [False] * 5
        out = model(x)
        out.mul_(2)
        cross_entropy(out, y).backward()
        model.eval()
        yield {**{n: p.grad for n, p in model.named_parameters()}, "jacobian": torch.autograd.functional.jacobian(model, x[:2])}
        x = x.clone()
        out = model(x)
        x.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()

    assert_alike(script, update="torch")


def test_functional_call():
    def script(model, is_ours):
        x, y = digit_batch(0)
        names = dict(model.named_parameters())
        for rate in (0.1, 0.3):  # a step of MAML's first-order form
            fast = {name: p - rate * 0.1 * torch.ones_like(p) for name, p in names.items()}
            loss = cross_entropy(torch.func.functional_call(model, fast, (x,)), y)
            other = cross_entropy(model(x), y)
            del fast
            loss.backward()
            other.backward()
            yield {name: p.grad.clone() for name, p in names.items()}
        with torch.no_grad():
            out = torch.func.functional_call(model, {name: p.detach() * 0.5 for name, p in names.items()}, (x,))
        yield state_of(model, out=out)

    assert_alike(script, update="torch")


def test_functional_call_with_n2d2_updates():
    net, block = wrapped("n2d2")
    x, _ = digit_batch(0)
    fast = {name: p.detach() * 0.5 for name, p in net.named_parameters()}
    assert_close(torch.func.functional_call(block, fast, (x,)).detach(), torch.func.functional_call(net, fast, (x,)).detach())
    fast = {name: p * 0.5 for name, p in net.named_parameters()}
    with pytest.raises(errors.UnsupportedError, match="functional_call"):
        torch.func.functional_call(block, fast, (x,))
    with torch.no_grad():
        assert_close(torch.func.functional_call(block, fast, (x,)), torch.func.functional_call(net, fast, (x,)))
    assert_close(block(x), net(x))


def test_function_transforms_are_refused():
    net, block = wrapped()
    x, _ = digit_batch(0)
    with pytest.raises(errors.UnsupportedError, match=r"torch\.func"):
        torch.func.vmap(block)(x[None])
    with pytest.raises(errors.UnsupportedError, match=r"torch\.func"):
        torch.func.grad(lambda p: torch.func.functional_call(block, p, (x,)).sum())(dict(net.named_parameters()))
    block(x)


def test_what_a_function_transform_left_behind_is_an_input_like_others():
    net, block = wrapped()
    x, _ = digit_batch(0)
    left = []

    def loss(x):
        left.append(x * 2)
        return x.sum()

    torch.func.grad(loss)(x)
    assert_close(block(left[0]).detach(), net(2 * x).detach())
    with torch.no_grad():
        assert_close(block(left[0]), net(2 * x))


@pytest.mark.parametrize("backend", ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_torch_compile_of_a_model_with_a_block(backend):
    class Outer(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            torch.manual_seed(3)
            self.last = nn.Linear(10, 10)

        def forward(self, x):
            return self.last(torch.tanh(self.inner(x * 2)))

    def script(model, is_ours):
        model = Outer(model)
        run = torch.compile(model, backend=backend) if is_ours else model
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(3):
            x, y = digit_batch(i)
            optimizer.zero_grad()
            cross_entropy(run(x), y).backward()
            optimizer.step()
            yield state_of(model)

    torch._dynamo.reset()
    assert_alike(script, update="torch")


def test_inference_mode():
    x, y = digit_batch(0)
    net = digit_net()
    with torch.inference_mode():
        block = interop.wrap(net, SHAPE)
    cross_entropy(block(x), y).backward()
    assert block._engine().network.update_count == 1
    net, block = wrapped()
    with torch.inference_mode():
        assert_close(block(x), net(x))
        block.eval()
        assert_close(block(x * 2), net(x * 2))
    block.train()
    cross_entropy(block(x), y).backward()
