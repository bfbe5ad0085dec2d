// Networks as TorchScript: libtorch's tracer records a forward, parameters become those of a module.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/serialization/export.h>

#include <map>

#include "../call.h"
#include "sizes.h"

namespace ibn {

namespace {

using torch::jit::Module;
using torch::jit::Stack;

// A tree of modules with the paths of the state dict, such as `layer1.0.conv1.weight`.
class ModuleTree {
 public:
  explicit ModuleTree(const std::string& name) : units_(std::make_shared<torch::jit::CompilationUnit>()) {
    modules_.emplace("", make(name));
  }

  Module& root() { return modules_.at(""); }

  void add(const std::string& path, const at::Tensor& tensor, bool is_parameter) {
    const auto [folder, name] = split(path);
    at(folder).register_parameter(name, tensor, !is_parameter);
  }

 private:
  static std::pair<std::string, std::string> split(const std::string& path) {
    const size_t dot = path.rfind('.');
    if (dot == std::string::npos) return {"", path};
    return {path.substr(0, dot), path.substr(dot + 1)};
  }

  Module make(const std::string& name) {
    Module module(c10::QualifiedName("__torch__.ibn_net." + name), units_, /*shouldMangle=*/true);
    module.register_attribute("training", c10::BoolType::get(), false);
    return module;
  }

  Module& at(const std::string& path) {
    const auto found = modules_.find(path);
    if (found != modules_.end()) return found->second;
    const auto [folder, name] = split(path);
    Module module = make("Module");
    at(folder).register_module(name, module);
    return modules_.emplace(path, module).first->second;
  }

  std::shared_ptr<torch::jit::CompilationUnit> units_;
  std::map<std::string, Module> modules_;
};

std::vector<std::string> readStrings(const Call& call, size_t index, const char* name) {
  std::vector<std::string> strings;
  const auto array = call.info[index].As<Napi::Array>();
  strings.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) strings.push_back(toString(call.env, array.Get(i), name));
  return strings;
}

Stack readInputs(const Call& call, const Napi::Array& array) {
  Stack inputs;
  inputs.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) inputs.emplace_back(call.data.tensor(call.env, array.Get(i)));
  return inputs;
}

// The forward does not take these inputs.
struct Refused {};

// forward(handles): handles, or undefined where it refuses them.
Stack callForward(const Call& call, const Napi::Function& forward, const Stack& inputs) {
  Napi::Array given = Napi::Array::New(call.env, inputs.size());
  for (uint32_t i = 0; i < inputs.size(); i++) given[i] = call.wrap(inputs[i].toTensor());
  const Napi::Value value = forward.Call({given});
  if (value.IsUndefined()) throw Refused();
  const auto result = value.As<Napi::Array>();
  std::vector<c10::IValue> outputs;
  outputs.reserve(result.Length());
  for (uint32_t i = 0; i < result.Length(); i++) {
    outputs.emplace_back(call.data.tensor(call.env, result.Get(i)));
  }
  if (outputs.size() == 1) return {outputs[0]};
  return {c10::ivalue::Tuple::create(std::move(outputs))};
}

// What JavaScript throws waits until the archive is closed: its writer must not be left half way.
class Sink {
 public:
  Sink(const Call& call, const Napi::Function& write) : call_(call), write_(write) {}

  size_t operator()(const void* data, size_t size) {
    if (failure_) return size;
    try {
      const Napi::HandleScope scope(call_.env);
      write_.Call({Napi::Uint8Array::New(call_.env, size, call_.arrayBuffer(data, size), 0)});
    } catch (...) {
      failure_ = std::current_exception();
    }
    return size;
  }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const Call& call_;
  Napi::Function write_;
  std::exception_ptr failure_;
};

void save(Call& call, const Module& module, const Napi::Function& write) {
  Sink sink(call, write);
  torch::jit::ExportModule(module, [&](const void* data, size_t size) { return sink(data, size); });
  sink.rethrow();
}

// The tree of the call's keys, tensors and number of parameters.
ModuleTree readTree(const Call& call) {
  const std::vector<std::string> keys = readStrings(call, 1, "keys");
  const auto tensors = call.info[2].As<Napi::Array>();
  const auto parameters = call.integer(3, "parameters");
  ModuleTree tree(call.string(0, "name"));
  for (uint32_t i = 0; i < keys.size(); i++) {
    tree.add(keys[i], call.data.tensor(call.env, tensors.Get(i)), i < parameters);
  }
  return tree;
}

SizedGraphs::GraphPtr traceOnce(const Call& call, Module& self, const Napi::Array& inputs) {
  const auto forward = call.info[7].As<Napi::Function>();
  return torch::jit::tracer::trace(
             readInputs(call, inputs), [&](const Stack& given) { return callForward(call, forward, given); },
             [](const torch::autograd::Variable&) { return std::string(); }, /*strict=*/true,
             /*force_outplace=*/false, &self, readStrings(call, 6, "inputNames"))
      .first->graph;
}

// A forward of `graph` behind the checks in `source`, which calls it `_traced_forward`.
void addForward(Module& module, const SizedGraphs::GraphPtr& graph, const std::string& source) {
  const auto& type = module.type();
  const auto name = type->name();
  if (!name) throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected a named module to write");
  const c10::QualifiedName method(*name, "_traced_forward");
  type->addMethod(module._ivalue()->compilation_unit()->create_function(method, graph));
  module.define(source);
}

// traceTorchScript(name, keys, tensors, parameters, samples, required, inputNames, forward, seal, write):
// writes one module that does for all samples what the forward does, piece by piece. The first `parameters`
// tensors are parameters, the others buffers. A sample is a list of inputs; those behind the first `required`
// are left out from the first on that does not fit. `seal(taken)` gives the source of the module's forward.
// Returns why nothing was written, or undefined.
Napi::Value traceTorchScript(Call& call) {
  if (torch::jit::tracer::isTracing()) {
    throw InvalidArgument("ERR_TORCH", "Expected no other trace under way, got a forward that traces");
  }
  ModuleTree tree = readTree(call);
  const auto samples = call.info[4].As<Napi::Array>();
  const auto required = static_cast<uint32_t>(call.integer(5, "required"));
  SizedGraphs graphs;
  std::vector<SizedGraphs::GraphPtr> traced;
  uint32_t taken = 0;
  try {
    for (; taken < samples.Length(); taken++) {
      traced.push_back(traceOnce(call, tree.root(), samples.Get(taken).As<Napi::Array>()));
      if (taken + 1 == required) {
        if (const auto reason = graphs.unite(traced)) return Napi::String::New(call.env, *reason);
      } else if (taken >= required && !graphs.covers(traced.back())) {
        break;
      }
    }
  } catch (const Refused&) {
    if (taken < required) return Napi::String::New(call.env, "");
  }
  const auto source = call.info[8].As<Napi::Function>().Call({call.number(taken)});
  addForward(tree.root(), graphs.finish(), toString(call.env, source, "source"));
  save(call, tree.root(), call.info[9].As<Napi::Function>());
  return call.undefined();
}

}  // namespace

void defineTorchScript(Napi::Object exports) {
  define<traceTorchScript>(exports, "traceTorchScript");
}

}  // namespace ibn
