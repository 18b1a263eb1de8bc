// Shape inference that several operators share. Everything here throws ShapeError, TypeError or ValueError with the shapes seen.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "n2d2/ir/gradient_context.h"
#include "n2d2/ir/graph.h"

namespace n2d2::ops {

using ir::TensorType;
using Types = std::vector<TensorType>;

/// One output of the type of the first input.
Types same_as_first(const ir::Node& node);
/// One output of the type of the second input: gradients take the shape of what they differentiate.
Types same_as_second(const ir::Node& node);
/// Both inputs have one shape, and so has the output.
Types same_as_both(const ir::Node& node);

void expect_float(const ir::Node& node, std::size_t input);
/// int32 or int64.
void expect_integers(const ir::Node& node, std::size_t input);
void expect_rank(const ir::Node& node, std::size_t input, int rank);
void expect_same_shape(const ir::Node& node, std::size_t a, std::size_t b);
/// An attribute that is a list of `count` numbers, each at least `least`.
const std::vector<std::int64_t>& expect_list(const ir::Node& node, const std::string& name, std::size_t count, std::int64_t least);

/// NumPy's rule: extents are equal or 1, aligned at the end. Source: ONNX, Broadcasting in ONNX.
Shape broadcast(const Shape& a, const Shape& b);

/// The shape of `x` without the `axes` of the node (all when empty), or with 1 there when `keepdims`.
Shape reduced_shape(const ir::Node& node, const Shape& x);

/// Extents as an attribute; the number of rows is -1, k times it -k.
std::vector<std::int64_t> extents_of(const Shape& shape);
Shape shape_of(const std::vector<std::int64_t>& extents);

/// `gradient` summed down to the shape that `value` had before it was broadcast.
ir::Value* sum_to(ir::GradientContext& context, ir::Value* gradient, const ir::Value* value);

/// `gradient` with the shape of `value`, row-major.
ir::Value* reshaped_like(ir::GradientContext& context, ir::Value* gradient, const ir::Value* value);

}  // namespace n2d2::ops
