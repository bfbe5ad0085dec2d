#include "mailbox.h"

#include <utility>

#include "../binding/env/env.h"
#include "../binding/env/errors.h"

namespace ibn::data {

std::shared_ptr<Mailbox> Mailbox::make(napi_env env, napi_value settle) {
  auto mailbox = std::make_shared<Mailbox>();
  auto* held = new std::shared_ptr<Mailbox>(mailbox);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "ibn-net images", NAPI_AUTO_LENGTH, &name);
  const napi_status status = napi_create_threadsafe_function(env, settle, nullptr, name, 0, 1, held, finalize,
                                                             held, callJs, &mailbox->function_);
  if (status != napi_ok) {
    delete held;
    throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a function for settle");
  }
  napi_unref_threadsafe_function(env, mailbox->function_);
  return mailbox;
}

// The last call that Node makes for the function, before it frees it, also when the environment goes.
void Mailbox::finalize(napi_env, void* data, void*) {
  auto* held = static_cast<std::shared_ptr<Mailbox>*>(data);
  {
    const std::lock_guard<std::mutex> lock((*held)->mutex_);
    (*held)->function_ = nullptr;
  }
  delete held;
}

void Mailbox::expect(napi_env env) {
  if (expected_++ == 0 && function_ != nullptr) napi_ref_threadsafe_function(env, function_);
}

void Mailbox::close() {
  expected_ = 0;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ != nullptr) napi_release_threadsafe_function(function_, napi_tsfn_release);
  function_ = nullptr;
}

void Mailbox::post(Letter letter) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ == nullptr) return;
  auto* message = new Letter(std::move(letter));
  if (napi_call_threadsafe_function(function_, message, napi_tsfn_nonblocking) != napi_ok) delete message;
}

// Without an environment it is going away and can run nothing.
void Mailbox::callJs(napi_env env, napi_value settle, void* context, void* data) {
  const std::unique_ptr<Letter> letter(static_cast<Letter*>(data));
  if (env == nullptr) return;
  const std::shared_ptr<Mailbox> mailbox = *static_cast<std::shared_ptr<Mailbox>*>(context);
  if (mailbox->expected_ == 0) return;  // closed since
  if (--mailbox->expected_ == 0 && mailbox->function_ != nullptr) {
    napi_unref_threadsafe_function(env, mailbox->function_);
  }
  try {
    (*letter)(env, settle);
    EnvData::get(env).flush(env);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a worker that is being terminated can report nothing
  }
}

}  // namespace ibn::data
