// Sizes in traced graphs: numbers that follow the inputs' sizes become ops that ask for them.
#pragma once
#include <torch/csrc/jit/ir/ir.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ibn {

// Graphs of one forward at several sizes, as the tracer leaves them: no blocks, one constant for each use,
// types with sizes. Owned by one call, on the thread that traces.
class SizedGraphs {
 public:
  using GraphPtr = std::shared_ptr<torch::jit::Graph>;

  // Why the graphs are not one graph for all sizes; nothing where they are.
  std::optional<std::string> unite(const std::vector<GraphPtr>& graphs);
  // After `unite`: whether what was found there gives this graph too.
  bool covers(const GraphPtr& graph) const;
  // After `unite`: writes what was found into its first graph and forgets the sizes that it was traced with.
  GraphPtr finish();

 private:
  // factor * size(first) * ... * size(last) of a value of the graph.
  struct Extent {
    size_t value;
    size_t first;
    size_t last;
    int64_t factor;
  };
  // The constant that node `node` makes, or one element of it.
  struct Place {
    size_t node;
    Extent extent;
  };

  std::optional<Extent> explain(size_t node, const std::vector<int64_t>& numbers) const;
  std::vector<size_t> candidates(size_t node) const;

  std::vector<GraphPtr> graphs_;
  std::vector<Place> places_;
};

}  // namespace ibn
