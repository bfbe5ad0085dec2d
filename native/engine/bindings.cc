// What lib/compile/native.ts calls.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cstring>

#include "../binding/call.h"
#include "client.h"
#include "packing.h"

namespace ibn {

namespace {

using engine::Client;
using engine::ClientLink;
using engine::Engine;
using engine::Field;
using engine::Job;
using engine::JobPtr;

constexpr int64_t kMostTeamThreads = 1024;
constexpr int64_t kMostImages = 4096;
constexpr int64_t kMostJobs = int64_t{1} << 20;
constexpr int64_t kMostDelayMs = 60'000;
constexpr double kMicroseconds = 1000;

c10::intrusive_ptr<Client> clientOf(const Call& call) {
  Box* box = call.data.unbox(call.env, call.at(0));
  if (box != nullptr && box->kind == BoxKind::kDisposed) {
    throw InvalidArgument("ERR_COMPILED_DISPOSED", "The compiled model was disposed");
  }
  if (box != nullptr && box->kind == BoxKind::kValue && box->value.isCapsule()) {
    const auto client = c10::dynamic_intrusive_pointer_cast<Client>(box->value.toCapsule());
    if (client) return client;
  }
  throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a compiled model");
}

const kernels::Table* readTable(const Field& field) {
  if (field.isNull()) return nullptr;
  const std::string wanted = field.text();
  std::string names;
  for (const kernels::Table* const* set = kernels::tables(); *set != nullptr; set++) {
    if (wanted == (*set)->name) return *set;
    names += (names.empty() ? "" : ", ") + std::string((*set)->name);
  }
  throw field.wrong("an instruction set that this processor has (" + names + ")");
}

engine::Settings readSettings(const Field& field) {
  engine::Settings settings;
  settings.threads = static_cast<int>(field.get("threads").integer(1, kMostTeamThreads));
  settings.micro_batch = field.get("microBatch").integer(1, kMostImages);
  settings.most_images = field.get("maxBatch").integer(1, kMostImages);
  settings.most_jobs = static_cast<size_t>(field.get("maxQueue").integer(1, kMostJobs));
  const double delay = field.get("maxDelayMs").number();
  if (delay < 0 || delay > kMostDelayMs) throw field.get("maxDelayMs").wrong("0 to 60000");
  settings.delay = std::chrono::microseconds(static_cast<int64_t>(delay * kMicroseconds));
  settings.table = readTable(field.get("instructionSet"));
  return settings;
}

Napi::Value wrapClient(Call& call, const std::shared_ptr<Engine>& running, std::shared_ptr<ClientLink> link) {
  c10::IValue value = c10::IValue::make_capsule(c10::make_intrusive<Client>(running, std::move(link)));
  return {call.env, call.data.wrapValue(call.env, std::move(value))};
}

// compiledCreate(plan, settings, settle): a handle.
Napi::Value compiledCreate(Call& call) {
  auto program = std::make_unique<engine::Program>(Field(call, call.at(0), "plan"));
  const engine::Settings settings = readSettings(Field(call, call.at(1), "settings"));
  auto link = ClientLink::make(call.env, call.at(2));
  const auto running = Engine::start(std::move(program), settings);
  engine::endWithEnvironment(call.env, running);
  running->attach();
  return wrapClient(call, running, std::move(link));
}

// compiledAttach(token, settle): a handle of an engine that another thread shares, or undefined when it is
// gone.
Napi::Value compiledAttach(Call& call) {
  const auto running = Engine::find(call.string(0, "token"));
  if (running == nullptr) return call.undefined();
  auto link = ClientLink::make(call.env, call.at(1));
  if (running->attach()) return wrapClient(call, running, std::move(link));
  link->close();
  return call.undefined();
}

// compiledAccount(handle): counts what the engine holds now towards garbage collection. Packed weights are
// there after the first job, the arena grows with the batches.
Napi::Value compiledAccount(Call& call) {
  const engine::EngineStats stats = clientOf(call)->engine->stats();
  call.data.account(call.data.unbox(call.env, call.at(0)), stats.weight_bytes + stats.arena_bytes);
  return call.undefined();
}

// pinMemory(tensors): until the handle is disposed, none of them can be resized.
Napi::Value pinMemory(Call& call) {
  const auto given = call.info[0].As<Napi::Array>();
  std::vector<c10::Storage> storages;
  for (uint32_t i = 0; i < given.Length(); i++) {
    const at::Tensor& tensor = call.data.tensor(call.env, given.Get(i));
    if (tensor.has_storage()) storages.push_back(tensor.storage());
  }
  c10::IValue value = c10::IValue::make_capsule(c10::make_intrusive<engine::Pins>(std::move(storages)));
  return {call.env, call.data.wrapValue(call.env, std::move(value))};
}

Napi::Value compiledShare(Call& call) {
  return Napi::String::New(call.env, clientOf(call)->engine->share());
}

// compiledDescribe(handle, text): what compiledDescription() gives in all threads. Before the model is
// shared.
Napi::Value compiledDescribe(Call& call) {
  clientOf(call)->engine->describe(call.string(1, "text"));
  return call.undefined();
}

Napi::Value compiledDescription(Call& call) {
  return Napi::String::New(call.env, clientOf(call)->engine->description());
}

bool isPlain(const at::Tensor& tensor) {
  return tensor.is_contiguous() && !tensor.is_neg() && !tensor._is_zerotensor() &&
         tensor.const_data_ptr() != nullptr;
}

// The caller may write to the tensor, or dispose it, before the engine reads it.
at::Tensor copyInput(const at::Tensor& tensor, const engine::Shape& shape) {
  const bool fits = tensor.is_cpu() && tensor.layout() == at::kStrided &&
                    tensor.scalar_type() == at::kFloat && tensor.dim() == 4 &&
                    tensor.size(1) == shape.channels && tensor.size(2) == shape.height &&
                    tensor.size(3) == shape.width;
  if (!fits) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a float32 tensor on the CPU of shape [N, " +
                                                  shape.text().substr(1) + " for the input");
  }
  const at::NoGradGuard no_grad;
  at::Tensor copy = at::empty(tensor.sizes(), at::TensorOptions().dtype(at::kFloat));
  if (!isPlain(tensor)) return copy.copy_(tensor);
  if (copy.numel() > 0) std::memcpy(copy.mutable_data_ptr(), tensor.const_data_ptr(), copy.nbytes());
  return copy;
}

void addTensors(const Call& call, const engine::Program& program, Job& job) {
  const auto given = call.info[2].As<Napi::Array>();
  const auto& inputs = program.layout().inputs;
  if (given.Length() != inputs.size()) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected " + std::to_string(inputs.size()) + " inputs");
  }
  for (uint32_t i = 0; i < inputs.size(); i++) {
    const at::Tensor& tensor = call.data.tensor(call.env, given.Get(i));
    job.inputs.push_back(copyInput(tensor, inputs[i]));
    job.images = job.inputs[0].size(0);
    if (job.inputs[i].size(0) != job.images) {
      throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected one batch size for all inputs");
    }
  }
  for (size_t i = 0; i < program.outputs().size(); i++) {
    const auto type = program.isIndices(i) ? at::kLong : at::kFloat;
    job.outputs.push_back(at::empty(program.outputSizes(i, job.images), at::TensorOptions().dtype(type)));
  }
}

JobPtr makeJob(const Call& call, const Client& client) {
  auto job = std::make_shared<Job>();
  job->id = call.integer(1, "id");
  job->client = client.link;
  if (call.info[2].IsArray()) addTensors(call, client.engine->program(), *job);
  return job;
}

// compiledRun(handle, id, inputs): queues a job. When the queue is full, how many wait; then nothing was
// copied. Without inputs the job only waits for the engine.
Napi::Value compiledRun(Call& call) {
  const auto client = clientOf(call);
  if (const auto waiting = client->engine->reserve()) {
    return Napi::Number::New(call.env, static_cast<double>(*waiting));
  }
  JobPtr job;
  try {
    job = makeJob(call, *client);
    client->link->add(call.env, job);
  } catch (...) {
    client->engine->unreserve();
    throw;
  }
  client->engine->submit(std::move(job));
  return call.undefined();
}

// compiledCancel(handle, id): nobody waits for the job any more.
Napi::Value compiledCancel(Call& call) {
  const auto client = clientOf(call);
  const JobPtr job = client->link->take(call.env, call.integer(1, "id"));
  if (job != nullptr) client->engine->drop(*job);
  return call.undefined();
}

Napi::Array describeSteps(const Call& call, const Engine& running) {
  const auto& steps = running.program().steps();
  Napi::Array array = Napi::Array::New(call.env, steps.size());
  for (uint32_t i = 0; i < steps.size(); i++) {
    Napi::Object step = Napi::Object::New(call.env);
    step["name"] = steps[i]->name;
    step["op"] = steps[i]->op;
    step["algorithm"] = running.isPacked() ? steps[i]->algorithm() : "";
    step["milliseconds"] = static_cast<double>(running.program().nanoseconds(i)) / 1e6;
    array[i] = step;
  }
  return array;
}

Napi::Value compiledStats(Call& call) {
  const auto client = clientOf(call);
  Engine& running = *client->engine;
  const engine::EngineStats stats = running.stats();
  Napi::Object object = Napi::Object::New(call.env);
  object["threads"] = running.settings().threads;
  object["microBatch"] = static_cast<double>(running.settings().micro_batch);
  object["instructionSet"] = running.isPacked() ? running.program().instructionSet() : "";
  object["arenaBytes"] = static_cast<double>(stats.arena_bytes);
  object["weightBytes"] = static_cast<double>(stats.weight_bytes);
  object["queued"] = static_cast<double>(stats.queued);
  object["batches"] = static_cast<double>(stats.batches);
  object["images"] = static_cast<double>(stats.images);
  object["steps"] = describeSteps(call, running);
  return object;
}

// Names of the instruction sets that this processor and build have, best first.
Napi::Value instructionSets(Call& call) {
  Napi::Array array = Napi::Array::New(call.env);
  for (const kernels::Table* const* set = kernels::tables(); *set != nullptr; set++) {
    array[array.Length()] = (*set)->name;
  }
  return array;
}

}  // namespace

void defineEngine(Napi::Object exports) {
  define<compiledCreate>(exports, "compiledCreate");
  define<compiledAttach>(exports, "compiledAttach");
  define<compiledAccount>(exports, "compiledAccount");
  define<pinMemory>(exports, "pinMemory");
  define<compiledShare>(exports, "compiledShare");
  define<compiledDescribe>(exports, "compiledDescribe");
  define<compiledDescription>(exports, "compiledDescription");
  define<compiledRun>(exports, "compiledRun");
  define<compiledCancel>(exports, "compiledCancel");
  define<compiledStats>(exports, "compiledStats");
  define<instructionSets>(exports, "instructionSets");
}

}  // namespace ibn
