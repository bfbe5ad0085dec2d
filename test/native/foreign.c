// An addon of another package's: externals over any address. Built by attacks.test.ts.
#include <node_api.h>
#include <stdint.h>

static napi_value external(napi_env env, napi_callback_info info) {
  napi_value address;
  napi_value result;
  size_t count = 1;
  int64_t number = 0;
  napi_get_cb_info(env, info, &count, &address, NULL, NULL);
  napi_get_value_int64(env, address, &number);
  napi_create_external(env, (void*)(uintptr_t)number, NULL, NULL, &result);
  return result;
}

NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "external", NAPI_AUTO_LENGTH, external, NULL, &function);
  napi_set_named_property(env, exports, "external", function);
  return exports;
}
