"""Normalisations, reductions and losses."""

from __future__ import annotations

from gradient_mutants.mutant import KERNELS, OPS, SIMD, mutants

MUTANTS = [
    *mutants(
        KERNELS + "reduce_choice.cpp",
        "test_reduce_choice",
        ("ReduceMax and ReduceMin", "(x == y ? 1.0 : 0.0) / n.a", "(x == y ? 1.0 : 0.0)"),
        ("ReduceMax, first", "if (is_first) n.a = 1;", ""),
        ("ReduceProd", "if (n.b == 0) return n.a / x;", "if (n.b == 0) return n.a;"),
        ("ReduceProd with a zero", "n.b == 1 && x == 0 ? n.a : 0.0", "0.0"),
        ("ReduceL1", "x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0", "x > 0 ? 1.0 : -1.0"),
        ("ReduceL2", "y == 0 ? 0.0 : x / y", "y == 0 ? 0.0 : x"),
        ("ReduceLogSumExp", "return std::exp(x - y);", "return std::exp(x) - y;"),
    ),
    *mutants(
        OPS + "reduce_choice.cpp",
        "test_reduce_choice",
        ("CumSum", 'std::int64_t{1 - g.node().integer("reverse")}', 'std::int64_t{g.node().integer("reverse")}'),
    ),
    *mutants(
        SIMD + "normalize.cpp",
        "test_reductions",
        ("BatchNormalization, x", "return fma(g, scale, fma(d, slope, constant));", "return fma(g, scale, fma(d, -slope, constant));"),
    ),
    *mutants(
        KERNELS + "normalization/batch_normalization.cpp",
        "test_reductions",
        (
            "BatchNormalization, scale",
            "dgain.all(lane)[c] = static_cast<float>(sums.total(1, c, lane)",
            "dgain.all(lane)[c] = static_cast<float>(-sums.total(1, c, lane)",
        ),
        (
            "BatchNormalization, B",
            "dshift.all(lane)[c] = static_cast<float>(sums.total(0, c, lane))",
            "dshift.all(lane)[c] = static_cast<float>(2 * sums.total(0, c, lane))",
        ),
    ),
    *mutants(
        SIMD + "layer_norm.cpp",
        "test_row_normalization",
        ("LayerNormalization, x", "- shift - h * slope));", "- shift + h * slope));"),
        ("LayerNormalization, Scale", "i, n, g * h);", "i, n, g);"),
        ("LayerNormalization, B", "add_to(t.sums + i, n, g);", "add_to(t.sums + i, n, -g);"),
    ),
    *mutants(
        KERNELS + "normalization/group_normalization.cpp",
        "test_row_normalization",
        ("GroupNormalization, x", "static_cast<float>(-inverse * sum / g.elements())", "static_cast<float>(inverse * sum / g.elements())"),
        (
            "GroupNormalization, x around the mean",
            "static_cast<float>(-inverse * inverse * inverse * weighted / g.elements())",
            "static_cast<float>(-inverse * inverse * weighted / g.elements())",
        ),
        ("GroupNormalization, scale", "gain_sums[c] += second[c]", "gain_sums[c] -= second[c]"),
        ("GroupNormalization, B", "shift_sums[c] += first[c]", "shift_sums[c] += second[c]"),
    ),
    *mutants(
        KERNELS + "reduce.cpp",
        "test_reductions",
        (
            "ReduceSum and ReduceMean",
            "const auto scale = static_cast<float>(1.0 / count.at(total_rows));",
            "const auto scale = static_cast<float>(-1.0 / count.at(total_rows));",
        ),
        (
            "ReduceMean",
            "void reduce_mean_grad(Emitter& emit) { spread(emit, true); }",
            "void reduce_mean_grad(Emitter& emit) { spread(emit, false); }",
        ),
    ),
    *mutants(
        SIMD + "softmax.cpp",
        "test_reductions",
        (
            "SoftmaxCrossEntropyLoss",
            "static_cast<double>(dx[label]) * factor - t.scale",
            "static_cast<double>(dx[label]) * factor + t.scale",
        ),
    ),
    *mutants(
        KERNELS + "loss.cpp",
        "test_reductions",
        ("MeanSquaredError", "static_cast<float>(2.0 *", "static_cast<float>(1.0 *"),
    ),
]
