// The only file that Node loads by itself. It knows nothing of libtorch: it opens libtorch's libraries by
// absolute path, so that the binding's NEEDED entries resolve by SONAME, then opens the binding and lets it
// register.
//
// Each JavaScript environment (main thread, worker) loads the shim; dlopen counts references, so libtorch and
// the binding are mapped once per process.
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <dlfcn.h>
#include <node_api.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef napi_value (*RegisterFn)(napi_env env, napi_value exports);

enum { kPathSize = 4096, kErrorSize = 8192, kMostLibraries = 8 };

// What to open: libtorch's libraries, whose symbols the binding needs, then the binding.
typedef struct {
  char* libraries[kMostLibraries];
  uint32_t count;
  char* binding;
} Paths;

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

static void free_paths(Paths* paths) {
  for (uint32_t i = 0; i < paths->count; i++) free(paths->libraries[i]);
  free(paths->binding);
  free(paths);
}

static char* read_path(napi_env env, napi_value value) {
  char path[kPathSize];
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, path, kPathSize, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Expected a string for path");
    return NULL;
  }
  return strdup(path);
}

// The arguments (libraries: string[], binding: string), or NULL with an exception pending.
static Paths* read_arguments(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  size_t argc = 2;
  uint32_t count = 0;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (argc < 2 || napi_get_array_length(env, argv[0], &count) != napi_ok || count > kMostLibraries) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Expected (libraries: string[], binding: string)");
    return NULL;
  }
  Paths* paths = calloc(1, sizeof *paths);
  if (paths == NULL) return NULL;
  for (; paths->count < count; paths->count++) {
    napi_value item;
    napi_get_element(env, argv[0], paths->count, &item);
    if ((paths->libraries[paths->count] = read_path(env, item)) == NULL) break;
  }
  if (paths->count == count && (paths->binding = read_path(env, argv[1])) != NULL) return paths;
  free_paths(paths);
  return NULL;
}

static void* open_library(const char* path) {
  return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
}

static void* open_binding(const char* path) {
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

// libtorch's initializers register thousands of ops: 45 MB of small blocks, each page of which would cost a
// fault. Blocks taken and given back in one piece leave the arena's memory in place, and huge pages then come
// in its stead. Where the allocator or the kernel works otherwise this does nothing.
static void prepare_arena(void) {
  enum { kBlocks = 720, kBlockBytes = 64 << 10 };
  static char* blocks[kBlocks];
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uintptr_t first = UINTPTR_MAX;
  uintptr_t last = 0;
  int count = 0;
  while (count < kBlocks && (blocks[count] = malloc(kBlockBytes)) != NULL) {
    const uintptr_t start = (uintptr_t)blocks[count++];
    if (start < first) first = start;
    if (start + kBlockBytes > last) last = start + kBlockBytes;
  }
  first = (first + page - 1) / page * page;
  last = last / page * page;
  // Of one piece: the blocks are neighbours.
  if (count == kBlocks && last - first < 2 * (size_t)kBlocks * kBlockBytes) {
    madvise((void*)first, last - first, MADV_HUGEPAGE);
  }
  for (int i = 0; i < count; i++) free(blocks[i]);
}

static pthread_mutex_t loader_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_t loader;
static int loader_started = 0;
static int loader_running = 0;

// What fails is left to load(), which meets the same failure and reports it.
static void* run_loader(void* data) {
  Paths* paths = data;
  prepare_arena();
  int opened = 1;
  for (uint32_t i = 0; opened && i < paths->count; i++) opened = open_library(paths->libraries[i]) != NULL;
  if (opened) open_binding(paths->binding);
  free_paths(paths);
  return NULL;
}

static void join_loader(void* unused) {
  (void)unused;
  pthread_mutex_lock(&loader_mutex);
  if (loader_running) pthread_join(loader, NULL);
  loader_running = 0;
  pthread_mutex_unlock(&loader_mutex);
}

// preload(libraries: string[], binding: string): begins to open them on a thread of its own, once in a
// process, and returns at once. load() waits for it, as does the end of the environment.
static napi_value preload(napi_env env, napi_callback_info info) {
  Paths* paths = read_arguments(env, info);
  if (paths == NULL) return NULL;
  pthread_mutex_lock(&loader_mutex);
  if (!loader_started && pthread_create(&loader, NULL, run_loader, paths) == 0) {
    loader_started = loader_running = 1;
    paths = NULL;
    napi_add_env_cleanup_hook(env, join_loader, NULL);
  }
  pthread_mutex_unlock(&loader_mutex);
  if (paths != NULL) free_paths(paths);
  return NULL;
}

static napi_value register_binding(napi_env env, const Paths* paths) {
  for (uint32_t i = 0; i < paths->count; i++) {
    if (open_library(paths->libraries[i]) == NULL) {
      throw_dl_error(env, paths->libraries[i]);
      return NULL;
    }
  }
  void* binding = open_binding(paths->binding);
  RegisterFn run = binding == NULL ? NULL : (RegisterFn)dlsym(binding, "ibn_register_binding");
  if (run == NULL) {
    throw_dl_error(env, paths->binding);
    return NULL;
  }
  napi_value exports;
  napi_create_object(env, &exports);
  return run(env, exports);
}

// load(libraries: string[], binding: string): the binding's exports.
static napi_value load(napi_env env, napi_callback_info info) {
  Paths* paths = read_arguments(env, info);
  if (paths == NULL) return NULL;
  join_loader(NULL);
  napi_value exports = register_binding(env, paths);
  free_paths(paths);
  return exports;
}

static void export_function(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value fn;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &fn);
  napi_set_named_property(env, exports, name, fn);
}

NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  export_function(env, exports, "preload", preload);
  export_function(env, exports, "load", load);
  return exports;
}
