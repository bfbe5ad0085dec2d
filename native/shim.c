// The only file that Node loads by itself. It knows nothing of libtorch: it opens libtorch's libraries by
// absolute path, so that the binding's NEEDED entries resolve by SONAME, then opens the binding and lets it
// register.
//
// Each JavaScript environment (main thread, worker) loads the shim; dlopen counts references, so libtorch and
// the binding are mapped once per process.
#define NAPI_VERSION 8
#include <dlfcn.h>
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>

typedef napi_value (*RegisterFn)(napi_env env, napi_value exports);

enum { kPathSize = 4096, kErrorSize = 8192 };

// Node runs finalizers inside garbage collection only for modules that report the experimental version.
// Ordinary ones are deferred to the event loop, and a synchronous loop of tensors would never free one
// (docs/memory.md). Our finalizers call nothing that may run JavaScript.
NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1(void) {
  const char* stable = getenv("IBN_NET_STABLE_NODE_API");
  return stable != NULL && stable[0] == '1' ? 8 : 2147483647;
}

static void throw_dl_error(napi_env env, const char* path) {
  char message[kErrorSize];
  const char* reason = dlerror();
  snprintf(message, sizeof message, "%s: %s", path, reason == NULL ? "dlopen failed" : reason);
  napi_throw_error(env, "ERR_DLOPEN_FAILED", message);
}

static int read_path(napi_env env, napi_value value, char* path) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, path, kPathSize, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Expected a string for path");
    return 0;
  }
  return 1;
}

// load(libraries: string[], binding: string): the binding's exports.
static napi_value load(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  uint32_t count = 0;
  char path[kPathSize];
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 2 || napi_get_array_length(env, argv[0], &count) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Expected (libraries: string[], binding: string)");
    return NULL;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    napi_get_element(env, argv[0], i, &item);
    if (!read_path(env, item, path)) return NULL;
    if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL) {
      throw_dl_error(env, path);
      return NULL;
    }
  }
  if (!read_path(env, argv[1], path)) return NULL;
  void* binding = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (binding == NULL) {
    throw_dl_error(env, path);
    return NULL;
  }
  RegisterFn register_binding = (RegisterFn)dlsym(binding, "ibn_register_binding");
  if (register_binding == NULL) {
    throw_dl_error(env, path);
    return NULL;
  }
  napi_value exports;
  napi_create_object(env, &exports);
  return register_binding(env, exports);
}

NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value fn;
  napi_create_function(env, "load", NAPI_AUTO_LENGTH, load, NULL, &fn);
  napi_set_named_property(env, exports, "load", fn);
  return exports;
}
