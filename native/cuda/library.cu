// The ops of libibn_cuda.so. Only libtorch's stable ABI is used, so that one build serves every libtorch
// from 2.11 on. Their schemas are the binding's (native/ops/instance_batch_norm.cc), and so are the
// arguments' names and order, which a test compares. The binding allocates what they write, so that running
// out of memory is its error.
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/tensor.h>

#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "passes.cuh"
#include "tensor_layout.h"

namespace {

using ibn::cuda::BatchMode;
using ibn::cuda::ElementType;
using ibn::cuda::Layout;
using ibn::cuda::Problem;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using MaybeTensor = std::optional<Tensor>;

template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::runtime_error(text.str());
}

std::string shapeText(const Tensor& tensor) {
  std::ostringstream text;
  text << "[";
  for (int64_t i = 0; i < tensor.dim(); i++) text << (i == 0 ? "" : ", ") << tensor.size(i);
  text << "]";
  return text.str();
}

std::optional<ElementType> typeOf(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return ElementType::kFloat;
    case ScalarType::Half:
      return ElementType::kHalf;
    case ScalarType::BFloat16:
      return ElementType::kBfloat16;
    default:
      return std::nullopt;
  }
}

ElementType requireType(const Tensor& tensor, const char* name) {
  const auto type = typeOf(tensor);
  if (!type) fail("Expected float32, float16 or bfloat16 for ", name, ", got another dtype");
  return *type;
}

void requireDevice(const Tensor& tensor, const char* name, int32_t device) {
  if (!tensor.is_cuda()) fail("Expected a CUDA tensor for ", name, ", got one of another device");
  if (tensor.get_device_index() == device) return;
  fail("Expected ", name, " on cuda:", device, " as input is, got cuda:", tensor.get_device_index());
}

Layout requireLayout(const Tensor& tensor, const char* name) {
  const auto sizes = tensor.sizes();
  const auto strides = tensor.strides();
  const auto layout = ibn::cuda::layoutOf(sizes.data(), strides.data());
  if (!layout) fail("Expected a contiguous or channels_last tensor for ", name, ", got other strides");
  return *layout;
}

// The checks that all tensors of one call share.
class Checks {
 public:
  explicit Checks(const Tensor& input) : input_(input) {
    if (!input.is_cuda()) fail("Expected a CUDA tensor for input, got one of another device");
    if (input.dim() != 4) fail("Expected 4 dimensions for input, got ", shapeText(input));
    type_ = requireType(input, "input");
    layout_ = requireLayout(input, "input");
    device_ = input.get_device_index();
  }

  Problem problem(int64_t start, int64_t end, int64_t mode) const {
    const int64_t channels = input_.size(1);
    if (channels > std::numeric_limits<int32_t>::max()) fail("Expected fewer channels, got ", channels);
    if (start < 0 || start > end || end > channels) {
      fail("Expected a range within ", channels, " channels for start and end, got ", start, " to ", end);
    }
    if (mode < 0 || mode > 2) fail("Expected 0, 1 or 2 for batch_mode, got ", mode);
    const bool none = start == end;
    Problem problem = {};
    problem.layout = layout_;
    problem.type = type_;
    problem.channels = {static_cast<int32_t>(channels), none ? 0 : static_cast<int32_t>(start),
                        none ? 0 : static_cast<int32_t>(end), static_cast<BatchMode>(mode)};
    problem.samples = input_.size(0);
    problem.size = input_.size(2) * input_.size(3);
    return problem;
  }

  // A tensor that lies as the input does.
  const void* like(const Tensor& tensor, const char* name) const {
    requireDevice(tensor, name, device_);
    if (tensor.dim() != 4) fail("Expected the shape of input for ", name, ", got ", shapeText(tensor));
    for (int64_t i = 0; i < 4; i++) {
      if (tensor.size(i) != input_.size(i)) {
        fail("Expected shape ", shapeText(input_), " for ", name, ", got ", shapeText(tensor));
      }
    }
    if (requireType(tensor, name) != type_) fail("Expected the dtype of input for ", name, ", got another");
    if (input_.numel() > 0 && requireLayout(tensor, name) != layout_) {
      fail("Expected the memory format of input for ", name, ", got another");
    }
    return tensor.const_data_ptr();
  }

  const void* like(const MaybeTensor& tensor, const char* name) const {
    return tensor ? like(*tensor, name) : nullptr;
  }

  ibn::cuda::Vector vector(const MaybeTensor& tensor, const char* name, int64_t length) const {
    if (!tensor) return {nullptr, ElementType::kFloat};
    requireDevice(*tensor, name, device_);
    if (tensor->dim() != 1 || tensor->size(0) != length) {
      fail("Expected shape [", length, "] for ", name, ", got ", shapeText(*tensor));
    }
    if (!tensor->is_contiguous()) fail("Expected a contiguous tensor for ", name, ", got other strides");
    return {tensor->const_data_ptr(), requireType(*tensor, name)};
  }

  // Memory of float32 that the kernels write, at least `length` long.
  float* floats(const Tensor& tensor, const char* name, int64_t length) const {
    requireDevice(tensor, name, device_);
    if (requireType(tensor, name) != ElementType::kFloat)
      fail("Expected float32 for ", name, ", got another dtype");
    if (!tensor.is_contiguous()) fail("Expected a contiguous tensor for ", name, ", got other strides");
    if (tensor.numel() < length) {
      fail("Expected at least ", length, " elements for ", name, ", got ", tensor.numel(),
           "; the binding and libibn_cuda.so may be of different versions");
    }
    return static_cast<float*>(tensor.mutable_data_ptr());
  }

  float* floats(const MaybeTensor& tensor, const char* name, int64_t length) const {
    if (tensor) return floats(*tensor, name, length);
    if (length > 0) fail("Expected at least ", length, " elements for ", name, ", got none");
    return nullptr;
  }

  int32_t device() const { return device_; }

  cudaStream_t stream() const {
    void* stream = nullptr;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(device_, &stream));
    return static_cast<cudaStream_t>(stream);
  }

 private:
  const Tensor& input_;
  ElementType type_;
  Layout layout_;
  int32_t device_;
};

struct Affine {
  const MaybeTensor &instance_weight, &instance_bias, &batch_weight, &batch_bias;
};

ibn::cuda::Parameters parametersOf(const Checks& checks, const Problem& problem, const Affine& affine,
                                   double instance_eps, double batch_eps, bool relu) {
  const int64_t instances = problem.channels.instances();
  const int64_t batches = problem.channels.batches();
  ibn::cuda::Parameters parameters = {};
  parameters.instance_weight = checks.vector(affine.instance_weight, "instance_weight", instances);
  parameters.instance_bias = checks.vector(affine.instance_bias, "instance_bias", instances);
  parameters.batch_weight = checks.vector(affine.batch_weight, "batch_weight", batches);
  parameters.batch_bias = checks.vector(affine.batch_bias, "batch_bias", batches);
  parameters.instance_eps = static_cast<float>(instance_eps);
  parameters.batch_eps = static_cast<float>(batch_eps);
  parameters.relu = relu;
  return parameters;
}

void setRunning(ibn::cuda::Forward& forward, const Checks& checks, const MaybeTensor& running_mean,
                const MaybeTensor& running_var) {
  const int64_t batches = forward.problem.channels.batches();
  if (running_mean.has_value() != running_var.has_value()) {
    fail("Expected both or neither of running_mean and running_var, got one");
  }
  if (!running_mean && forward.problem.channels.mode == BatchMode::kRunning && batches > 0) {
    fail("Expected running_mean and running_var for batch_mode 1, got none");
  }
  if (!running_mean) return;
  const auto mean = checks.vector(running_mean, "running_mean", batches);
  const auto var = checks.vector(running_var, "running_var", batches);
  if (mean.type != var.type) fail("Expected one dtype for running_mean and running_var, got two");
  forward.running_mean = running_mean->mutable_data_ptr();
  forward.running_var = running_var->mutable_data_ptr();
  forward.running_type = mean.type;
}

void forwardOut(const Tensor& input, const MaybeTensor& residual, int64_t start, int64_t end,
                const MaybeTensor& instance_weight, const MaybeTensor& instance_bias,
                const MaybeTensor& batch_weight, const MaybeTensor& batch_bias,
                const MaybeTensor& running_mean, const MaybeTensor& running_var, double instance_eps,
                double batch_eps, bool relu, double momentum, int64_t batch_mode, const Tensor& output,
                const MaybeTensor& statistics, const MaybeTensor& workspace) {
  const Checks checks(input);
  ibn::cuda::Forward forward = {};
  forward.problem = checks.problem(start, end, batch_mode);
  forward.parameters =
      parametersOf(checks, forward.problem, {instance_weight, instance_bias, batch_weight, batch_bias},
                   instance_eps, batch_eps, relu);
  setRunning(forward, checks, running_mean, running_var);
  forward.momentum = static_cast<float>(momentum);
  forward.input = input.const_data_ptr();
  forward.residual = checks.like(residual, "residual");
  const void* written = checks.like(output, "output");
  forward.output = output.mutable_data_ptr();
  if (statistics) {
    forward.mean = checks.floats(*statistics, "statistics", 2 * forward.problem.statistics());
    forward.rstd = forward.mean + forward.problem.statistics();
  }
  const bool aligned = ibn::cuda::isAligned(forward.problem, forward.input, forward.residual, written);
  const ibn::cuda::Plan plan = ibn::cuda::planForward(forward.problem, aligned);
  float* scratch = checks.floats(workspace, "workspace", plan.floats);
  const torch::stable::accelerator::DeviceGuard guard(checks.device());
  ibn::cuda::runForward(forward, plan, scratch, checks.stream());
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

// The statistics stand for running ones, eps and momentum.
void backwardOut(const Tensor& input, const MaybeTensor& residual, int64_t start, int64_t end,
                 const MaybeTensor& instance_weight, const MaybeTensor& instance_bias,
                 const MaybeTensor& batch_weight, const MaybeTensor& batch_bias,
                 const MaybeTensor& /*running_mean*/, const MaybeTensor& /*running_var*/, double instance_eps,
                 double batch_eps, bool relu, double /*momentum*/, int64_t batch_mode,
                 const Tensor& grad_output, const Tensor& statistics, const Tensor& grad_input,
                 const Tensor& grad_affine, const MaybeTensor& workspace) {
  const Checks checks(input);
  ibn::cuda::Backward backward = {};
  const Problem& problem = backward.problem = checks.problem(start, end, batch_mode);
  backward.parameters =
      parametersOf(checks, problem, {instance_weight, instance_bias, batch_weight, batch_bias}, instance_eps,
                   batch_eps, relu);
  backward.grad_output = checks.like(grad_output, "grad_output");
  backward.input = input.const_data_ptr();
  backward.residual = checks.like(residual, "residual");
  const void* written = checks.like(grad_input, "grad_input");
  backward.grad_input = grad_input.mutable_data_ptr();
  backward.mean = checks.floats(statistics, "statistics", 2 * problem.statistics());
  backward.rstd = backward.mean + problem.statistics();
  backward.grad_weight = checks.floats(grad_affine, "grad_affine", 2 * int64_t{problem.channels.count});
  backward.grad_bias = backward.grad_weight + problem.channels.count;
  const bool aligned =
      ibn::cuda::isAligned(problem, backward.input, backward.residual, backward.grad_output, written);
  const ibn::cuda::Plan plan = ibn::cuda::planBackward(problem, aligned);
  float* scratch = checks.floats(workspace, "workspace", plan.floats);
  const torch::stable::accelerator::DeviceGuard guard(checks.device());
  ibn::cuda::runBackward(backward, plan, scratch, checks.stream());
  STD_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(ibn, CUDA, m) {
  m.impl("_instance_batch_norm_out", TORCH_BOX(&forwardOut));
  m.impl("_instance_batch_norm_backward_out", TORCH_BOX(&backwardOut));
}
