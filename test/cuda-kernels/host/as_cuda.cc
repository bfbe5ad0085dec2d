// ibn_test_cuda::as_cuda: a CPU tensor's memory under the name of a CUDA tensor, so that ops for CUDA are
// called, and check what they are given, where there is no GPU. What would run a kernel on it fails for want
// of a driver.
#include <ATen/ATen.h>
#include <torch/library.h>

namespace {

at::Tensor asCuda(const at::Tensor& x) {
  return at::for_blob(x.data_ptr(), x.sizes())
      .strides(x.strides())
      .deleter([x](void*) {})
      .options(x.options().device(at::Device(at::kCUDA, 0)))
      .target_device(at::Device(at::kCUDA, 0))
      .make_tensor();
}

}  // namespace

TORCH_LIBRARY(ibn_test_cuda, m) {
  m.def("as_cuda(Tensor x) -> Tensor", &asCuda);
}
