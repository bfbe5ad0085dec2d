// Capture of CUDA graphs: libibn_cudagraph-<minor>.so, one for each libtorch minor, since at::cuda::CUDAGraph
// is no part of the stable ABI. A graph is an object that ops make and take; it goes with its last reference.
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <torch/custom_class.h>
#include <torch/library.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using Pool = at::cuda::MempoolId_t;
namespace allocator = c10::cuda::CUDACachingAllocator;

// Where a capture that has begun takes place.
struct Capture {
  at::cuda::CUDAStream stream;
  Pool pool;
};

// Pinned memory has pools, too, from libtorch 2.12 on.
template <typename Allocator>
void endHostPool(Allocator* host, const Pool& pool) {
  if constexpr (requires { host->end_allocate_to_pool(pool); }) {
    host->end_allocate_to_pool(pool);
    host->release_pool(pool);
  }
}

// Before 2.14 a capture that failed leaves the allocators serving it: with a filter that points to the graph,
// which may be gone by the next allocation. Throws nothing: destructors call it.
void endPool(const Capture& capture) {
  try {
    allocator::endAllocateToPool(capture.stream.device_index(), capture.pool);
    allocator::releasePool(capture.stream.device_index(), capture.pool);
    endHostPool(at::getHostAllocator(at::kCUDA), capture.pool);
  } catch (const c10::Error&) {  // NOLINT(bugprone-empty-catch)
    // libtorch has ended it itself.
  }
}

bool isCapturing() {
  return c10::cuda::device_count() > 0 &&
         c10::cuda::currentStreamCaptureStatusMayInitCtx() != c10::cuda::CaptureStatus::None;
}

// Used by one thread at a time: that of the JavaScript environment that made it.
class CudaGraph : public torch::CustomClassHolder {
 public:
  CudaGraph() = default;
  ~CudaGraph() override {
    if (capture_) abandon();
  }
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  void begin(const Pool& pool, cudaStreamCaptureMode mode) {
    TORCH_CHECK(!capture_,
                "Expected a graph that is not capturing, got one whose capture has begun; end it first");
    const auto stream = at::cuda::getCurrentCUDAStream();
    TORCH_CHECK(!isCapturing(),
                "Expected a stream that is not capturing, got one of another graph; captures do not nest");
    const bool shares = pool.first != 0 || pool.second != 0;
    const Capture capture = {stream, shares ? pool : at::cuda::graph_pool_handle()};
    graph_.capture_begin(capture.pool, mode);
    capture_ = capture;
  }

  void end() {
    TORCH_CHECK(capture_, "Expected a graph whose capture has begun, got one that is not capturing");
    TORCH_CHECK(at::cuda::getCurrentCUDAStream() == capture_->stream,
                "Expected the stream that the capture began on as the current one, got another");
    try {
      graph_.capture_end();
    } catch (...) {
      abandon();
      throw;
    }
    capture_.reset();
  }

  void replay() { graph_.replay(); }

  void reset() {
    TORCH_CHECK(!capture_,
                "Expected a graph that is not capturing, got one whose capture has begun; end it first");
    graph_.reset();
  }

  Pool pool() { return graph_.pool(); }

 private:
  void abandon() {
    const Capture capture = *std::exchange(capture_, std::nullopt);
    graph_.reset();
    endPool(capture);
  }

  at::cuda::CUDAGraph graph_;
  std::optional<Capture> capture_;
};

using GraphPtr = c10::intrusive_ptr<CudaGraph>;

std::vector<int64_t> toInts(const Pool& pool) {
  return {static_cast<int64_t>(pool.first), static_cast<int64_t>(pool.second)};
}

Pool toPool(const std::optional<std::vector<int64_t>>& ids) {
  if (!ids) return {0, 0};
  TORCH_CHECK(
      ids->size() == 2 && ids->at(0) >= 0 && ids->at(1) >= 0 && (ids->at(0) == 0) != (ids->at(1) == 0),
      "Expected a pool of a graph or of graphPoolHandle for pool, got other numbers");
  return {static_cast<uint64_t>(ids->at(0)), static_cast<uint64_t>(ids->at(1))};
}

cudaStreamCaptureMode toMode(const std::string& mode) {
  if (mode == "thread_local") return cudaStreamCaptureModeThreadLocal;
  if (mode == "global") return cudaStreamCaptureModeGlobal;
  TORCH_CHECK(mode == "relaxed", "Expected global, thread_local or relaxed for capture_error_mode, got \"",
              mode, "\"");
  return cudaStreamCaptureModeRelaxed;
}

GraphPtr create() {
  return c10::make_intrusive<CudaGraph>();
}

void begin(const GraphPtr& graph, const std::optional<std::vector<int64_t>>& pool, const std::string& mode) {
  graph->begin(toPool(pool), toMode(mode));
}

}  // namespace

// The names of Python's torch.cuda.CUDAGraph; lib/cuda/graph.ts is their only caller.
TORCH_LIBRARY_FRAGMENT(ibn, m) {
  m.class_<CudaGraph>("CudaGraph");
  const std::string graph = "__torch__.torch.classes.ibn.CudaGraph";
  const auto define = [&m](const std::string& schema, auto* function) { m.def(schema.c_str(), function); };
  define("_cuda_graph() -> " + graph, &create);
  define("_cuda_graph_begin(" + graph + " graph, int[]? pool, str capture_error_mode) -> ()", &begin);
  define("_cuda_graph_end(" + graph + " graph) -> ()", +[](const GraphPtr& self) { self->end(); });
  define("_cuda_graph_replay(" + graph + " graph) -> ()", +[](const GraphPtr& self) { self->replay(); });
  define("_cuda_graph_reset(" + graph + " graph) -> ()", +[](const GraphPtr& self) { self->reset(); });
  define(
      "_cuda_graph_pool(" + graph + " graph) -> int[]",
      +[](const GraphPtr& self) { return toInts(self->pool()); });
  define("_cuda_graph_pool_handle() -> int[]", +[] { return toInts(at::cuda::graph_pool_handle()); });
  define("_cuda_is_capturing() -> bool", &isCapturing);
}
