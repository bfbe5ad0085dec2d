#include "store.h"

#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <filesystem>

#include "parts.h"
#include "promise.h"

namespace ibn::distributed {

namespace {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using Bytes = std::vector<uint8_t>;

napi_value wrapStore(napi_env env, StorePtr store) {
  return EnvData::get(env).wrapValue(env, c10::IValue::make_capsule(std::move(store)));
}

Finish givesStore(StorePtr store) {
  return [store = std::move(store)](napi_env env) { return wrapStore(env, store); };
}

Bytes bytesOf(const Call& call, size_t index) {
  if (!call.info[index].IsTypedArray()) {
    throw InvalidArgument("ERR_INVALID_ARG_TYPE", "Expected a Uint8Array for value");
  }
  const auto array = call.info[index].As<Napi::Uint8Array>();
  return {array.Data(), array.Data() + array.ByteLength()};
}

Finish givesBytes(Bytes bytes) {
  return [bytes = std::move(bytes)](napi_env env) -> napi_value {
    Napi::Uint8Array array = Napi::Uint8Array::New(env, bytes.size());
    std::copy(bytes.begin(), bytes.end(), array.Data());
    return array;
  };
}

template <typename T>
Finish givesNumber(T value) {
  return [value](napi_env env) -> napi_value { return Napi::Number::New(env, static_cast<double>(value)); };
}

Finish givesBoolean(bool value) {
  return [value](napi_env env) -> napi_value { return Napi::Boolean::New(env, value); };
}

std::vector<std::string> textsOf(const Call& call, size_t index, const char* name) {
  const auto array = call.info[index].As<Napi::Array>();
  const uint32_t count = array.Length();
  std::vector<std::string> texts;
  texts.reserve(count);
  for (uint32_t i = 0; i < count; i++) texts.push_back(toString(call.env, array.Get(i), name));
  return texts;
}

// tcpStore(host, port, worldSize, isServer, timeout, waitForWorkers): connects, which a server that has not
// come yet delays. Node exports libuv's functions as libtorch does, so libtorch's libuv server is never used
// here; clients of either kind speak with servers of either.
Napi::Value tcpStore(Call& call) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(call.integer(1, "port"));
  const int64_t world_size = call.integer(2, "worldSize");
  if (world_size > 0) options.numWorkers = static_cast<size_t>(world_size);
  options.isServer = call.boolean(3);
  options.timeout = millisecondsOf(call, 4);
  options.waitWorkers = call.boolean(5);
  options.multiTenant = true;
  options.useLibUV = false;
  return runAside(call, [host = call.string(0, "host"), options] {
    return givesStore(c10::make_intrusive<c10d::TCPStore>(host, options));
  });
}

// c10d waits five minutes for a file whose folder is not there.
std::string pathInFolder(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code none;
  const bool can_be = !path.empty() && path.find('\0') == std::string::npos &&
                      (folder.empty() || std::filesystem::is_directory(folder, none));
  if (!can_be) {
    throw InvalidArgument("ERR_INVALID_ARG_VALUE",
                          "Expected a path in a folder that exists for FileStore, got \"" + path + "\"");
  }
  return path;
}

// fileStore(path, worldSize); -1 for a number of workers that is not known.
Napi::Value fileStore(Call& call) {
  const auto path = pathInFolder(call.string(0, "path"));
  const auto world_size = static_cast<int>(call.integer(1, "worldSize"));
  return {call.env, wrapStore(call.env, c10::make_intrusive<c10d::FileStore>(path, world_size))};
}

Napi::Value hashStore(Call& call) {
  return {call.env, wrapStore(call.env, c10::make_intrusive<c10d::HashStore>())};
}

// prefixStore(prefix, store)
Napi::Value prefixStore(Call& call) {
  return {call.env, wrapStore(call.env, c10::make_intrusive<c10d::PrefixStore>(call.string(0, "prefix"),
                                                                               storeOf(call, 1)))};
}

// storePort(store): the port that a TCPStore listens on or is connected to; 0 for other stores.
Napi::Value storePort(Call& call) {
  const auto store = c10::dynamic_intrusive_pointer_cast<c10d::TCPStore>(storeOf(call, 0));
  return call.number(store ? store->getPort() : 0);
}

Napi::Value storeSet(Call& call) {
  return runAside(call, [store = storeOf(call, 0), key = call.string(1, "key"), value = bytesOf(call, 2)] {
    store->set(key, value);
    return Finish(nothing);
  });
}

Napi::Value storeGet(Call& call) {
  return runAside(
      call, [store = storeOf(call, 0), key = call.string(1, "key")] { return givesBytes(store->get(key)); });
}

Napi::Value storeAdd(Call& call) {
  return runAside(
      call, [store = storeOf(call, 0), key = call.string(1, "key"), amount = call.integer(2, "amount")] {
        return givesNumber(store->add(key, amount));
      });
}

Napi::Value storeCompareSet(Call& call) {
  return runAside(
      call, [store = storeOf(call, 0), key = call.string(1, "key"), expected = bytesOf(call, 2),
             desired = bytesOf(call, 3)] { return givesBytes(store->compareSet(key, expected, desired)); });
}

Napi::Value storeCheck(Call& call) {
  return runAside(call, [store = storeOf(call, 0), keys = textsOf(call, 1, "keys")] {
    return givesBoolean(store->check(keys));
  });
}

Napi::Value storeDeleteKey(Call& call) {
  return runAside(call, [store = storeOf(call, 0), key = call.string(1, "key")] {
    return givesBoolean(store->deleteKey(key));
  });
}

Napi::Value storeNumKeys(Call& call) {
  return runAside(call, [store = storeOf(call, 0)] { return givesNumber(store->getNumKeys()); });
}

// storeWait(store, keys, timeout)
Napi::Value storeWait(Call& call) {
  return runAside(
      call, [store = storeOf(call, 0), keys = textsOf(call, 1, "keys"), timeout = millisecondsOf(call, 2)] {
        store->wait(keys, timeout);
        return Finish(nothing);
      });
}

// storeSetTimeout(store, timeout): of `get` and `wait`.
Napi::Value storeSetTimeout(Call& call) {
  storeOf(call, 0)->setTimeout(millisecondsOf(call, 1));
  return call.undefined();
}

}  // namespace

StorePtr storeOf(const Call& call, size_t index) {
  return capsuleOf<c10d::Store>(call, index, "a Store");
}

void defineStores(Napi::Object exports) {
  define<tcpStore>(exports, "tcpStore");
  define<fileStore>(exports, "fileStore");
  define<hashStore>(exports, "hashStore");
  define<prefixStore>(exports, "prefixStore");
  define<storePort>(exports, "storePort");
  define<storeSet>(exports, "storeSet");
  define<storeGet>(exports, "storeGet");
  define<storeAdd>(exports, "storeAdd");
  define<storeCompareSet>(exports, "storeCompareSet");
  define<storeCheck>(exports, "storeCheck");
  define<storeDeleteKey>(exports, "storeDeleteKey");
  define<storeNumKeys>(exports, "storeNumKeys");
  define<storeWait>(exports, "storeWait");
  define<storeSetTimeout>(exports, "storeSetTimeout");
}

}  // namespace ibn::distributed
