// What glibc before 2.32 and 2.33 does not export, for this library alone (portable.cmake). The archive's
// members are linked only where something needs them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))

#define IBN_LOCAL __attribute__((visibility("hidden")))

// Of libstdc++'s headers, which count references without atomics while it is true. Node has threads.
IBN_LOCAL char __libc_single_threaded = 0;

// glibc's structures are the kernel's on both processors.
IBN_LOCAL int stat(const char* restrict path, struct stat* restrict status) {
  return (int)syscall(SYS_newfstatat, AT_FDCWD, path, status, 0);
}

IBN_LOCAL int fstat(int file, struct stat* status) {
  return (int)syscall(SYS_fstat, file, status);
}

#endif
