// The way from an engine's thread back to one JavaScript environment.
#pragma once
#include <node_api.h>

#include <ATen/core/ivalue.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "engine.h"

namespace ibn::engine {

// Outlives the environment: jobs hold it. The function is null once the environment is going.
class ClientLink {
 public:
  // JavaScript thread. `settle(id, error, outputs)` is called there for each finished job.
  static std::shared_ptr<ClientLink> make(napi_env env, napi_value settle);

  // Any thread. Drops the job when nobody is there to take it.
  void deliver(JobPtr job);
  void close();

  // JavaScript thread: jobs that keep the event loop alive.
  void add(napi_env env, JobPtr job);
  // The job, if it is still waited for; no one waits for it afterwards.
  JobPtr take(napi_env env, int64_t id);

 private:
  static void finalize(napi_env env, void* data, void* hint);
  static void callJs(napi_env env, napi_value settle, void* context, void* data);

  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  std::unordered_map<int64_t, JobPtr> waiting_;
};

// What a CompiledModel of JavaScript holds. Destroyed on its thread, perhaps inside garbage collection: it
// calls nothing that runs JavaScript and waits for nothing.
class Client final : public torch::CustomClassHolder {
 public:
  Client(std::shared_ptr<Engine> engine, std::shared_ptr<ClientLink> link)
      : engine(std::move(engine)), link(std::move(link)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() override;

  const std::shared_ptr<Engine> engine;
  const std::shared_ptr<ClientLink> link;
};

}  // namespace ibn::engine
