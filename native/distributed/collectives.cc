// Collectives by name: what JavaScript gives is checked in lib/distributed, and again by c10d.
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/view_as_real.h>

#include <unordered_map>

#include "group.h"
#include "parts.h"
#include "promise.h"

namespace ibn::distributed {

namespace {

using c10d::ProcessGroup;
using Tensors = std::vector<at::Tensor>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

// One call. `number` is the root, the peer or zero; `tag` of messages.
struct Request {
  c10::intrusive_ptr<ProcessGroup> group;
  std::vector<Tensors> outputs;
  std::vector<Tensors> inputs;
  c10d::ReduceOp::RedOpType op = c10d::ReduceOp::SUM;
  int64_t number = 0;
  int64_t tag = 0;
  std::vector<int64_t> output_counts;
  std::vector<int64_t> input_counts;
  std::chrono::milliseconds timeout = c10d::kUnsetTimeout;

  Tensors& in() { return inputs.at(0); }
  Tensors& out() { return outputs.at(0); }
  template <typename Options>
  Options options() const {
    Options made;
    made.timeout = timeout;
    return made;
  }
  template <typename Options>
  Options reducing() const {
    Options made = options<Options>();
    made.reduceOp = op;
    return made;
  }
  template <typename Options>
  Options rooted() const {
    Options made = options<Options>();
    made.rootRank = number;
    return made;
  }
};

WorkPtr reduceTo(Request& r) {
  auto options = r.rooted<c10d::ReduceOptions>();
  options.reduceOp = r.op;
  return r.group->reduce(r.in(), options);
}

// Gloo blocks rank 0 in the call itself.
WorkPtr monitoredBarrier(Request& r) {
  r.group->monitoredBarrier(r.options<c10d::BarrierOptions>(), r.number != 0);
  return nullptr;
}

// The names of libtorch 2.13, which deprecates those that earlier ones have.
template <typename Group>
WorkPtr allGatherSingle(Group& group, Request& r) {
  const auto options = r.options<c10d::AllgatherOptions>();
  if constexpr (requires { group.all_gather_single(r.out()[0], r.in()[0], options); }) {
    return group.all_gather_single(r.out()[0], r.in()[0], options);
  } else {
    return group._allgather_base(r.out()[0], r.in()[0], options);
  }
}

template <typename Group>
WorkPtr reduceScatterSingle(Group& group, Request& r) {
  const auto options = r.reducing<c10d::ReduceScatterOptions>();
  if constexpr (requires { group.reduce_scatter_single(r.out()[0], r.in()[0], options); }) {
    return group.reduce_scatter_single(r.out()[0], r.in()[0], options);
  } else {
    return group._reduce_scatter_base(r.out()[0], r.in()[0], options);
  }
}

template <typename Group>
WorkPtr allToAllSingle(Group& group, Request& r) {
  const auto options = r.options<c10d::AllToAllOptions>();
  if constexpr (requires {
                  group.all_to_all_single(r.out()[0], r.in()[0], r.output_counts, r.input_counts, options);
                }) {
    return group.all_to_all_single(r.out()[0], r.in()[0], r.output_counts, r.input_counts, options);
  } else {
    return group.alltoall_base(r.out()[0], r.in()[0], r.output_counts, r.input_counts, options);
  }
}

using Collective = WorkPtr (*)(Request&);

const std::unordered_map<std::string, Collective>& collectives() {
  using namespace c10d;
  static const auto* table = new std::unordered_map<std::string, Collective>{
      {"all_reduce", [](Request& r) { return r.group->allreduce(r.in(), r.reducing<AllreduceOptions>()); }},
      {"broadcast", [](Request& r) { return r.group->broadcast(r.in(), r.rooted<BroadcastOptions>()); }},
      {"reduce", reduceTo},
      {"all_gather",
       [](Request& r) { return r.group->allgather(r.outputs, r.in(), r.options<AllgatherOptions>()); }},
      {"all_gather_into_tensor", [](Request& r) { return allGatherSingle(*r.group, r); }},
      {"gather", [](Request& r) { return r.group->gather(r.outputs, r.in(), r.rooted<GatherOptions>()); }},
      {"scatter", [](Request& r) { return r.group->scatter(r.out(), r.inputs, r.rooted<ScatterOptions>()); }},
      {"reduce_scatter",
       [](Request& r) {
         return r.group->reduce_scatter(r.out(), r.inputs, r.reducing<ReduceScatterOptions>());
       }},
      {"reduce_scatter_tensor", [](Request& r) { return reduceScatterSingle(*r.group, r); }},
      {"all_to_all",
       [](Request& r) { return r.group->alltoall(r.out(), r.in(), r.options<AllToAllOptions>()); }},
      {"all_to_all_single", [](Request& r) { return allToAllSingle(*r.group, r); }},
      {"barrier", [](Request& r) { return r.group->barrier(r.options<BarrierOptions>()); }},
      {"monitored_barrier", monitoredBarrier},
      {"send",
       [](Request& r) { return r.group->send(r.in(), static_cast<int>(r.number), static_cast<int>(r.tag)); }},
      {"recv",
       [](Request& r) { return r.group->recv(r.in(), static_cast<int>(r.number), static_cast<int>(r.tag)); }},
      {"recv_any", [](Request& r) { return r.group->recvAnysource(r.in(), static_cast<int>(r.tag)); }},
  };
  return *table;
}

// Complex numbers travel as pairs of real ones, as in Python.
at::Tensor travelling(const at::Tensor& tensor) {
  return tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

std::vector<Tensors> listsOf(const Call& call, size_t index) {
  const auto outer = call.info[index].As<Napi::Array>();
  std::vector<Tensors> lists(outer.Length());
  for (uint32_t i = 0; i < outer.Length(); i++) {
    const auto inner = outer.Get(i).As<Napi::Array>();
    for (uint32_t j = 0; j < inner.Length(); j++) {
      lists[i].push_back(travelling(call.data.tensor(call.env, inner.Get(j))));
    }
  }
  return lists;
}

// collective(group, name, outputs, inputs, [op, number, tag], outputCounts, inputCounts, timeout)
Request readRequest(const Call& call) {
  const auto numbers = call.integers(4, "numbers");
  Request request;
  request.group = groupOf(call, 0)->open();
  request.outputs = listsOf(call, 2);
  request.inputs = listsOf(call, 3);
  request.op = static_cast<c10d::ReduceOp::RedOpType>(numbers.at(0));
  request.number = numbers.at(1);
  request.tag = numbers.at(2);
  request.output_counts = call.integers(5, "outputCounts");
  request.input_counts = call.integers(6, "inputCounts");
  request.timeout = millisecondsOf(call, 7);
  return request;
}

Collective find(const Call& call) {
  const auto found = collectives().find(call.string(1, "name"));
  if (found == collectives().end()) throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a collective's name");
  return found->second;
}

WorkPtr start(Collective run, Request& request) {
  // Communication has no derivative: tensors that require gradients are given as they are.
  const at::AutoDispatchBelowADInplaceOrView guard;
  return run(request);
}

// The rank that a message came from, -1 for other collectives.
int sourceOf(const c10d::Work& work, bool is_receive) {
  return is_receive ? work.sourceRank() : -1;
}

Finish givesSource(const WorkPtr& work, bool is_receive) {
  const int source = sourceOf(*work, is_receive);
  return [source](napi_env env) -> napi_value { return Napi::Number::New(env, source); };
}

// Most of Gloo's collectives tell when they end; null for messages and for works made of others.
c10::intrusive_ptr<c10::ivalue::Future> futureOf(c10d::Work& work) {
  try {
    return work.getFuture();
  } catch (const c10::Error&) {
    return nullptr;
  }
}

// Work that does not tell when it ends is waited for by a thread.
Napi::Value awaited(const Call& call, const WorkPtr& work, bool is_message, bool is_receive,
                    std::chrono::milliseconds timeout) {
  const auto future = is_message ? nullptr : futureOf(*work);
  if (!future) {
    return runAside(call, [work, is_receive, timeout] {
      work->wait(timeout.count() > 0 ? timeout : kNoTimeout);
      return givesSource(work, is_receive);
    });
  }
  const Promise::Ptr promise = Promise::make(call.env);
  Napi::Value value(call.env, promise->value());
  future->addCallback(
      [promise, work](c10::ivalue::Future& ended) {
        if (ended.hasError()) return promise->reject(explained(ended.exception_ptr()));
        // For a device's tensors, its stream waits for what others wrote.
        promise->resolve([work](napi_env env) {
          work->synchronize();
          return nothing(env);
        });
      },
      /*uses_future=*/true);
  return value;
}

Napi::Value collective(Call& call) {
  const std::string name = call.string(1, "name");
  const Collective run = find(call);
  Request request = readRequest(call);
  if (name == "monitored_barrier") {
    return runAside(call, [run, request]() mutable {
      start(run, request);
      return Finish(nothing);
    });
  }
  const bool is_receive = name == "recv" || name == "recv_any";
  const WorkPtr work = start(run, request);
  return awaited(call, work, is_receive || name == "send", is_receive, request.timeout);
}

// The same, waiting on this thread: inside a forward or backward, which cannot be left.
Napi::Value collectiveNow(Call& call) {
  const Collective run = find(call);
  Request request = readRequest(call);
  const WorkPtr work = start(run, request);
  if (work) work->wait();
  return call.undefined();
}

}  // namespace

void defineCollectives(Napi::Object exports) {
  define<collective>(exports, "collective");
  define<collectiveNow>(exports, "collectiveNow");
}

}  // namespace ibn::distributed
