"""Plants a wrong sign or factor in each gradient, one at a time, and tells which of them no test notices.

Works on a copy of the tree in a temporary folder, with a build folder of its own; the tree itself is never touched. Exit status 1 when a
mutant survives. Takes a few minutes: every mutant is a rebuild and the operator's own tests.

    python tools/mutate_gradients.py [part of a name ...]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPS = "src/n2d2/ops/"
KERNELS = "src/n2d2/backends/cpu/kernels/"
SIMD = "src/n2d2/backends/cpu/simd/"


# An editable installation finds its packages before PYTHONPATH is looked at: without its finder the copy's module is imported.
RUN_TESTS = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
import n2d2._n2d2, pytest
assert n2d2._n2d2.__file__.startswith(sys.argv[1]), n2d2._n2d2.__file__
sys.exit(pytest.main(["-q", "-x", sys.argv[2]]))
"""


@dataclass(frozen=True)
class Mutant:
    """One wrong text in one file, and the tests that must notice it."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


MUTANTS = [
    Mutant("Neg", SIMD + "unary.cpp", "(Vec dy, Vec, Numbers) { return -dy; }", "(Vec dy, Vec, Numbers) { return dy; }", "test_unary"),
    Mutant("Abs", SIMD + "unary.cpp", "return dy * sign(x);", "return dy;", "test_unary"),
    Mutant(
        "Sign, Floor, Ceil, Round, Not",
        SIMD + "unary.cpp",
        "(Vec, Vec, Numbers) { return Vec{}; }",
        "(Vec dy, Vec, Numbers) { return dy; }",
        "test_unary",
    ),
    Mutant("Exp", SIMD + "unary.cpp", "return dy * y; }", "return -dy * y; }", "test_unary"),
    Mutant("Expm1", SIMD + "unary.cpp", "return dy * (y + 1.0F)", "return dy * y", "test_unary"),
    Mutant("Log", SIMD + "unary.cpp", "return dy / x;", "return dy * x;", "test_unary"),
    Mutant("Log1p", SIMD + "unary.cpp", "return dy / (x + 1.0F)", "return dy / x", "test_unary"),
    Mutant("Sqrt", SIMD + "unary.cpp", "return dy / (y + y)", "return dy / y", "test_unary"),
    Mutant("Reciprocal", SIMD + "unary.cpp", "return -dy * (y * y)", "return dy * (y * y)", "test_unary"),
    Mutant("Erf", SIMD + "unary.cpp", "1.12837917F * exp(-x * x)", "0.5641896F * exp(-x * x)", "test_unary"),
    Mutant("Sin", SIMD + "unary.cpp", "return dy * cos(x)", "return -dy * cos(x)", "test_unary"),
    Mutant("Cos", SIMD + "unary.cpp", "return -dy * sin(x)", "return dy * sin(x)", "test_unary"),
    Mutant("Clip", SIMD + "unary.cpp", "(x >= p.a) & (x <= p.b)", "(x >= p.a)", "test_unary"),
    Mutant("Clip at its edges", SIMD + "unary.cpp", "(x > p.a) & (x < p.b)", "(x >= p.a) & (x < p.b)", "test_unary"),
    Mutant("Relu", SIMD + "unary.cpp", "return y <= Vec{} ? Vec{} : dy;", "return y <= Vec{} ? Vec{} : -dy;", "test_unary"),
    Mutant("LeakyRelu", SIMD + "unary.cpp", "return x > Vec{} ? dy : p.a * dy;", "return x > Vec{} ? dy : dy;", "test_unary"),
    Mutant("ThresholdedRelu", SIMD + "unary.cpp", "return x <= p.a ? Vec{} : dy;", "return x <= p.a ? dy : dy;", "test_unary"),
    Mutant("Sigmoid", SIMD + "unary.cpp", "dy * y * (1.0F - y)", "dy * y * (1.0F + y)", "test_unary"),
    Mutant("Tanh", SIMD + "unary.cpp", "dy * (1.0F - y * y)", "dy * (1.0F - y)", "test_unary"),
    Mutant("Elu", SIMD + "unary.cpp", "dy * (p.a * exp(x))", "dy * exp(x)", "test_unary"),
    Mutant("Selu", SIMD + "unary.cpp", "p.b * p.a * exp(x)", "p.a * exp(x)", "test_unary"),
    Mutant("Celu", SIMD + "unary.cpp", "dy * exp(x / p.a)", "dy * exp(x)", "test_unary"),
    Mutant("Gelu", SIMD + "unary.cpp", "x * (0.39894228F", "x * (-0.39894228F", "test_unary"),
    Mutant("Gelu with tanh", SIMD + "unary.cpp", "3.0F * kCubic * near", "kCubic * near", "test_unary"),
    Mutant("Swish", SIMD + "unary.cpp", "p.a * x * (1.0F - s)", "x * (1.0F - s)", "test_unary"),
    Mutant("Mish", SIMD + "unary.cpp", "near * (4.0F * e", "near * (2.0F * e", "test_unary"),
    Mutant("Softplus", SIMD + "unary.cpp", "return dy * sigmoid(x)", "return dy * sigmoid(-x)", "test_unary"),
    Mutant("Softsign", SIMD + "unary.cpp", "return dy / size / size", "return dy / size", "test_unary"),
    Mutant("HardSigmoid", SIMD + "unary.cpp", "? p.a * dy : Vec{}", "? dy : Vec{}", "test_unary"),
    Mutant("HardSwish", SIMD + "unary.cpp", "dy * (x / 3.0F + 0.5F)", "dy * (x / 6.0F + 0.5F)", "test_unary"),
    Mutant("Shrink", SIMD + "unary.cpp", "abs(x) > p.a ? dy : Vec{}", "x > p.a ? dy : Vec{}", "test_unary"),
    Mutant("Softmax", SIMD + "softmax.cpp", "p * (g - dot)", "p * (g + dot)", "test_softmax"),
    Mutant(
        "LogSoftmax",
        SIMD + "softmax.cpp",
        "(g.low - whole.low * total) - part.low * total",
        "(g.low - whole.low * total) + part.low * total",
        "test_softmax",
    ),
    Mutant("Dropout", SIMD + "random.cpp", "keep != 0 ? fma(value, factor, shift) : dropped", "keep != 0 ? value : dropped", "test_random"),
    Mutant(
        "Add",
        OPS + "binary.cpp",
        "if (g.wants(i)) set_summed(g, i, g.dy());",
        'if (g.wants(i)) set_summed(g, i, g.make("Neg", {g.dy()}));',
        "test_arithmetic",
    ),
    Mutant(
        "Sub",
        OPS + "binary.cpp",
        'if (g.wants(1)) set_summed(g, 1, g.make("Neg", {g.dy()}));',
        "if (g.wants(1)) set_summed(g, 1, g.dy());",
        "test_arithmetic",
    ),
    Mutant(
        "Mul, left",
        OPS + "binary.cpp",
        'set_summed(g, 0, g.make("Mul", {g.dy(), g.input(1)}))',
        'set_summed(g, 0, g.make("Mul", {g.dy(), g.dy()}))',
        "test_arithmetic",
    ),
    Mutant("Div, right", OPS + "binary.cpp", 'set_summed(g, 1, g.make("Neg", {product}))', "set_summed(g, 1, product)", "test_arithmetic"),
    Mutant("Pow, base", SIMD + "eltwise.cpp", "dy * (y * pow(x, y - 1.0F))", "dy * pow(x, y - 1.0F)", "test_arithmetic"),
    Mutant("Pow, exponent", SIMD + "eltwise.cpp", "dy * (pow(x, y) * log(x))", "dy * pow(x, y)", "test_arithmetic"),
    Mutant("Max, half", SIMD + "eltwise.cpp", "0.5F * dy", "dy", "test_arithmetic"),
    Mutant("Max, first", SIMD + "eltwise.cpp", "return a >= b ? dy : Vec{};", "return a > b ? dy : Vec{};", "test_arithmetic"),
    Mutant("Max, second", SIMD + "eltwise.cpp", "return b >= a ? Vec{} : dy;", "return b > a ? Vec{} : dy;", "test_arithmetic"),
    Mutant(
        "Min",
        OPS + "binary.cpp",
        "set_summed(g, 0, larger(g, g.input(1), g.input(0), ties))",
        "set_summed(g, 0, larger(g, g.input(0), g.input(1), ties))",
        "test_arithmetic",
    ),
    Mutant("PRelu", SIMD + "eltwise.cpp", "return x > Vec{} ? dy : slope * dy;", "return x > Vec{} ? dy : dy;", "test_arithmetic"),
    Mutant("PRelu, slope", SIMD + "eltwise.cpp", "return x > Vec{} ? Vec{} : dy * x;", "return dy * x;", "test_arithmetic"),
    Mutant(
        "Where, X",
        OPS + "binary.cpp",
        'set_summed(g, 1, g.make("Where", {g.input(0), g.dy(), zero}))',
        "set_summed(g, 1, g.dy())",
        "test_arithmetic",
    ),
    Mutant(
        "Where, Y",
        OPS + "binary.cpp",
        'g.make("Where", {g.input(0), zero, g.dy()})',
        'g.make("Where", {g.input(0), g.dy(), zero})',
        "test_arithmetic",
    ),
    Mutant(
        "ReduceMax and ReduceMin", KERNELS + "reduce_choice.cpp", "(x == y ? 1.0 : 0.0) / n.a", "(x == y ? 1.0 : 0.0)", "test_reduce_choice"
    ),
    Mutant("ReduceMax, first", KERNELS + "reduce_choice.cpp", "if (is_first) n.a = 1;", "", "test_reduce_choice"),
    Mutant("ReduceProd", KERNELS + "reduce_choice.cpp", "if (n.b == 0) return n.a / x;", "if (n.b == 0) return n.a;", "test_reduce_choice"),
    Mutant("ReduceProd with a zero", KERNELS + "reduce_choice.cpp", "n.b == 1 && x == 0 ? n.a : 0.0", "0.0", "test_reduce_choice"),
    Mutant("ReduceL1", KERNELS + "reduce_choice.cpp", "x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0", "x > 0 ? 1.0 : -1.0", "test_reduce_choice"),
    Mutant("ReduceL2", KERNELS + "reduce_choice.cpp", "y == 0 ? 0.0 : x / y", "y == 0 ? 0.0 : x", "test_reduce_choice"),
    Mutant("ReduceLogSumExp", KERNELS + "reduce_choice.cpp", "return std::exp(x - y);", "return std::exp(x) - y;", "test_reduce_choice"),
    Mutant(
        "CumSum",
        OPS + "reduce_choice.cpp",
        'std::int64_t{1 - g.node().integer("reverse")}',
        'std::int64_t{g.node().integer("reverse")}',
        "test_reduce_choice",
    ),
    Mutant(
        "AlphaDropout",
        KERNELS + "dropout.cpp",
        "KeptScale{.scale = scale_of(emit.node()).scale}",
        "KeptScale{.scale = 1.0F}",
        "test_random",
    ),
    Mutant("GaussianDropout", OPS + "dropout.cpp", 'g.make("Mul", {g.dy(), g.output(1)})', "g.dy()", "test_random"),
    Mutant(
        "RandomNormal",
        OPS + "dropout.cpp",
        "void passed_gradient(ir::GradientContext& g) { g.set(0, g.dy()); }",
        'void passed_gradient(ir::GradientContext& g) { g.set(0, g.make("Neg", {g.dy()})); }',
        "test_random",
    ),
    Mutant("SumTo", KERNELS + "reduce.cpp", "*sum += sum_of(x, n, sx);", "*sum -= sum_of(x, n, sx);", "test_arithmetic"),
    Mutant(
        "Gemm, A",
        OPS + "gemm.cpp",
        "product(g.dy(), 0, g.input(1), 1 - trans_b)",
        'g.make("Mul", {product(g.dy(), 0, g.input(1), 1 - trans_b), g.scalar(2.0F)})',
        "test_matrix_products",
    ),
    Mutant("Gemm, B", OPS + "gemm.cpp", '{"alpha", alpha}}', '{"alpha", 1.0}}', "test_matrix_products"),
    Mutant("Gemm, C", OPS + "gemm.cpp", "static_cast<float>(beta)", "static_cast<float>(-beta)", "test_matrix_products"),
    Mutant(
        "MatMul",
        OPS + "matmul.cpp",
        'g.make("Gemm", {as_matrix(g, g.dy()), g.input(1)}, {{"transB", std::int64_t{1}}})',
        'g.make("Gemm", {as_matrix(g, g.dy()), g.input(1)}, {{"transB", std::int64_t{1}}, {"alpha", -1.0}})',
        "test_matrix_products",
    ),
    Mutant(
        "MatMul of stacks, A",
        OPS + "matmul.cpp",
        'g.make("MatMul", {g.dy(), transposed(g, g.input(1))}), g.input(0)',
        'g.make("Mul", {g.make("MatMul", {g.dy(), transposed(g, g.input(1))}), g.scalar(-1.0F)}), g.input(0)',
        "test_matrix_products",
    ),
    Mutant(
        "MatMul of stacks, B",
        OPS + "matmul.cpp",
        'g.make("MatMul", {transposed(g, g.input(0)), g.dy()}), g.input(1)',
        'g.make("Mul", {g.make("MatMul", {transposed(g, g.input(0)), g.dy()}), g.scalar(2.0F)}), g.input(1)',
        "test_matrix_products",
    ),
    Mutant("Gather", KERNELS + "gather.cpp", "to + place * axis.inner, part.size()", "to, part.size()", "test_indexing"),
    Mutant(
        "LSTM, cells",
        SIMD + "recurrent.cpp",
        "put(s.dcells, row, at, n, dcell * f)",
        "put(s.dcells, row, at, n, dcell * i)",
        "test_recurrent",
    ),
    Mutant("LSTM, output gate", SIMD + "recurrent.cpp", "of_sigmoid(dy * bent, o)", "of_sigmoid(dy * bent, i)", "test_recurrent"),
    Mutant(
        "GRU, hidden",
        SIMD + "recurrent.cpp",
        "put(s.dhidden, row, s.n + at, n, dn * r)",
        "put(s.dhidden, row, s.n + at, n, dn)",
        "test_recurrent",
    ),
    Mutant("RNN", SIMD + "recurrent.cpp", ": dy) : of_tanh(dy, y)", ": -dy) : of_tanh(dy, y)", "test_recurrent"),
    Mutant("recurrent weights", OPS + "recurrent.cpp", "steps_of(g, y, 0, steps - 1)", "steps_of(g, y, 1, steps)", "test_recurrent"),
    Mutant(
        "initial states",
        OPS + "recurrent.cpp",
        'sum = sum == nullptr ? first : g.make("Add", {sum, first})',
        "sum = sum == nullptr ? first : sum",
        "test_recurrent",
    ),
    Mutant("Gather, padding", KERNELS + "gather.cpp", "place != axis.padding", "true", "test_indexing"),
    Mutant("GatherElements", KERNELS + "gather.cpp", "axis.inner + k] += *dy++", "axis.inner + k] -= *dy++", "test_indexing"),
    Mutant(
        "Conv, input",
        OPS + "conv.cpp",
        'ir::Attributes attributes = conv_attributes(g.node());\n    attributes.set("input_shape"',
        'ir::Attributes attributes = conv_attributes(g.node());\n    if (attributes.integer("group") == 1) attributes.set("pads", std::vector<std::int64_t>{0, 0, 2, 2});\n    attributes.set("input_shape"',
        "test_convolution",
    ),
    Mutant(
        "Conv, weight",
        SIMD + "outer.cpp",
        "V::multiply_add(factor, vec[j], total[g][i][j])",
        "V::multiply_add(-factor, vec[j], total[g][i][j])",
        "test_convolution",
    ),
    Mutant(
        "Conv, bias",
        KERNELS + "outer_convolution.cpp",
        "images * conv.output[0] * conv.output[1], conv.channels[1], bias)",
        "images * conv.output[0], conv.channels[1], bias)",
        "test_convolution",
    ),
    Mutant(
        "ConvTranspose, input",
        OPS + "conv.cpp",
        'attributes.set("region", spatial_of(g.input(0)->shape()));',
        'attributes.set("strides", std::vector<std::int64_t>(spatial_of(g.dy()->shape()).size(), 1));',
        "test_convolution",
    ),
    Mutant(
        "ConvTranspose, weight",
        OPS + "conv.cpp",
        'g.make("ConvGradWeight", {g.input(0), g.dy()}, attributes)',
        'g.make("Mul", {g.make("ConvGradWeight", {g.input(0), g.dy()}, attributes), g.scalar(-1.0F)})',
        "test_convolution",
    ),
    Mutant(
        "Conv behind a pool, input",
        KERNELS + "sparse_grad_input.cpp",
        "image + window.offset + s.places[place] + slice.image",
        "image + window.offset + s.places[0] + slice.image",
        "test_chains",
    ),
    Mutant(
        "Conv behind a pool, mask",
        SIMD + "sparse_window.cpp",
        "store(to + i, load(y + i) <= zero ? zero : load(dy + i));",
        "store(to + i, load(dy + i));",
        "test_chains",
    ),
    Mutant(
        "MaxPool",
        SIMD + "pool.cpp",
        "chosen == (VecInt{} + places[k]) ? gradient : zero",
        "chosen == (VecInt{} + places[0]) ? gradient : zero",
        "test_pools",
    ),
    Mutant("MaxPool with Relu", SIMD + "pool.cpp", "<= zero ? zero : gradient", "<= zero ? gradient : gradient", "test_pools"),
    Mutant(
        "AveragePool",
        SIMD + "average.cpp",
        "adds ? load_part(pixel, rest) + share : share",
        "adds ? load_part(pixel, rest) - share : share",
        "test_pools",
    ),
    Mutant("GlobalAveragePool", KERNELS + "pool_average.cpp", "static_cast<float>(window.columns), false,", "1.0F, false,", "test_pools"),
    Mutant(
        "BatchNormalization, x",
        SIMD + "normalize.cpp",
        "return fma(g, scale, fma(d, slope, constant));",
        "return fma(g, scale, fma(d, -slope, constant));",
        "test_reductions",
    ),
    Mutant(
        "BatchNormalization, scale",
        KERNELS + "batch_normalization.cpp",
        "dgain.all(lane)[c] = static_cast<float>(sums.total(1, c, lane)",
        "dgain.all(lane)[c] = static_cast<float>(-sums.total(1, c, lane)",
        "test_reductions",
    ),
    Mutant(
        "BatchNormalization, B",
        KERNELS + "batch_normalization.cpp",
        "dshift.all(lane)[c] = static_cast<float>(sums.total(0, c, lane))",
        "dshift.all(lane)[c] = static_cast<float>(2 * sums.total(0, c, lane))",
        "test_reductions",
    ),
    Mutant(
        "LayerNormalization, x",
        SIMD + "layer_norm.cpp",
        "- shift - h * slope));",
        "- shift + h * slope));",
        "test_row_normalization",
    ),
    Mutant("LayerNormalization, Scale", SIMD + "layer_norm.cpp", "i, n, g * h);", "i, n, g);", "test_row_normalization"),
    Mutant(
        "LayerNormalization, B",
        SIMD + "layer_norm.cpp",
        "add_to(t.sums + i, n, g);",
        "add_to(t.sums + i, n, -g);",
        "test_row_normalization",
    ),
    Mutant(
        "GroupNormalization, x",
        KERNELS + "group_normalization.cpp",
        "static_cast<float>(-inverse * sum / g.elements())",
        "static_cast<float>(inverse * sum / g.elements())",
        "test_row_normalization",
    ),
    Mutant(
        "GroupNormalization, x around the mean",
        KERNELS + "group_normalization.cpp",
        "static_cast<float>(-inverse * inverse * inverse * weighted / g.elements())",
        "static_cast<float>(-inverse * inverse * weighted / g.elements())",
        "test_row_normalization",
    ),
    Mutant(
        "GroupNormalization, scale",
        KERNELS + "group_normalization.cpp",
        "gain_sums[c] += second[c]",
        "gain_sums[c] -= second[c]",
        "test_row_normalization",
    ),
    Mutant(
        "GroupNormalization, B",
        KERNELS + "group_normalization.cpp",
        "shift_sums[c] += first[c]",
        "shift_sums[c] += second[c]",
        "test_row_normalization",
    ),
    Mutant(
        "Resample (Resize, adaptive pools, Pad)",
        OPS + "resample.cpp",
        '{static_cast<std::int64_t>(i), node.numbers("weights")[k]}',
        "{static_cast<std::int64_t>(i), 1.0}",
        "test_resampling",
    ),
    Mutant(
        "Flatten",
        OPS + "flatten.cpp",
        "g.set(0, reshaped_like(g, g.dy(), g.input(0)))",
        'g.set(0, g.make("Mul", {reshaped_like(g, g.dy(), g.input(0)), g.scalar(-1.0F)}))',
        "test_shapes",
    ),
    Mutant(
        "Reshape",
        OPS + "reshape.cpp",
        "g.set(0, reshaped_like(g, g.dy(), g.input(0)))",
        'g.set(0, g.make("Mul", {reshaped_like(g, g.dy(), g.input(0)), g.scalar(2.0F)}))',
        "test_shapes",
    ),
    Mutant(
        "Transpose",
        OPS + "transpose.cpp",
        'g.set(0, g.make("Transpose", {g.dy()}, {{"perm", inverse}}))',
        'g.set(0, g.make("Mul", {g.make("Transpose", {g.dy()}, {{"perm", inverse}}), g.scalar(-1.0F)}))',
        "test_shapes",
    ),
    Mutant("Concat", OPS + "concat.cpp", "    start = end;", "    start = 0 * end;", "test_shapes"),
    Mutant(
        "Slice",
        OPS + "slice.cpp",
        'g.set(0, g.make("SliceGrad", {g.dy()}, attributes))',
        'g.set(0, g.make("Mul", {g.make("SliceGrad", {g.dy()}, attributes), g.scalar(-1.0F)}))',
        "test_shapes",
    ),
    Mutant("Split", OPS + "slice.cpp", "sum = sum == nullptr ? spread : g", "sum = sum != nullptr ? spread : g", "test_shapes"),
    Mutant(
        "Split, all parts",
        OPS + "slice.cpp",
        'g.make("Concat", parts, {',
        'g.make("Concat", {parts.rbegin(), parts.rend()}, {',
        "test_shapes",
    ),
    Mutant(
        "Expand",
        OPS + "expand.cpp",
        "sum_to(g, g.dy(), g.input(0))",
        'g.make("Mul", {sum_to(g, g.dy(), g.input(0)), g.scalar(2.0F)})',
        "test_shapes",
    ),
    Mutant("Tile", OPS + "expand.cpp", 'g.make("ReduceSum", {split}', 'g.make("ReduceMean", {split}', "test_shapes"),
    Mutant("Pad", OPS + "pad.cpp", "starts.push_back(pads[static_cast<std::size_t>(axis)]);", "starts.push_back(0);", "test_shapes"),
    Mutant(
        "ReduceSum and ReduceMean",
        KERNELS + "reduce.cpp",
        "const auto scale = static_cast<float>(1.0 / count.at(total_rows));",
        "const auto scale = static_cast<float>(-1.0 / count.at(total_rows));",
        "test_reductions",
    ),
    Mutant(
        "ReduceMean",
        KERNELS + "reduce.cpp",
        "void reduce_mean_grad(Emitter& emit) { spread(emit, true); }",
        "void reduce_mean_grad(Emitter& emit) { spread(emit, false); }",
        "test_reductions",
    ),
    Mutant(
        "SoftmaxCrossEntropyLoss",
        SIMD + "softmax.cpp",
        "static_cast<double>(dx[label]) * factor - t.scale",
        "static_cast<double>(dx[label]) * factor + t.scale",
        "test_reductions",
    ),
    Mutant("MeanSquaredError", KERNELS + "loss.cpp", "static_cast<float>(2.0 *", "static_cast<float>(1.0 *", "test_reductions"),
]


class Workshop:
    """A copy of the tree with a build folder."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.build = folder / "tree", folder / "build"
        ignored = shutil.ignore_patterns(".git", "build", ".venv", "*.so", "__pycache__")
        shutil.copytree(ROOT, self.tree, ignore=ignored)
        bin_folder = Path(sys.executable).parent
        self.environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(self.tree / "python")}
        self._call(
            "cmake",
            "-S",
            str(self.tree),
            "-B",
            str(self.build),
            "-G",
            "Ninja",
            f"-DPython_EXECUTABLE={sys.executable}",
            "-DCMAKE_BUILD_TYPE=Release",
        )
        self.compile()
        module = next((self.build / "bindings").glob("_n2d2*.so"))
        (self.tree / "python" / "n2d2" / module.name).symlink_to(module)

    def _call(self, *command: str) -> None:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")

    def compile(self) -> None:
        """Brings the module up to date."""
        self._call("cmake", "--build", str(self.build), "--target", "_n2d2")

    def passes(self, tests: str) -> bool:
        """Whether the tests of that name pass."""
        command = [sys.executable, "-c", RUN_TESTS, str(self.tree), f"tests/ops/{tests}.py"]
        return subprocess.run(command, cwd=self.tree, env=self.environment, capture_output=True).returncode == 0

    def survives(self, mutant: Mutant) -> bool:
        """Whether no test notices the mutant."""
        path = self.tree / mutant.file
        text = path.read_text()
        if text.count(mutant.right) != 1:
            raise SystemExit(f"{mutant.name}: its text stands {text.count(mutant.right)} times in {mutant.file}, expected once")
        path.write_text(text.replace(mutant.right, mutant.wrong))
        try:
            self.compile()
            return self.passes(mutant.tests)
        finally:
            path.write_text(text)


def main() -> int:
    """Tries the mutants named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    names = parser.parse_args().names
    chosen = [m for m in MUTANTS if not names or any(n.lower() in m.name.lower() for n in names)]
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        for tests in sorted({m.tests for m in chosen}):
            if not workshop.passes(tests):
                raise SystemExit(f"{tests} fails without any mutant")
        survivors = []
        for mutant in chosen:
            survived = workshop.survives(mutant)
            print(f"{'SURVIVES' if survived else 'noticed '}  {mutant.name}", flush=True)
            survivors += [mutant.name] if survived else []
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed" + (f"; nobody notices: {', '.join(survivors)}" if survivors else ""))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
