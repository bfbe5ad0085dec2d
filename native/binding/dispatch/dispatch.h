// One entry for every op: arguments by schema, a boxed call through torch's dispatcher, results by schema.
#pragma once
#include <node_api.h>

namespace ibn {

// The callback of every function that getOp makes; its data is the BoundOp.
napi_value CallOp(napi_env env, napi_callback_info info);

// The callback of getSizesOp's functions: a tensor, then each size.
napi_value CallOnSizes(napi_env env, napi_callback_info info);

}  // namespace ibn
