// Nodes of autograd's graph in every libtorch: held by std::shared_ptr in the older ones, by
// c10::intrusive_ptr in the newer.
#pragma once
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>

#include <memory>
#include <type_traits>

namespace ibn {

using NodePtr = decltype(torch::autograd::Edge::function);
constexpr bool kSharedNodes = std::is_same_v<NodePtr, std::shared_ptr<torch::autograd::Node>>;
using WeakNode = std::conditional_t<kSharedNodes, std::weak_ptr<torch::autograd::Node>,
                                    c10::weak_intrusive_ptr<torch::autograd::Node>>;

// Calls `letGo()` when the last owner of a node goes, though weak pointers to it remain.
template <typename Base>
class Releasing : public Base {
 public:
  using Base::Base;
  // Overrides where the base has it.
  void release_resources() {  // NOLINT(modernize-use-override)
    letGo();
    if constexpr (requires(Base& base) { base.release_resources(); }) Base::release_resources();
  }

 protected:
  virtual void letGo() = 0;
};

template <typename N, typename... Args>
NodePtr makeNode(Args&&... args) {
  if constexpr (kSharedNodes) {
    return NodePtr(std::shared_ptr<N>(new N(std::forward<Args>(args)...), [](N* node) { deleteNode(node); }));
  } else {
    return c10::make_intrusive<N>(std::forward<Args>(args)...);
  }
}

}  // namespace ibn
