// The memory of JavaScript's buffers, held whatever becomes of the buffer.
//
// A reference keeps a buffer alive but not its memory: postMessage with a transfer list, byte streams,
// ArrayBuffer.prototype.transfer and WebAssembly.Memory.grow all take it away. V8 shares it by a reference
// count, which Node-API does not show but Node exports.
#pragma once
#include <node_api.h>

#include <memory>

namespace ibn {

// One share of a buffer's memory; may be given back on any thread, also after the environment.
using HeldMemory = std::shared_ptr<const void>;

// Whether this runtime's V8 lets memory be held, and shares it in the way of our C++ library.
bool canHoldMemory();

// Whether V8 has the function by which ArrayBuffer.prototype.transfer to another size reallocates, also under
// those who hold the memory: V8 12, Node.js 22.
bool movesMemory();

// The memory of an ArrayBuffer or SharedArrayBuffer. Only where it can be held.
HeldMemory holdMemory(napi_value buffer);

// Whether JavaScript may shrink the memory, which takes pages away. Shared memory only grows.
bool canShrink(napi_value buffer);

}  // namespace ibn
