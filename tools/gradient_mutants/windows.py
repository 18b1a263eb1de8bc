"""Convolutions, pools and resampling, also fused in chains."""

from __future__ import annotations

from gradient_mutants.mutant import KERNELS, OPS, SIMD, mutants

MUTANTS = [
    *mutants(
        OPS + "conv.cpp",
        "test_convolution",
        (
            "Conv, input",
            'ir::Attributes attributes = conv_attributes(g.node());\n    attributes.set("input_shape"',
            'ir::Attributes attributes = conv_attributes(g.node());\n    if (attributes.integer("group") == 1) attributes.set("pads", std::vector<std::int64_t>{0, 0, 2, 2});\n    attributes.set("input_shape"',
        ),
        (
            "ConvTranspose, input",
            'attributes.set("region", spatial_of(g.input(0)->shape()));',
            'attributes.set("strides", std::vector<std::int64_t>(spatial_of(g.dy()->shape()).size(), 1));',
        ),
        (
            "ConvTranspose, weight",
            'g.make("ConvGradWeight", {g.input(0), g.dy()}, attributes)',
            'g.make("Mul", {g.make("ConvGradWeight", {g.input(0), g.dy()}, attributes), g.scalar(-1.0F)})',
        ),
    ),
    *mutants(
        SIMD + "outer.cpp",
        "test_convolution",
        ("Conv, weight", "V::multiply_add(factor, vec[j], total[g][i][j])", "V::multiply_add(-factor, vec[j], total[g][i][j])"),
    ),
    *mutants(
        KERNELS + "convolution/outer_convolution.cpp",
        "test_convolution",
        (
            "Conv, bias",
            "sum_rows(gradients, images * outputs, channels, bias)",
            "sum_rows(gradients, images, channels, bias)",
        ),
    ),
    *mutants(
        SIMD + "winograd_lines.h",
        "test_convolution",
        ("Conv, weight by tiles of two", "g[1] = (s[1] - s[2]) * 0.5F;", "g[1] = (s[1] + s[2]) * 0.5F;"),
        ("Conv, gradient of a tile of two", "t[2] = dy[0] - dy[1];", "t[2] = dy[0] + dy[1];"),
        ("Conv, weight by tiles of four", "g[1] = odd_p + odd_q;", "g[1] = odd_p - odd_q;"),
        ("Conv, gradient of a tile of four", "(dy[1] + 2.0F * dy[3]) * kQ", "(dy[1] + 0.5F * dy[3]) * kQ"),
    ),
    *mutants(
        KERNELS + "normalization/batch_normalization.cpp",
        "test_chains",
        ("BatchNormalization, computed again", 'emit.in(4), emit.node().integer("relu") != 0,', "emit.in(4), false,"),
    ),
    *mutants(
        KERNELS + "convolution/sparse_grad_input.cpp",
        "test_chains",
        (
            "Conv behind a pool, input",
            "s.places[place] + slice.image",
            "s.places[0] + slice.image",
        ),
    ),
    *mutants(
        KERNELS + "convolution/sparse_convolution.h",
        "test_chains",
        ("Conv behind a pool, mask", ".y = y ? y.rows(lane) + first : nullptr,", ".y = nullptr,"),
    ),
    *mutants(
        SIMD + "sparse_window.cpp",
        "test_chains",
        ("Conv behind a pool, windows side by side", "sums[i][j] = sums[i][j + kPool];", "sums[i][j] = Vec{};"),
    ),
    *mutants(
        SIMD + "sparse_pick.cpp",
        "test_chains",
        ("Conv behind a pool, few channels", "<= zero ? zero : gradient;", "<= zero ? gradient : gradient;"),
    ),
    *mutants(
        SIMD + "pool.cpp",
        "test_pools",
        ("MaxPool", "chosen == (VecInt{} + places[k]) ? gradient : zero", "chosen == (VecInt{} + places[0]) ? gradient : zero"),
        ("MaxPool with Relu", "<= zero ? zero : gradient", "<= zero ? gradient : gradient"),
    ),
    *mutants(
        SIMD + "average.cpp",
        "test_pools",
        ("AveragePool", "adds ? load_part(pixel, rest) + share : share", "adds ? load_part(pixel, rest) - share : share"),
    ),
    *mutants(
        KERNELS + "pools/pool_average.cpp",
        "test_pools",
        ("GlobalAveragePool", "static_cast<float>(window.columns), false,", "1.0F, false,"),
    ),
    *mutants(
        OPS + "resample.cpp",
        "test_resampling",
        (
            "Resample (Resize, adaptive pools, Pad)",
            '{static_cast<std::int64_t>(i), node.numbers("weights")[k]}',
            "{static_cast<std::int64_t>(i), 1.0}",
        ),
    ),
]
