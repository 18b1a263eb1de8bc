"""Tensors that go from torch to n2d2 and back, and the ways inputs of a Block may lie in memory."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
import torch.nn as nn

import n2d2
import pytorch_interoperability as interop
from n2d2 import errors

KINDS = [torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8]


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 4), (1, 1, 5)])
def test_the_same_bytes_both_ways(dtype, shape):
    t = torch.ones(shape, dtype=dtype)
    n = interop.to_n2d2(t)
    back = interop.to_torch(n)
    assert n.shape == shape == tuple(back.shape)
    assert back.dtype == dtype
    assert back.data_ptr() == n.data_ptr == t.data_ptr() or t.numel() == 0
    if t.numel():
        back.flatten()[0] = 7
        assert t.flatten()[0] == 7 == np.asarray(n).flat[0] == np.from_dlpack(n).flat[0] == torch.from_dlpack(n).flatten()[0]


def test_bytes_live_as_long_as_anybody_uses_them():
    tensors = [interop.to_torch(interop.to_n2d2(torch.full((1000,), float(i)))) for i in range(50)]
    gc.collect()
    torch.zeros(1000)
    assert all(bool((t == i).all()) for i, t in enumerate(tensors))


def test_parameters_are_shared_without_their_gradient():
    net = nn.Linear(3, 2)
    n = interop.to_n2d2(net.weight)
    n[:] = 5
    assert bool((net.weight == 5).all())
    assert not interop.to_torch(n).requires_grad


ODD = {
    "transposed": lambda t: t.transpose(2, 3),
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "every second": lambda t: t[:, :, ::2, ::2].repeat(1, 1, 2, 2),
    "a part": lambda t: torch.cat([t, t], 1)[:, 1:4],
    "expanded": lambda t: t[:1].expand(t.shape),
    "not aligned": lambda t: torch.cat([torch.zeros(1), t.flatten()])[1:].view(t.shape),
    "at an odd address": lambda t: torch.frombuffer(bytearray(b"x" + t.numpy().tobytes()), dtype=torch.float32, offset=1).view(t.shape),
    "negated lazily": lambda t: torch.complex(t, -t).conj().imag,
}


@pytest.fixture(scope="module")
def block():
    torch.manual_seed(0)
    return interop.wrap(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)), (4, 3, 8, 8), update="torch")


@pytest.mark.parametrize("name", ODD)
def test_tensors_that_lie_oddly(name, block):
    torch.manual_seed(1)
    t = ODD[name](torch.randn(4, 3, 8, 8))
    assert np.array_equal(np.asarray(interop.to_n2d2(t)), t.resolve_neg().numpy())
    net = block._original
    found, expected = [], []
    for model, results in ((block, found), (net, expected)):
        x = t.detach().requires_grad_()
        out = model(x)
        results += [out, *torch.autograd.grad(out.square().sum(), [x, *net.parameters()])]
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-5)


def test_tensors_that_cannot_be_shared():
    for dtype in (torch.bfloat16, torch.float16, torch.bool, torch.complex64, torch.int8):
        with pytest.raises(errors.TypeError, match=str(dtype).removeprefix("torch.")):
            interop.to_n2d2(torch.ones(2, dtype=dtype))
    with pytest.raises(errors.TypeError, match=r"\.to_dense\(\)"):
        interop.to_n2d2(torch.eye(3).to_sparse())
    with pytest.raises(errors.ValueError, match="meta"):
        interop.to_n2d2(torch.ones(2, device="meta"))
    with pytest.raises(errors.TypeError, match="got list"):
        interop.to_n2d2([1.0])
    with pytest.raises(errors.TypeError, match="got ndarray"):
        interop.to_torch(np.ones(2))


def test_memory_that_may_not_be_written_is_copied():
    array = np.ones(3, np.float32)
    array.flags.writeable = False
    t = interop.to_torch(n2d2.Tensor(array))
    t += 1
    assert bool((array == 1).all())
