"""Configurations of layers without weights that move and join tensors, and of operations of `keras.ops`. Data for tests and for the docs page."""

from __future__ import annotations

from case_makers import IMAGE, SEQUENCE, VOLUME, alike
from keras import layers, ops

RESHAPING = {
    "Flatten": alike(layers.Flatten, [IMAGE, SEQUENCE, (6,), VOLUME, (3, 1)], *[{}] * 5),
    "Reshape": [
        ([shape], lambda t=target: layers.Reshape(t))
        for shape, target in (((12,), (3, 4)), ((3, 4), (12,)), (IMAGE, (-1, 5)), ((2, 6), (3, -1, 2)), ((4, 6, 2), (6, 8)))
    ],
    "Permute": [
        ([shape], lambda d=dims: layers.Permute(d))
        for shape, dims in ((SEQUENCE, (2, 1)), (IMAGE, (2, 1, 3)), (IMAGE, (3, 1, 2)), (VOLUME, (4, 2, 3, 1)), ((6,), (1,)))
    ],
    "RepeatVector": [([(n,)], lambda k=k: layers.RepeatVector(k)) for n, k in ((5, 3), (1, 4), (6, 1), (7, 2), (3, 6))],
    "Cropping1D": alike(layers.Cropping1D, SEQUENCE, {}, *({"cropping": c} for c in (2, (0, 3), (1, 0), (3, 2)))),
    "Cropping2D": alike(
        layers.Cropping2D, IMAGE, *({"cropping": c} for c in (1, (2, 1), ((0, 1), (2, 0)), ((3, 1), (1, 1)), ((0, 0), (0, 2))))
    ),
    "Cropping3D": alike(
        layers.Cropping3D, VOLUME, {}, *({"cropping": c} for c in (2, (1, 2, 1), ((0, 1), (2, 0), (1, 1)), ((1, 1), (0, 0), (0, 3))))
    ),
    "ZeroPadding1D": alike(layers.ZeroPadding1D, SEQUENCE, {}, *({"padding": p} for p in (2, (0, 3), (1, 0), (3, 2)))),
    "ZeroPadding2D": alike(
        layers.ZeroPadding2D, IMAGE, *({"padding": p} for p in (1, (2, 1), ((0, 1), (2, 0)), ((3, 1), (1, 1)), ((0, 0), (0, 2))))
    ),
    "ZeroPadding3D": alike(
        layers.ZeroPadding3D, VOLUME, {}, *({"padding": p} for p in (2, (1, 2, 1), ((0, 1), (2, 0), (1, 1)), ((1, 1), (0, 0), (0, 3))))
    ),
    "UpSampling1D": alike(layers.UpSampling1D, SEQUENCE, {}, *({"size": s} for s in (3, 1, 4, 5))),
    "UpSampling2D": alike(
        layers.UpSampling2D,
        [IMAGE, (4, 3, 2)],
        {},
        {"size": (3, 2)},
        {"interpolation": "bilinear"},
        {"size": (2, 3), "interpolation": "bilinear"},
        {"size": (1, 2)},
        {"interpolation": "bicubic"},
    ),
    "UpSampling3D": alike(layers.UpSampling3D, (3, 4, 2, 3), {}, *({"size": s} for s in ((1, 2, 3), (3, 1, 1), 3, (2, 2, 1)))),
    "Resizing": alike(
        layers.Resizing,
        [IMAGE, (6, 4, 3)],
        {"height": 12, "width": 10},
        {"height": 5, "width": 9},
        {"height": 4, "width": 3},
        {"height": 8, "width": 11, "interpolation": "nearest"},
        {"height": 3, "width": 5, "interpolation": "nearest"},
    ),
    "CenterCrop": alike(layers.CenterCrop, IMAGE, *({"height": h, "width": w} for h, w in ((4, 4), (9, 3), (5, 7), (2, 1), (8, 6)))),
    "Rescaling": alike(
        layers.Rescaling,
        [IMAGE, (6,), SEQUENCE],
        *({"scale": s, "offset": o} for s, o in ((0.5, -1.0), (1 / 255, 0.0), (2.0, [0.1, 0.2, 0.3, 0.4, 0.5]), (1.0, 0.3), (0.1, 1.0))),
    ),
}


def _merging(cls, **arguments):
    pairs = [[(6,), (6,)], [SEQUENCE] * 2, [IMAGE] * 2, [(7, 5, 4), (1, 1, 4)], [(6,), (6,)]]
    return [(shapes, lambda: lambda *xs: cls(**arguments)(list(xs))) for shapes in pairs]


MERGING = {name: _merging(getattr(layers, name)) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")} | {
    "Concatenate": [
        (shapes, lambda axis=axis: lambda *xs: layers.Concatenate(axis=axis)(list(xs)))
        for shapes, axis in (
            ([(6,), (3,)], -1),
            ([(4, 5), (3, 5)], 1),
            ([IMAGE, (9, 7, 2)], -1),
            ([(3, 7, 5), IMAGE], 1),
            ([(4,), (2,), (5,)], 1),
        )
    ],
    "Dot": [
        (shapes, lambda a=axes, n=normalize: lambda x, y: layers.Dot(a, normalize=n)([x, y]))
        for shapes, axes, normalize in (
            ([(6,), (6,)], 1, False),
            ([(6,), (6,)], -1, True),
            ([(4, 6), (5, 6)], 2, False),
            ([(4, 6), (6, 5)], (2, 1), False),
            ([(3, 4, 5), (5, 2)], (3, 1), False),
        )
    ],
}


def _ops(*functions, shapes=(IMAGE,)):
    return [(list(shapes), lambda f=f: f) for f in functions]


OPERATIONS = {
    "arithmetic": _ops(
        lambda x: 2.0 * x + 1.0,
        lambda x: (3.0 - x) / 2.0,
        lambda x: 1.0 / (x * x + 0.5),
        lambda x: ops.maximum(x, 0.1) - ops.minimum(x, 0.2),
        lambda x: ops.square(x) + ops.sqrt(ops.abs(x) + 0.5) - ops.rsqrt(x * x + 1.0),
        lambda x: ops.exp(-x) + ops.log(ops.abs(x) + 1.0) + ops.log1p(x * x) + ops.power(ops.abs(x) + 0.5, 1.5),
        lambda x: ops.clip(x, -0.5, 0.7) * ops.sin(x) + ops.cos(x) + ops.erf(x),
        lambda x: ops.where(x > 0.2, x, x * x),
    ),
    "two tensors": _ops(
        lambda x, y: x + y,
        lambda x, y: x * y - x,
        lambda x, y: x / (ops.abs(y) + 1.0),
        lambda x, y: ops.maximum(x, y),
        lambda x, y: ops.where(x > y, x, 2.0 * y),
        shapes=(SEQUENCE, SEQUENCE),
    ),
    "reductions": _ops(
        lambda x: ops.mean(x, axis=(1, 2)),
        lambda x: ops.sum(x, axis=-1, keepdims=True),
        lambda x: ops.max(x, axis=1) - ops.min(x, axis=1),
        lambda x: ops.var(x, axis=(1, 2, 3)),
        lambda x: ops.std(x, axis=-1, keepdims=True) * x,
        lambda x: ops.logsumexp(x, axis=-1),
        lambda x: ops.moments(x, axes=[1, 2])[1],
        lambda x: ops.norm(x, axis=-1),
    ),
    "shapes": _ops(
        lambda x: ops.transpose(x, (0, 3, 1, 2)),
        lambda x: ops.reshape(x, (-1, 63, 5)),
        lambda x: ops.expand_dims(ops.squeeze(x[:, :1], 1), -1),
        lambda x: x[:, 1:-1, ::2, -1],
        lambda x: ops.concatenate([x, x * 2.0], axis=2),
        lambda x: ops.stack([x, -x], axis=1),
        lambda x: ops.split(x, 3, axis=1)[1],
        lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))),
        lambda x: ops.repeat(x, 2, axis=1) + ops.tile(x, (1, 2, 1, 1)),
        lambda x: ops.flip(x, axis=1) + ops.roll(x, 2, axis=2),
        lambda x: ops.swapaxes(x, 1, 2) + ops.moveaxis(x, 2, 1),
        lambda x: ops.take(x, [4, 0, 2], axis=-1),
    ),
    "products": [
        ([(4, 6), (6, 5)], lambda: ops.matmul),
        ([(3, 4, 6), (3, 6, 5)], lambda: lambda x, y: x @ y),
        ([(4, 6), (5, 6)], lambda: lambda x, y: ops.einsum("bij,bkj->bik", x, y)),
        ([(4, 2, 6), (5, 2, 6)], lambda: lambda x, y: ops.einsum("bqhd,bkhd->bhqk", x, y)),
        ([(4, 6)], lambda: lambda x: ops.softmax(ops.matmul(x, ops.transpose(x, (0, 2, 1))) / 2.0)),
    ],
}
