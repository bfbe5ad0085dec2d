// What an op leaves behind when it fails. libtorch's resize_ and its out variants set a tensor's sizes before
// they find that its memory cannot grow; the next op would then read past the end
// (aten/src/ATen/native/Resize.h, 2.13).
#pragma once
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/SmallVector.h>

namespace ibn {

struct BoundOp;

// Remembers sizes and memory of the tensors that an op may resize. Gives them back, where the memory is too
// small for the new sizes, unless `succeeded()` was called.
class ResizeGuard {
 public:
  ResizeGuard(const BoundOp& op, const std::vector<c10::IValue>& operands);
  ~ResizeGuard();
  ResizeGuard(const ResizeGuard&) = delete;
  ResizeGuard& operator=(const ResizeGuard&) = delete;
  void succeeded() { before_.clear(); }

 private:
  struct Sizes {
    at::Tensor tensor;
    c10::Storage storage;
    c10::SmallVector<int64_t, 6> size, stride;
    int64_t offset;
  };
  void remember(const at::Tensor& tensor);
  static void restore(const Sizes& before);

  std::vector<Sizes> before_;
};

// Gives the last operand the sizes of the first where the op writes as many elements, whatever there is room
// for (rrelu_with_noise.out, 2.13, Activation.cpp).
void fitOut(const BoundOp& op, const std::vector<c10::IValue>& operands);

}  // namespace ibn
