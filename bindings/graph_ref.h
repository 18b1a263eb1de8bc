// Handles by which Python reaches into a graph; each keeps the graph alive.
#pragma once
#include <memory>

#include "n2d2/ir/graph.h"

namespace n2d2::bindings {

struct GraphRef {
  std::shared_ptr<ir::Graph> graph;
};

struct ValueRef {
  std::shared_ptr<ir::Graph> graph;
  ir::Value* value;
};

struct NodeRef {
  std::shared_ptr<ir::Graph> graph;
  ir::Node* node;
};

}  // namespace n2d2::bindings
