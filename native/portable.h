// Included before every source by portable.cmake: takes the oldest version of each function of glibc and
// libstdc++ that got a new one without a change that matters to us (glibc 2.34 moved libpthread and libdl
// into libc).
#pragma once
#ifdef __cplusplus
#include <cstddef>
#else
#include <features.h>
#endif

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(__CUDA_ARCH__)

#ifdef __x86_64__
#define IBN_FROM(name, version) __asm__(".symver " #name "," #name "@GLIBC_" version)
#else
// The first glibc for AArch64.
#define IBN_FROM(name, version) __asm__(".symver " #name "," #name "@GLIBC_2.17")
#endif

IBN_FROM(dladdr, "2.2.5");
IBN_FROM(dlclose, "2.2.5");
IBN_FROM(dlerror, "2.2.5");
IBN_FROM(dlopen, "2.2.5");
IBN_FROM(dlsym, "2.2.5");
IBN_FROM(pthread_create, "2.2.5");
IBN_FROM(pthread_detach, "2.2.5");
IBN_FROM(pthread_join, "2.2.5");
IBN_FROM(pthread_key_create, "2.2.5");
IBN_FROM(pthread_mutex_trylock, "2.2.5");
IBN_FROM(pthread_once, "2.2.5");
IBN_FROM(pthread_rwlock_rdlock, "2.2.5");
IBN_FROM(pthread_rwlock_unlock, "2.2.5");
IBN_FROM(pthread_rwlock_wrlock, "2.2.5");
IBN_FROM(pthread_setname_np, "2.12");

#if defined(__cplusplus) && defined(__GLIBCXX__)
// Without pthread_cond_clockwait (glibc 2.30) libstdc++ waits by the system's clock and looks at the steady
// one after.
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
// gcc 12 gave it a new version for its exception specification only.
__asm__(
    ".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
    "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");
#endif

#undef IBN_FROM
#endif
