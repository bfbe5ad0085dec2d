#include "group.h"

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "gloo_backend.h"
#include "parts.h"
#include "promise.h"
#include "store.h"

namespace ibn::distributed {

namespace {

using Milliseconds = std::chrono::milliseconds;
using StorePtr = c10::intrusive_ptr<c10d::Store>;

// What a group is made of; prefixes of stores are those of torch.distributed, so that Python's ranks find it.
struct Plan {
  StorePtr store;  // that of the default group
  std::string name;
  int rank;
  std::vector<int64_t> ranks;  // global ones, by rank of the group
  Milliseconds timeout;
  int size() const { return static_cast<int>(ranks.size()); }
};

StorePtr prefixed(const std::string& prefix, const StorePtr& store) {
  return c10::make_intrusive<c10d::PrefixStore>(prefix, store);
}

c10::intrusive_ptr<c10d::Backend> join(const Plan& plan, const StorePtr& store) {
  try {
    return makeGlooBackend(store, plan.rank, plan.size(), plan.timeout);
  } catch (...) {
    std::rethrow_exception(explainedJoin(std::current_exception(), plan.ranks));
  }
}

c10::intrusive_ptr<Group> makeGroup(const Plan& plan) {
  const StorePtr store = prefixed(plan.name + "/", plan.store);
  auto group = c10::make_intrusive<c10d::ProcessGroup>(store, plan.rank, plan.size());
  group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
  const StorePtr backend_store = prefixed("cpu/", store);
  auto backend = join(plan, backend_store);
  group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, backend);
  group->setBackend(c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::GLOO, backend);
  group->setGroupName(plan.name);
  auto peers = std::make_shared<Peers>(backend_store, plan.store, plan.rank, plan.ranks);
  addPeers(peers);
  return c10::make_intrusive<Group>(std::move(group), std::move(peers));
}

// processGroup(store, name, rank, ranks, timeout): connects to the other ranks.
Napi::Value processGroup(Call& call) {
  const Plan plan{storeOf(call, 0), call.string(1, "name"), static_cast<int>(call.integer(2, "rank")),
                  call.integers(3, "ranks"), millisecondsOf(call, 4)};
  return runAside(call, [plan]() -> Finish {
    return [group = makeGroup(plan)](napi_env env) {
      return EnvData::get(env).wrapValue(env, c10::IValue::make_capsule(group));
    };
  });
}

// closeGroup(group): waits for collectives under way, then for the group's threads.
Napi::Value closeGroup(Call& call) {
  return runAside(call, [handle = groupOf(call, 0)] {
    const auto group = handle->close();
    if (group) group->shutdown();
    return Finish(nothing);
  });
}

}  // namespace

Group::~Group() {
  if (group_) group_.release();  // NOLINT(bugprone-unused-return-value): left to the end of the process
}

c10::intrusive_ptr<c10d::ProcessGroup> Group::open() const {
  const std::lock_guard lock(mutex_);
  if (!group_) {
    throw InvalidArgument("ERR_DISTRIBUTED_DESTROYED",
                          "The process group was destroyed. Make another with initProcessGroup or newGroup");
  }
  return group_;
}

c10::intrusive_ptr<c10d::ProcessGroup> Group::close() {
  const std::lock_guard lock(mutex_);
  if (peers_) removePeers(peers_);
  peers_.reset();
  return std::move(group_);
}

c10::intrusive_ptr<Group> groupOf(const Call& call, size_t index) {
  return capsuleOf<Group>(call, index, "a process group");
}

void defineGroups(Napi::Object exports) {
  define<processGroup>(exports, "processGroup");
  define<closeGroup>(exports, "closeGroup");
}

}  // namespace ibn::distributed
