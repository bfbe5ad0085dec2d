#include "sizes.h"

#include <ATen/ops/equal.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/shape_analysis.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace ibn {

namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = c10::prim;
namespace aten = c10::aten;

// A graph's nodes and values in order, so that those of two graphs can be told to be the same.
struct Listing {
  explicit Listing(Graph& graph) {
    for (Value* input : graph.inputs()) add(input);
    for (Node* node : graph.nodes()) {
      nodes.push_back(node);
      starts.push_back(values.size());
      for (Value* output : node->outputs()) add(output);
    }
    nodes.push_back(graph.return_node());
    starts.push_back(values.size());
  }

  void add(Value* value) {
    places.emplace(value, values.size());
    values.push_back(value);
  }

  std::vector<Node*> nodes;
  std::vector<Value*> values;
  std::vector<size_t> starts;  // how many values there are before each node
  std::unordered_map<const Value*, size_t> places;
};

bool sameTensor(const at::Tensor& a, const at::Tensor& b) {
  if (a.is_same(b)) return true;
  if (!a.defined() || !b.defined()) return false;
  return a.scalar_type() == b.scalar_type() && a.device() == b.device() && at::equal(a, b);
}

bool sameConstant(const c10::IValue& a, const c10::IValue& b) {
  if (a.isTensor() && b.isTensor()) return sameTensor(a.toTensor(), b.toTensor());
  if (a.isDouble() && b.isDouble() && std::isnan(a.toDouble())) return std::isnan(b.toDouble());
  return a.tagKind() == b.tagKind() && a == b;
}

bool sameAttributes(const Node& a, const Node& b) {
  if (a.attributeNames() != b.attributeNames()) return false;
  return std::ranges::all_of(a.attributeNames(), [&](c10::Symbol name) {
    if (a.kindOf(name) != b.kindOf(name)) return false;
    return a.kindOf(name) == torch::jit::AttributeKind::s && a.s(name) == b.s(name);
  });
}

// Whether two nodes do the same to the same values; constants are looked at elsewhere.
bool sameNode(const Listing& a, const Listing& b, size_t i) {
  const Node& one = *a.nodes[i];
  const Node& two = *b.nodes[i];
  if (one.kind() != two.kind() || one.outputs().size() != two.outputs().size()) return false;
  if (one.kind() != prim::Constant && !sameAttributes(one, two)) return false;
  return std::ranges::equal(one.inputs(), two.inputs(),
                            [&](const Value* x, const Value* y) { return a.places.at(x) == b.places.at(y); });
}

// The op that takes what a node makes, lists taken apart.
const Node* consumer(const Node* node) {
  while (node->kind() == prim::Constant || node->kind() == prim::ListConstruct) {
    if (node->outputs().size() != 1 || node->output()->uses().empty()) return node;
    node = node->output()->uses()[0].user;
  }
  return node;
}

std::string nameOf(const Node* node) {
  return consumer(node)->kind().toUnqualString();
}

// Sizes that a value had when it was traced; nothing for what is no tensor.
std::optional<std::vector<int64_t>> sizesOf(const Value* value) {
  const auto type = value->type()->cast<c10::TensorType>();
  return type ? type->sizes().concrete_sizes() : std::nullopt;
}

int64_t product(const std::vector<int64_t>& sizes, size_t first, size_t last) {
  int64_t result = 1;
  for (size_t i = first; i <= last; i++) result *= sizes[i];
  return result;
}

std::string differs(const Node* node, const std::string& how) {
  return "its " + nameOf(node) + " " + how;
}

}  // namespace

std::optional<std::string> SizedGraphs::unite(const std::vector<GraphPtr>& graphs) {
  graphs_ = graphs;
  places_.clear();
  std::vector<Listing> listings;
  listings.reserve(graphs.size());
  for (const GraphPtr& graph : graphs) listings.emplace_back(*graph);
  const Listing& first = listings[0];
  for (size_t i = 0; i < first.nodes.size(); i++) {
    std::vector<c10::IValue> constants;
    for (const Listing& other : listings) {
      if (other.nodes.size() != first.nodes.size() || !sameNode(first, other, i)) {
        return differs(first.nodes[i], "is not done alike");
      }
      if (other.nodes[i]->kind() != prim::Constant) continue;
      auto constant = torch::jit::toIValue(other.nodes[i]->output());
      if (!constant) return differs(first.nodes[i], "is a constant without a value");
      constants.push_back(*std::move(constant));
    }
    const auto same = [&](const c10::IValue& other) { return sameConstant(constants[0], other); };
    if (constants.empty() || std::ranges::all_of(constants, same)) continue;
    std::vector<int64_t> numbers;
    for (const c10::IValue& constant : constants) {
      if (!constant.isInt()) return differs(first.nodes[i], "takes a constant that depends on them");
      numbers.push_back(constant.toInt());
    }
    const auto extent = explain(i, numbers);
    if (!extent) {
      const auto other = std::ranges::find_if(numbers, [&](int64_t number) { return number != numbers[0]; });
      return differs(first.nodes[i],
                     "takes " + std::to_string(numbers[0]) + " and " + std::to_string(*other));
    }
    places_.push_back({i, *extent});
  }
  return std::nullopt;
}

// What a number of the op that takes it may be the size of, likeliest first: what that op takes, the inputs,
// all other values from the nearest back.
std::vector<size_t> SizedGraphs::candidates(size_t node) const {
  const Listing listing(*graphs_[0]);
  std::vector<size_t> found;
  std::unordered_set<size_t> seen;
  const auto add = [&](size_t value) {
    if (value < listing.starts[node] && seen.insert(value).second) found.push_back(value);
  };
  for (const Value* input : consumer(listing.nodes[node])->inputs()) add(listing.places.at(input));
  for (const Value* input : graphs_[0]->inputs()) add(listing.places.at(input));
  for (size_t value = listing.starts[node]; value-- > 0;) add(value);
  return found;
}

std::optional<SizedGraphs::Extent> SizedGraphs::explain(size_t node,
                                                        const std::vector<int64_t>& numbers) const {
  std::vector<Listing> listings;
  listings.reserve(graphs_.size());
  for (const GraphPtr& graph : graphs_) listings.emplace_back(*graph);
  for (const size_t value : candidates(node)) {
    std::vector<std::vector<int64_t>> sizes;
    for (const Listing& listing : listings) {
      if (auto known = sizesOf(listing.values[value])) sizes.push_back(std::move(*known));
    }
    if (sizes.size() != numbers.size()) continue;
    for (size_t first = 0; first < sizes[0].size(); first++) {
      for (size_t last = first; last < sizes[0].size(); last++) {
        const int64_t one = product(sizes[0], first, last);
        if (one == 0 || numbers[0] % one != 0) continue;
        const int64_t factor = numbers[0] / one;
        bool fits = factor > 0;
        for (size_t i = 0; fits && i < sizes.size(); i++) {
          fits = sizes[i].size() == sizes[0].size() && product(sizes[i], first, last) * factor == numbers[i];
        }
        if (fits) return Extent{value, first, last, factor};
      }
    }
  }
  return std::nullopt;
}

bool SizedGraphs::covers(const GraphPtr& graph) const {
  const Listing first(*graphs_[0]);
  const Listing other(*graph);
  if (first.nodes.size() != other.nodes.size()) return false;
  auto place = places_.begin();
  for (size_t i = 0; i < first.nodes.size(); i++) {
    if (!sameNode(first, other, i)) return false;
    if (first.nodes[i]->kind() != prim::Constant) continue;
    const auto want = torch::jit::toIValue(first.nodes[i]->output());
    const auto got = torch::jit::toIValue(other.nodes[i]->output());
    if (!want || !got) return false;
    if (place == places_.end() || place->node != i) {
      if (!sameConstant(*want, *got)) return false;
      continue;
    }
    const Extent& extent = place++->extent;
    const auto sizes = sizesOf(other.values[extent.value]);
    if (!sizes || sizes->size() <= extent.last || !got->isInt()) return false;
    if (product(*sizes, extent.first, extent.last) * extent.factor != got->toInt()) return false;
  }
  return true;
}

namespace {

// Inserts `factor * size(first) * ... * size(last)` where the graph's insertion point is.
Value* insertExtent(Graph& graph, Value* of, size_t first, size_t last, int64_t factor) {
  Value* total = nullptr;
  const auto multiply = [&](Value* by) { total = total ? graph.insert(aten::mul, {total, by}) : by; };
  for (size_t dim = first; dim <= last; dim++) {
    multiply(graph.insert(aten::size, {of, static_cast<int64_t>(dim)}));
  }
  if (factor != 1) multiply(graph.insertConstant(factor));
  return total;
}

}  // namespace

SizedGraphs::GraphPtr SizedGraphs::finish() {
  Graph& graph = *graphs_[0];
  const Listing listing(graph);
  for (const auto& [node, extent] : places_) {
    Value* of = listing.values[extent.value];
    // Right behind what made it: ops in place may give it other sizes later.
    Node* maker = of->node();
    const torch::jit::WithInsertPoint guard(maker->kind() == prim::Param ? *graph.nodes().begin()
                                                                         : maker->next());
    Value* number = insertExtent(graph, of, extent.first, extent.last, extent.factor);
    listing.nodes[node]->output()->replaceAllUsesWith(number);
    listing.nodes[node]->destroy();
  }
  torch::jit::EraseShapeInformation(graphs_[0]);
  graph.lint();
  return graphs_[0];
}

}  // namespace ibn
