// The way from a crew's threads back to one JavaScript environment.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace ibn::data {

// Outlives the environment: work under way holds it. The function is null once the environment is going.
class Mailbox {
 public:
  // Calls `settle` with what it holds; on the JavaScript thread.
  using Letter = std::function<void(napi_env env, napi_value settle)>;

  // JavaScript thread.
  static std::shared_ptr<Mailbox> make(napi_env env, napi_value settle);
  // Keeps the event loop alive until as many letters have come. JavaScript thread.
  void expect(napi_env env);
  // No more letters are taken. JavaScript thread, perhaps inside garbage collection.
  void close();

  // Any thread. Drops the letter when nobody is there to take it.
  void post(Letter letter);

 private:
  static void finalize(napi_env env, void* data, void* hint);
  static void callJs(napi_env env, napi_value settle, void* context, void* data);

  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
  int64_t expected_ = 0;  // used on the JavaScript thread only
};

}  // namespace ibn::data
