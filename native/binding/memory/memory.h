// The CPU allocator that libtorch uses here: blocks are counted, and large ones are kept for reuse.
#pragma once
#include <cstdint>

namespace ibn {

// Makes libtorch allocate CPU tensors here. Idempotent; any thread.
void installAllocator();

// Bytes of CPU tensors alive in the process, in all environments and graphs.
int64_t liveCpuBytes();
int64_t peakCpuBytes();
void resetPeakCpuBytes();

// Bytes of freed large blocks that are kept, and giving them back to the system.
int64_t cachedCpuBytes();
void emptyCpuCache();

// A backward has ended: what was alive at most since the one before is what a step of this program needs.
void noteBackward();
// The program trains no more.
void forgetTraining();

}  // namespace ibn
