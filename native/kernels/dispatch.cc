// Compiled once, for any processor: chooses among the sets that were compiled.
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels.h"

#define IBN_SET(isa)            \
  namespace ibn::kernels::isa { \
  const Table& kernelTable();   \
  }
#ifdef IBN_HAVE_avx512bf16
IBN_SET(avx512bf16)
#endif
#ifdef IBN_HAVE_avx512vnni
IBN_SET(avx512vnni)
#endif
#ifdef IBN_HAVE_avx512
IBN_SET(avx512)
#endif
#ifdef IBN_HAVE_avxvnni
IBN_SET(avxvnni)
#endif
#ifdef IBN_HAVE_avx2
IBN_SET(avx2)
#endif
IBN_SET(baseline)

namespace ibn::kernels {

// Here, so that no set's object holds a copy of them.
Team::~Team() = default;
template <class Call>
ConvKernel<Call>::~ConvKernel() = default;
template class ConvKernel<ConvCall>;
template class ConvKernel<Int8Call>;
Linear::~Linear() = default;

void outOfMemory() {
  throw std::bad_alloc();
}

namespace {

#if defined(__x86_64__)
// What -march=x86-64-v3 and -v4 let the compiler use. A processor with bmi2 and fma has v3's others too.
[[maybe_unused]] bool hasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
[[maybe_unused]] bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
// Of 512 bits.
[[maybe_unused]] bool hasAvx512Vnni() {
  return hasAvx512() && __builtin_cpu_supports("avx512vnni");
}
// Of 256 bits, where there are no registers of 512. Older compilers know no name for it.
[[maybe_unused]] bool hasAvxVnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kLeaf = 7, kSubleaf = 1, kAvxVnni = 1U << 4;
  return hasAvx2() && __get_cpuid_count(kLeaf, kSubleaf, &a, &b, &c, &d) != 0 && (a & kAvxVnni) != 0;
}
#endif

std::vector<const Table*> supportedTables() {
  std::vector<const Table*> result;
#ifdef IBN_HAVE_avx512bf16
  if (hasAvx512Vnni() && __builtin_cpu_supports("avx512bf16")) result.push_back(&avx512bf16::kernelTable());
#endif
#ifdef IBN_HAVE_avx512vnni
  if (hasAvx512Vnni()) result.push_back(&avx512vnni::kernelTable());
#endif
#ifdef IBN_HAVE_avx512
  if (hasAvx512()) result.push_back(&avx512::kernelTable());
#endif
#ifdef IBN_HAVE_avxvnni
  if (hasAvxVnni()) result.push_back(&avxvnni::kernelTable());
#endif
#ifdef IBN_HAVE_avx2
  if (hasAvx2()) result.push_back(&avx2::kernelTable());
#endif
  result.push_back(&baseline::kernelTable());
  result.push_back(nullptr);
  return result;
}

const Table& chosenTable() {
  const char* variable = std::getenv("IBN_NET_CPU_CAPABILITY");
  if (variable == nullptr || *variable == '\0') return *tables()[0];
  // torch's own variable, ATEN_CPU_CAPABILITY, calls the plainest set "default".
  std::string wanted = variable;
  if (wanted == "default") wanted = "baseline";
  std::string names;
  for (const Table* const* set = tables(); *set != nullptr; set++) {
    if (wanted == (*set)->name) return **set;
    names += std::string(names.empty() ? "" : ", ") + '"' + (*set)->name + '"';
  }
  throw std::invalid_argument("Expected one of " + names +
                              " (what this processor and build have) for IBN_NET_CPU_CAPABILITY, got \"" +
                              variable + '"');
}

}  // namespace

const Table& table() {
  static const Table& chosen = chosenTable();
  return chosen;
}

const Table* const* tables() {
  static const std::vector<const Table*> supported = supportedTables();
  return supported.data();
}

}  // namespace ibn::kernels
