#include "client.h"

#include "../binding/env/env.h"
#include "../binding/env/errors.h"

namespace ibn::engine {

namespace {

// The error of a job as a JavaScript value; null for none.
napi_value errorOf(napi_env env, const Job& job) {
  napi_value error = nullptr;
  napi_get_null(env, &error);
  if (!job.error) return error;
  try {
    std::rethrow_exception(job.error);
  } catch (...) {
    throwCurrentException(env, nullptr);
  }
  napi_get_and_clear_last_exception(env, &error);
  return error;
}

napi_value outputsOf(napi_env env, EnvData& data, Job& job) {
  napi_value outputs = nullptr;
  napi_get_null(env, &outputs);
  if (job.error) return outputs;
  napi_create_array_with_length(env, job.outputs.size(), &outputs);
  for (uint32_t i = 0; i < job.outputs.size(); i++) {
    napi_set_element(env, outputs, i, data.wrap(env, std::move(job.outputs[i]), nullptr));
  }
  return outputs;
}

}  // namespace

std::shared_ptr<ClientLink> ClientLink::make(napi_env env, napi_value settle) {
  auto link = std::make_shared<ClientLink>();
  auto* held = new std::shared_ptr<ClientLink>(link);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "ibn-net", NAPI_AUTO_LENGTH, &name);
  const napi_status status = napi_create_threadsafe_function(env, settle, nullptr, name, 0, 1, held, finalize,
                                                             nullptr, callJs, &link->function_);
  if (status != napi_ok) {
    delete held;
    throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a function for settle");
  }
  napi_unref_threadsafe_function(env, link->function_);
  return link;
}

// The last call that Node makes for the function, before it frees it, also when the environment goes.
void ClientLink::finalize(napi_env, void* data, void*) {
  auto* held = static_cast<std::shared_ptr<ClientLink>*>(data);
  {
    const std::lock_guard<std::mutex> lock((*held)->mutex_);
    (*held)->function_ = nullptr;
  }
  delete held;
}

void ClientLink::deliver(JobPtr job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ == nullptr || job->cancelled) return;
  auto* message = new JobPtr(std::move(job));
  if (napi_call_threadsafe_function(function_, message, napi_tsfn_nonblocking) != napi_ok) delete message;
}

void ClientLink::close() {
  for (auto& [id, job] : waiting_) job->cancelled = true;
  waiting_.clear();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ != nullptr) napi_release_threadsafe_function(function_, napi_tsfn_release);
  function_ = nullptr;
}

void ClientLink::add(napi_env env, JobPtr job) {
  if (waiting_.empty() && function_ != nullptr) napi_ref_threadsafe_function(env, function_);
  waiting_[job->id] = std::move(job);
}

JobPtr ClientLink::take(napi_env env, int64_t id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return nullptr;
  JobPtr job = std::move(found->second);
  waiting_.erase(found);
  if (waiting_.empty() && function_ != nullptr) napi_unref_threadsafe_function(env, function_);
  return job;
}

// Without an environment it is going away and can run nothing.
void ClientLink::callJs(napi_env env, napi_value settle, void*, void* data) {
  const std::unique_ptr<JobPtr> message(static_cast<JobPtr*>(data));
  if (env == nullptr) return;
  const JobPtr job = (*message)->client->take(env, (*message)->id);
  if (job == nullptr) return;
  try {
    EnvData& environment = EnvData::get(env);
    napi_value arguments[3];
    napi_value receiver = nullptr;
    napi_get_undefined(env, &receiver);
    napi_create_int64(env, job->id, &arguments[0]);
    arguments[1] = errorOf(env, *job);
    arguments[2] = outputsOf(env, environment, *job);
    napi_call_function(env, receiver, settle, 3, arguments, nullptr);
    environment.flush(env);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a worker that is being terminated can report nothing
  }
}

Client::~Client() {
  link->close();
  engine->detach(*link);
}

}  // namespace ibn::engine
