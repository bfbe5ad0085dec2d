#include "failed_resize.h"

#include "schema.h"

namespace ibn {

namespace {

// Whether every element lies within the storage.
bool fits(const at::Tensor& tensor) {
  int64_t last = tensor.storage_offset();
  for (int64_t i = 0; i < tensor.dim(); i++) {
    if (tensor.size(i) == 0) return true;
    int64_t step = 0;
    if (__builtin_mul_overflow(tensor.size(i) - 1, tensor.stride(i), &step) ||
        __builtin_add_overflow(last, step, &last)) {
      return false;
    }
  }
  const auto items = static_cast<int64_t>(tensor.storage().nbytes() / tensor.element_size());
  return last < items;
}

bool isStrided(const at::Tensor& tensor) {
  return tensor.defined() && tensor.layout() == at::kStrided && tensor.has_storage();
}

}  // namespace

ResizeGuard::ResizeGuard(const BoundOp& op, const std::vector<c10::IValue>& operands) {
  for (const size_t index : op.resized) {
    const c10::IValue& operand = operands[index];
    if (operand.isTensor()) remember(operand.toTensor());
    if (operand.isTensorList()) {
      for (const at::Tensor& tensor : operand.toTensorVector()) remember(tensor);
    }
  }
}

void ResizeGuard::remember(const at::Tensor& tensor) {
  if (!isStrided(tensor)) return;
  before_.push_back({tensor,
                     tensor.storage(),
                     {tensor.sizes().begin(), tensor.sizes().end()},
                     {tensor.strides().begin(), tensor.strides().end()},
                     tensor.storage_offset()});
}

void ResizeGuard::restore(const Sizes& before) {
  if (!isStrided(before.tensor) || fits(before.tensor)) return;
  c10::TensorImpl* impl = before.tensor.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(before.storage);
  impl->set_sizes_and_strides(before.size, before.stride, before.offset);
}

ResizeGuard::~ResizeGuard() {
  for (const Sizes& sizes : before_) restore(sizes);
}

void fitOut(const BoundOp& op, const std::vector<c10::IValue>& operands) {
  if (!op.trusts_out) return;
  const at::Tensor& self = operands.front().toTensor();
  const at::Tensor& out = operands.back().toTensor();
  if (out.sizes() != self.sizes()) out.resize_(self.sizes());
}

}  // namespace ibn
