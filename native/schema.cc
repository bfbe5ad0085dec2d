#include "schema.h"

#include <algorithm>

#include "dispatch.h"
#include "env.h"
#include "errors.h"

namespace ibn {

namespace {

Kind kindOf(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return Kind::kTensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::kInt;
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType:
      return Kind::kFloat;
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType:
      return Kind::kBool;
    case c10::TypeKind::NumberType:
      return Kind::kScalar;
    case c10::TypeKind::StringType:
      return Kind::kString;
    case c10::TypeKind::DeviceObjType:
      return Kind::kDevice;
    case c10::TypeKind::ScalarTypeType:
      return Kind::kScalarType;
    case c10::TypeKind::LayoutType:
      return Kind::kLayout;
    case c10::TypeKind::MemoryFormatType:
      return Kind::kMemoryFormat;
    case c10::TypeKind::QSchemeType:
      return Kind::kQScheme;
    case c10::TypeKind::GeneratorType:
      return Kind::kGenerator;
    case c10::TypeKind::StorageType:
      return Kind::kStorage;
    case c10::TypeKind::StreamObjType:
      return Kind::kStream;
    case c10::TypeKind::AnyType:
      return Kind::kAny;
    case c10::TypeKind::ClassType:
      return Kind::kOpaque;
    case c10::TypeKind::ListType:
      return Kind::kList;
    default:
      return Kind::kUnsupported;
  }
}

bool isPure(const c10::FunctionSchema& schema) {
  if (schema.returns().empty()) return false;
  const auto aliased = [](const c10::Argument& argument) { return argument.alias_info() != nullptr; };
  return std::none_of(schema.arguments().begin(), schema.arguments().end(), aliased) &&
         std::none_of(schema.returns().begin(), schema.returns().end(), aliased);
}

bool returnsWrittenArguments(const c10::FunctionSchema& schema) {
  return !schema.returns().empty() &&
         std::all_of(schema.returns().begin(), schema.returns().end(), [](const c10::Argument& result) {
           return result.alias_info() != nullptr && result.alias_info()->isWrite();
         });
}

std::string aliasSet(const c10::Argument& argument) {
  if (argument.alias_info() == nullptr) return "";
  std::string name;
  for (const auto& symbol : argument.alias_info()->beforeSets()) name += symbol.toUnqualString();
  return argument.alias_info()->isWrite() ? name + "!" : name;
}

Napi::Object describeArgument(Napi::Env env, const c10::Argument& argument) {
  Napi::Object object = Napi::Object::New(env);
  object["name"] = argument.name();
  object["type"] = argument.real_type()->str();
  if (argument.N()) object["size"] = *argument.N();
  if (argument.kwarg_only()) object["kwargOnly"] = true;
  if (argument.default_value()) object["hasDefault"] = true;
  const std::string alias = aliasSet(argument);
  if (!alias.empty()) object["alias"] = alias;
  if (makeTypeSpec(argument.real_type(), argument.N()).kind == Kind::kUnsupported)
    object["unsupported"] = true;
  return object;
}

Napi::Array describeAll(Napi::Env env, const std::vector<c10::Argument>& list) {
  Napi::Array array = Napi::Array::New(env, list.size());
  for (uint32_t i = 0; i < list.size(); i++) array[i] = describeArgument(env, list[i]);
  return array;
}

std::optional<c10::OperatorHandle> find(const Napi::CallbackInfo& info) {
  return c10::Dispatcher::singleton().findSchema(
      {info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::String>().Utf8Value()});
}

}  // namespace

TypeSpec makeTypeSpec(const c10::TypePtr& type, std::optional<int32_t> fixed_size) {
  TypeSpec spec;
  spec.type = type;
  if (type->kind() == c10::TypeKind::OptionalType) {
    spec = makeTypeSpec(type->castRaw<c10::OptionalType>()->getElementType(), fixed_size);
    spec.optional = true;
    return spec;
  }
  spec.kind = kindOf(type);
  spec.fixed_size = fixed_size;
  if (spec.kind == Kind::kList) {
    spec.element.push_back(makeTypeSpec(type->castRaw<c10::ListType>()->getElementType()));
    if (spec.element[0].kind == Kind::kUnsupported) spec.kind = Kind::kUnsupported;
  }
  return spec;
}

BoundOp::BoundOp(c10::OperatorHandle op) : handle(std::move(op)) {
  const c10::FunctionSchema& schema = handle.schema();
  name = schema.overload_name().empty() ? schema.name() : schema.name() + "." + schema.overload_name();
  for (const c10::Argument& argument : schema.arguments()) {
    ArgSpec spec;
    spec.name = argument.name();
    spec.type = makeTypeSpec(argument.real_type(), argument.N());
    spec.has_default = argument.default_value().has_value();
    if (spec.has_default) spec.default_value = *argument.default_value();
    arguments.push_back(std::move(spec));
  }
  for (const c10::Argument& result : schema.returns()) returns.push_back(makeTypeSpec(result.real_type()));
  single_tensor = returns.size() == 1 && returns[0].kind == Kind::kTensor;
  returns_alias = returnsWrittenArguments(schema);
  pure = isPure(schema);
}

Napi::Value ListOps(const Napi::CallbackInfo& info) {
  auto& dispatcher = c10::Dispatcher::singleton();
  std::vector<std::string> names;
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    if (dispatcher.findSchema(name).has_value()) names.push_back(c10::toString(name));
  }
  std::sort(names.begin(), names.end());
  Napi::Array array = Napi::Array::New(info.Env(), names.size());
  for (uint32_t i = 0; i < names.size(); i++) array[i] = names[i];
  return array;
}

Napi::Value GetSchema(const Napi::CallbackInfo& info) {
  const auto op = find(info);
  if (!op) return info.Env().Undefined();
  const c10::FunctionSchema& schema = op->schema();
  Napi::Object object = Napi::Object::New(info.Env());
  object["name"] = schema.name();
  object["overload"] = schema.overload_name();
  object["arguments"] = describeAll(info.Env(), schema.arguments());
  object["returns"] = describeAll(info.Env(), schema.returns());
  object["returnsArguments"] = returnsWrittenArguments(schema);
  return object;
}

Napi::Value GetOp(const Napi::CallbackInfo& info) {
  auto op = find(info);
  if (!op) return info.Env().Undefined();
  EnvData& data = EnvData::get(info.Env());
  data.ops.push_back(std::make_shared<BoundOp>(*op));
  napi_value function = nullptr;
  napi_create_function(info.Env(), data.ops.back()->name.c_str(), NAPI_AUTO_LENGTH, CallOp,
                       data.ops.back().get(), &function);
  return {info.Env(), function};
}

}  // namespace ibn
