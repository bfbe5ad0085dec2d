// A thread that runs JavaScript, as libtorch's autograd finds it from any other: what libtorch holds of
// JavaScript is called and let go there alone.
#pragma once
#include <node_api.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <ATen/ThreadLocalState.h>

namespace ibn {

class SavedHooks;

// Made with the first environment of its thread; each native module that is loaded there has one of its own.
// Shared with whatever holds JavaScript values, which may outlive an environment: values that are let go
// after its end are left to Node, which frees them with it.
class JsThread {
 public:
  using Job = std::function<void()>;

  // Adds an environment to the running thread, until the environment ends.
  static void open(napi_env env);
  // That of the running thread; null on libtorch's own threads.
  static std::shared_ptr<JsThread>& here();

  bool isHere() const { return here().get() == this; }

  // From any thread: runs `job` on this one, with the caller's modes (grad mode, autocast, ...), and throws
  // what it throws. Another thread waits meanwhile; this one must be in `serve`.
  void run(const Job& job);

  // On this thread: runs `work`, which may call `run` from wherever libtorch takes it. Where that can only be
  // this thread, it is simply called; see `staysHere`.
  void serve(const Job& work);

  // JavaScript functions and values that libtorch may call or give back.
  std::atomic<int64_t> holdings{0};

  // Lets a reference go, from any thread and inside garbage collection: it is deleted later, here.
  void forget(napi_env env, napi_ref reference);
  void deleteForgotten();

  // What anomaly detection found since the last call: where the forward of a failed node ran.
  void noteAnomaly(std::string text);
  std::string takeAnomaly();

  // Hooks for the tensors that ops save, innermost last. Used on this thread only.
  std::vector<std::shared_ptr<SavedHooks>> saved_hooks;
  // Gives the JavaScript stack as text; null until it is set. Used on this thread only.
  napi_ref stack_reader = nullptr;
  napi_env stack_env = nullptr;

 private:
  struct Request;
  struct Work;
  struct Reference {
    napi_env env;
    napi_ref value;
  };
  static void close(void* env);
  void leave(napi_env env);
  bool staysHere() const;
  void serveUntil(Work& work);
  void answer(Request& request);
  void refuseWaiting();
  void waitFor(std::unique_lock<std::mutex>& lock, Request& request);

  int nested_ = 0;              // calls of `serve` that this thread is in
  Request* current_ = nullptr;  // the request that this thread answers, if any

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request*> waiting_;
  int serving_ = 0;
  std::set<napi_env> envs_;  // those that have not ended
  std::vector<Reference> forgotten_;
  std::atomic<bool> has_forgotten_{false};
  std::string anomaly_;
};

}  // namespace ibn
