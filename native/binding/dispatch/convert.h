// Values between JavaScript and libtorch, by schema type.
#pragma once
#include <node_api.h>

#include <string>

#include <ATen/core/ivalue.h>

#include "../env/env.h"
#include "schema.h"

namespace ibn {

// JavaScript to libtorch; throws InvalidArgument that names the argument.
c10::IValue toIValue(napi_env env, EnvData& data, const TypeSpec& type, const std::string& name,
                     napi_value value);

// libtorch to JavaScript: tensors become handles, lists arrays, integers numbers when safe and bigints
// beyond.
napi_value fromIValue(napi_env env, EnvData& data, const TypeSpec& type, c10::IValue value,
                      const BoundOp* origin);

std::string toString(napi_env env, napi_value value, const std::string& name);
int64_t toInt(napi_env env, napi_value value, const std::string& name);
std::vector<int64_t> toInts(napi_env env, napi_value value, const std::string& name);
at::ScalarType toScalarType(napi_env env, napi_value value, const std::string& name);
napi_value fromInt(napi_env env, int64_t value);
napi_value fromString(napi_env env, const std::string& text);
const char* dtypeName(at::ScalarType type);
// Throws for dtypes that need a quantizer.
void refuseQuantized(at::ScalarType type);

}  // namespace ibn
