"""Operators that move values."""

from __future__ import annotations

from gradient_mutants.mutant import OPS, mutants

MUTANTS = [
    *mutants(
        OPS + "flatten.cpp",
        "test_shapes",
        (
            "Flatten",
            "g.set(0, reshaped_like(g, g.dy(), g.input(0)))",
            'g.set(0, g.make("Mul", {reshaped_like(g, g.dy(), g.input(0)), g.scalar(-1.0F)}))',
        ),
    ),
    *mutants(
        OPS + "reshape.cpp",
        "test_shapes",
        (
            "Reshape",
            "g.set(0, reshaped_like(g, g.dy(), g.input(0)))",
            'g.set(0, g.make("Mul", {reshaped_like(g, g.dy(), g.input(0)), g.scalar(2.0F)}))',
        ),
    ),
    *mutants(
        OPS + "transpose.cpp",
        "test_shapes",
        (
            "Transpose",
            'g.set(0, g.make("Transpose", {g.dy()}, {{"perm", inverse}}))',
            'g.set(0, g.make("Mul", {g.make("Transpose", {g.dy()}, {{"perm", inverse}}), g.scalar(-1.0F)}))',
        ),
    ),
    *mutants(
        OPS + "concat.cpp",
        "test_shapes",
        ("Concat", "    start = end;", "    start = 0 * end;"),
    ),
    *mutants(
        OPS + "slice.cpp",
        "test_shapes",
        (
            "Slice",
            'g.set(0, g.make("SliceGrad", {g.dy()}, attributes))',
            'g.set(0, g.make("Mul", {g.make("SliceGrad", {g.dy()}, attributes), g.scalar(-1.0F)}))',
        ),
        ("Split", "    start = end;", "    start = 0 * end;"),
        ("Split, all parts", 'g.make("Concat", parts, {', 'g.make("Concat", {parts.rbegin(), parts.rend()}, {'),
    ),
    *mutants(
        OPS + "expand.cpp",
        "test_shapes",
        ("Expand", "sum_to(g, g.dy(), g.input(0))", 'g.make("Mul", {sum_to(g, g.dy(), g.input(0)), g.scalar(2.0F)})'),
        ("Tile", 'g.make("ReduceSum", {split}', 'g.make("ReduceMean", {split}'),
    ),
    *mutants(
        OPS + "pad.cpp",
        "test_shapes",
        ("Pad", "starts.push_back(pads[static_cast<std::size_t>(axis)]);", "starts.push_back(0);"),
    ),
]
