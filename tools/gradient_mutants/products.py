"""Matrix products, indexing and recurrent steps."""

from __future__ import annotations

from gradient_mutants.mutant import KERNELS, OPS, SIMD, mutants

MUTANTS = [
    *mutants(
        OPS + "gemm.cpp",
        "test_matrix_products",
        (
            "Gemm, A",
            "product(g.dy(), 0, g.input(1), 1 - trans_b)",
            'g.make("Mul", {product(g.dy(), 0, g.input(1), 1 - trans_b), g.scalar(2.0F)})',
        ),
        ("Gemm, B", '{"alpha", alpha}}', '{"alpha", 1.0}}'),
        ("Gemm, C", "static_cast<float>(beta)", "static_cast<float>(-beta)"),
    ),
    *mutants(
        OPS + "matmul.cpp",
        "test_matrix_products",
        (
            "MatMul",
            'g.make("Gemm", {as_matrix(g, g.dy()), g.input(1)}, {{"transB", std::int64_t{1}}})',
            'g.make("Gemm", {as_matrix(g, g.dy()), g.input(1)}, {{"transB", std::int64_t{1}}, {"alpha", -1.0}})',
        ),
        (
            "MatMul of stacks, A",
            'g.make("MatMul", {g.dy(), transposed(g, g.input(1))}), g.input(0)',
            'g.make("Mul", {g.make("MatMul", {g.dy(), transposed(g, g.input(1))}), g.scalar(-1.0F)}), g.input(0)',
        ),
        (
            "MatMul of stacks, B",
            'g.make("MatMul", {transposed(g, g.input(0)), g.dy()}), g.input(1)',
            'g.make("Mul", {g.make("MatMul", {transposed(g, g.input(0)), g.dy()}), g.scalar(2.0F)}), g.input(1)',
        ),
    ),
    *mutants(
        KERNELS + "copies/gather.cpp",
        "test_indexing",
        ("Gather", "to + place * axis.inner, part.size()", "to, part.size()"),
        ("Gather, padding", "place != axis.padding", "true"),
        ("GatherElements", "axis.inner + k] += *dy++", "axis.inner + k] -= *dy++"),
    ),
    *mutants(
        SIMD + "recurrent.cpp",
        "test_recurrent",
        ("LSTM, cells", "put(s.dcells, row, at, n, dcell * f)", "put(s.dcells, row, at, n, dcell * i)"),
        ("LSTM, output gate", "of_sigmoid(dy * bent, o)", "of_sigmoid(dy * bent, i)"),
        ("GRU, hidden", "put(s.dhidden, row, s.n + at, n, dn * r)", "put(s.dhidden, row, s.n + at, n, dn)"),
        ("RNN", ": dy) : of_tanh(dy, y)", ": -dy) : of_tanh(dy, y)"),
    ),
    *mutants(
        OPS + "recurrent.cpp",
        "test_recurrent",
        ("recurrent weights", "steps_of(g, y, 0, steps - 1)", "steps_of(g, y, 1, steps)"),
        ("initial states", 'sum = sum == nullptr ? first : g.make("Add", {sum, first})', "sum = sum == nullptr ? first : sum"),
    ),
]
