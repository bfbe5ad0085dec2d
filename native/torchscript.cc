// Networks as TorchScript: libtorch's tracer records a forward, parameters become those of a module.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/shape_analysis.h>
#include <torch/csrc/jit/serialization/export.h>

#include <map>

#include "cold.h"

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

Stack readInputs(const Call& call, size_t index) {
  Stack inputs;
  const auto array = call.info[index].As<Napi::Array>();
  inputs.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) inputs.emplace_back(call.data.tensor(call.env, array.Get(i)));
  return inputs;
}

// forward(handles): handles.
Stack callForward(const Call& call, const Napi::Function& forward, const Stack& inputs) {
  Napi::Array given = Napi::Array::New(call.env, inputs.size());
  for (uint32_t i = 0; i < inputs.size(); i++) given[i] = call.wrap(inputs[i].toTensor());
  const auto result = forward.Call({given}).As<Napi::Array>();
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

// traceTorchScript(name, keys, tensors, parameters, inputs, inputNames, forward, expected, write): the graph
// as text. The first `parameters` tensors are parameters, the others buffers. Where `expected` is that text,
// the module is written too, piece by piece.
Napi::Value traceTorchScript(Call& call) {
  if (torch::jit::tracer::isTracing()) {
    throw InvalidArgument("ERR_TORCH", "Expected no other trace under way, got a forward that traces");
  }
  const std::string name = call.string(0, "name");
  const std::vector<std::string> keys = readStrings(call, 1, "keys");
  const auto tensors = call.info[2].As<Napi::Array>();
  const auto parameters = call.integer(3, "parameters");
  ModuleTree tree(name);
  for (uint32_t i = 0; i < keys.size(); i++) {
    tree.add(keys[i], call.data.tensor(call.env, tensors.Get(i)), i < parameters);
  }
  const auto forward = call.info[6].As<Napi::Function>();
  const auto traced = torch::jit::tracer::trace(
      readInputs(call, 4), [&](const Stack& inputs) { return callForward(call, forward, inputs); },
      [](const torch::autograd::Variable&) { return std::string(); }, /*strict=*/true,
      /*force_outplace=*/false, &tree.root(), readStrings(call, 5, "inputNames"));
  const std::shared_ptr<torch::jit::Graph> graph = traced.first->graph;
  torch::jit::EraseShapeInformation(graph);
  const std::string text = graph->toString(/*print_source_locations=*/false);
  if (call.info[7].IsString() && call.string(7, "expected") == text) {
    const auto& type = tree.root().type();
    const auto& type_name = type->name();
    const c10::QualifiedName method(type_name ? *type_name : c10::QualifiedName(name), "forward");
    type->addMethod(tree.root()._ivalue()->compilation_unit()->create_function(method, graph));
    save(call, tree.root(), call.info[8].As<Napi::Function>());
  }
  return Napi::String::New(call.env, text);
}

}  // namespace

void defineTorchScript(Napi::Object exports) {
  define<traceTorchScript>(exports, "traceTorchScript");
}

}  // namespace ibn
