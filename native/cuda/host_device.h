// Marks functions that run on the host and on the device.
#pragma once

#if defined(__CUDACC__)
#define IBN_HD __host__ __device__ __forceinline__
#else
#define IBN_HD inline
#endif
