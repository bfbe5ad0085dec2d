// The CPU allocator: libtorch's own, counted.
#pragma once
#include <cstdint>

namespace ibn {

// Makes libtorch allocate CPU tensors through a counting wrapper of its default allocator. Idempotent; any
// thread.
void installCountingAllocator();

// Bytes of CPU tensors alive in the process, in all environments and graphs.
int64_t liveCpuBytes();
int64_t peakCpuBytes();
void resetPeakCpuBytes();

}  // namespace ibn
