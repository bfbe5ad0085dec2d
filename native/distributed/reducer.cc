// c10d's Reducer, and what DistributedDataParallel of torch/nn/parallel/distributed.py (2.13) asks of c10d
// besides.
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <ATen/core/LegacyTypeDispatch.h>

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "../autograd/lists.h"
#include "group.h"
#include "parts.h"
#include "promise.h"

namespace ibn::distributed {

namespace {

using c10d::ProcessGroup;
using c10d::Reducer;
using GroupPtr = c10::intrusive_ptr<ProcessGroup>;

class ReducerHandle final : public torch::CustomClassHolder {
 public:
  ReducerHandle(std::shared_ptr<Reducer> reducer, GroupPtr group)
      : reducer(std::move(reducer)), group_(std::move(group)) {}
  ReducerHandle(const ReducerHandle&) = delete;
  ReducerHandle& operator=(const ReducerHandle&) = delete;
  // Inside garbage collection a group's threads must not be waited for: its last holder leaves it to the
  // process's end.
  ~ReducerHandle() override {
    reducer.reset();
    if (group_.use_count() == 1) group_.release();  // NOLINT(bugprone-unused-return-value)
  }
  std::shared_ptr<Reducer> reducer;

 private:
  GroupPtr group_;
};

c10::intrusive_ptr<ReducerHandle> handleOf(const Call& call) {
  return capsuleOf<ReducerHandle>(call, 0, "a Reducer");
}

Reducer& reducerOf(const Call& call) {
  return *handleOf(call)->reducer;
}

struct Settings {
  std::vector<at::Tensor> parameters;
  std::vector<std::vector<size_t>> buckets;
  GroupPtr group;
  std::vector<bool> sparse;
  std::unordered_map<size_t, std::string> names;
  int64_t bucket_bytes = 0;
  int64_t first_bucket_bytes = 0;
  bool find_unused = false;
  bool gradient_as_bucket_view = false;
  bool static_graph = false;
  bool skip_unused = false;
  bool batched_copy = false;
};

// libtorch 2.13 takes limits for each bucket and `batched_grad_copy`; earlier ones take neither.
template <typename R = Reducer>
std::shared_ptr<R> makeReducer(const Settings& s) {
  using Limits = std::vector<int64_t>;
  if constexpr (std::is_constructible_v<R, std::vector<at::Tensor>, std::vector<std::vector<size_t>>,
                                        GroupPtr, std::vector<bool>, int64_t, bool, bool,
                                        std::unordered_map<size_t, std::string>, int64_t, bool, bool, Limits,
                                        bool>) {
    return std::make_shared<R>(s.parameters, s.buckets, s.group, s.sparse, s.bucket_bytes, s.find_unused,
                               s.gradient_as_bucket_view, s.names, s.first_bucket_bytes, s.skip_unused, false,
                               Limits{}, s.batched_copy);
  } else {
    if (s.batched_copy) throw InvalidArgument("ERR_OUT_OF_RANGE", "batchedGradCopy needs libtorch 2.13");
    return std::make_shared<R>(s.parameters, s.buckets, s.group, s.sparse, s.bucket_bytes, s.find_unused,
                               s.gradient_as_bucket_view, s.names, s.first_bucket_bytes, s.skip_unused,
                               false);
  }
}

std::vector<std::string> namesOf(const Call& call, size_t index) {
  const auto array = call.info[index].As<Napi::Array>();
  const uint32_t count = array.Length();
  std::vector<std::string> names;
  names.reserve(count);
  for (uint32_t i = 0; i < count; i++) names.push_back(toString(call.env, array.Get(i), "names"));
  return names;
}

// Buckets before the first backward has shown the order, last parameters first.
void assignBuckets(Settings& s) {
  std::vector<size_t> limits{static_cast<size_t>(std::numeric_limits<int64_t>::max())};
  if (s.find_unused && !s.static_graph) {
    limits = {static_cast<size_t>(s.bucket_bytes)};
    if (s.first_bucket_bytes < s.bucket_bytes) limits.insert(limits.begin(), s.first_bucket_bytes);
  }
  s.buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(s.parameters, limits, s.sparse));
  std::reverse(s.buckets.begin(), s.buckets.end());
}

// reducer(group, parameters, names, sparse, [bucketBytes, firstBucketBytes],
//         [findUnused, gradientAsBucketView, staticGraph, skipUnused, batchedCopy])
Napi::Value reducer(Call& call) {
  Settings s;
  s.group = groupOf(call, 0)->open();
  s.parameters = tensorList(call, 1);
  const auto names = namesOf(call, 2);
  for (size_t i = 0; i < names.size(); i++) s.names[i] = names[i];
  for (const int64_t flag : call.integers(3, "sparse")) s.sparse.push_back(flag != 0);
  const auto sizes = call.integers(4, "sizes");
  s.bucket_bytes = sizes.at(0);
  s.first_bucket_bytes = sizes.at(1);
  const auto flags = call.integers(5, "flags");
  s.find_unused = flags.at(0) != 0;
  s.gradient_as_bucket_view = flags.at(1) != 0;
  s.static_graph = flags.at(2) != 0;
  s.skip_unused = flags.at(3) != 0;
  s.batched_copy = flags.at(4) != 0;
  assignBuckets(s);
  auto made = makeReducer(s);
  if (s.static_graph) made->set_static_graph();
  return {call.env, wrapObject(call, c10::make_intrusive<ReducerHandle>(std::move(made), s.group))};
}

// verifyParameters(group, parameters): throws where another rank's have other shapes, on every rank.
Napi::Value verifyParameters(Call& call) {
  c10d::verify_params_across_processes(groupOf(call, 0)->open(), tensorList(call, 1), std::nullopt);
  return call.undefined();
}

// broadcastCoalesced(group, tensors, bufferBytes, root): writes the root's values into all, without autograd
// seeing.
Napi::Value broadcastCoalesced(Call& call) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  const auto tensors = tensorList(call, 1);
  c10d::broadcast_coalesced(groupOf(call, 0)->open(), tensors,
                            static_cast<size_t>(call.integer(2, "bufferBytes")),
                            static_cast<int>(call.integer(3, "root")));
  return call.undefined();
}

// synchronizeAside(group, parameters, states, bufferBytes): both of these, on a thread of its own.
Napi::Value synchronizeAside(Call& call) {
  return runAside(call, [group = groupOf(call, 0)->open(), parameters = tensorList(call, 1),
                         states = tensorList(call, 2), bytes = call.integer(3, "bufferBytes")] {
    c10d::verify_params_across_processes(group, parameters, std::nullopt);
    const at::AutoDispatchBelowADInplaceOrView guard;
    if (!states.empty()) c10d::broadcast_coalesced(group, states, static_cast<size_t>(bytes), 0);
    return Finish(nothing);
  });
}

Napi::Value reducerPrepareForForward(Call& call) {
  reducerOf(call).prepare_for_forward();
  return call.undefined();
}

Napi::Value reducerRebuildBuckets(Call& call) {
  return Napi::Boolean::New(call.env, reducerOf(call).rebuild_buckets());
}

// reducerPrepareForBackward(reducer, outputs): the graph behind the outputs is searched where parameters may
// be unused.
Napi::Value reducerPrepareForBackward(Call& call) {
  reducerOf(call).prepare_for_backward(tensorList(call, 1));
  return call.undefined();
}

// What torch's _DDPSink does: outputs that no loss uses give undefined gradients, which leave `.grad` alone;
// with a static graph, the first backward reduces at its end.
class Sink : public torch::autograd::Function<Sink> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                at::TensorList outputs,
                                                const std::shared_ptr<Reducer>& reducer) {
    context->set_materialize_grads(false);
    if (reducer)
      context->saved_data["reducer"] = c10::IValue::make_capsule(c10::make_intrusive<Held>(reducer));
    torch::autograd::variable_list copies;
    for (const at::Tensor& output : outputs) copies.push_back(output.clone());
    return copies;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto held = context->saved_data.find("reducer");
    if (held != context->saved_data.end()) {
      const auto reducer = c10::static_intrusive_pointer_cast<Held>(held->second.toCapsule())->reducer;
      torch::autograd::Engine::get_default_engine().queue_callback(
          [reducer] { reducer->delay_all_reduce(); });
    }
    gradients.emplace_back();
    return gradients;
  }

 private:
  struct Held final : torch::CustomClassHolder {
    explicit Held(std::shared_ptr<Reducer> reducer) : reducer(std::move(reducer)) {}
    std::shared_ptr<Reducer> reducer;
  };
};

// reducerSink(reducer, outputs, delaysReduction)
Napi::Value reducerSink(Call& call) {
  const auto outputs = tensorList(call, 1);
  const auto reducer = call.boolean(2) ? handleOf(call)->reducer : nullptr;
  return {call.env, handlesOf(call.env, call.data, Sink::apply(at::TensorList(outputs), reducer))};
}

// The number of parameters in each bucket, in the order of reduction.
Napi::Value reducerBuckets(Call& call) {
  std::vector<int64_t> sizes;
  for (const auto& bucket : reducerOf(call).get_grad_buckets()) {
    sizes.push_back(static_cast<int64_t>(bucket.getParameters().size()));
  }
  return call.ints(sizes);
}

}  // namespace

void defineReducer(Napi::Object exports) {
  define<reducer>(exports, "reducer");
  define<verifyParameters>(exports, "verifyParameters");
  define<broadcastCoalesced>(exports, "broadcastCoalesced");
  define<synchronizeAside>(exports, "synchronizeAside");
  define<reducerPrepareForForward>(exports, "reducerPrepareForForward");
  define<reducerRebuildBuckets>(exports, "reducerRebuildBuckets");
  define<reducerPrepareForBackward>(exports, "reducerPrepareForBackward");
  define<reducerSink>(exports, "reducerSink");
  define<reducerBuckets>(exports, "reducerBuckets");
}

}  // namespace ibn::distributed
