#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "../env/errors.h"

namespace ibn {

namespace {

// Of each mapped file: its size and a view for reading only, or null.
struct View {
  size_t size;
  char* shared;
};

std::mutex mutex;

std::map<uintptr_t, View>& views() {
  static auto* all = new std::map<uintptr_t, View>;
  return *all;
}

class File {
 public:
  explicit File(const char* path) : descriptor_(open(path, O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

size_t pageSize() {
  static const auto size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// Whether no page from `start` on is a copy of this process's own; false where the system does not say.
bool untouched(uintptr_t start, size_t bytes) {
  constexpr uint64_t kPresent = uint64_t{1} << 63, kSwapped = uint64_t{1} << 62, kOfFile = uint64_t{1} << 61;
  const File pagemap("/proc/self/pagemap");
  if (pagemap.get() < 0) return false;
  std::vector<uint64_t> entries((bytes + pageSize() - 1) / pageSize());
  const size_t size = entries.size() * sizeof(uint64_t);
  const auto offset = static_cast<off_t>(start / pageSize() * sizeof(uint64_t));
  if (pread(pagemap.get(), entries.data(), size, offset) != static_cast<ssize_t>(size)) return false;
  return std::all_of(entries.begin(), entries.end(), [](uint64_t entry) {
    return (entry & kSwapped) == 0 && ((entry & kPresent) == 0 || (entry & kOfFile) != 0);
  });
}

// The same bytes in the view for reading only; null where there is none.
char* sharedView(uintptr_t start, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex);
  auto found = views().upper_bound(start);
  if (found == views().begin()) return nullptr;
  --found;
  const auto& [first, view] = *found;
  const size_t offset = start - first;
  if (view.shared == nullptr || offset > view.size || bytes > view.size - offset) return nullptr;
  return view.shared + offset;
}

InvalidArgument fileError(const std::string& path) {
  return {"ERR_FILE", path + ": " + std::strerror(errno)};
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const File file(path.c_str());
  struct stat status{};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) throw fileError(path);
  if (!S_ISREG(status.st_mode)) throw InvalidArgument("ERR_FILE", path + ": not a regular file");
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* data = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) throw fileError(path);
  data_ = data;
  void* shared = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  const std::lock_guard<std::mutex> lock(mutex);
  views()[reinterpret_cast<uintptr_t>(data)] = {size_,
                                                shared == MAP_FAILED ? nullptr : static_cast<char*>(shared)};
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = views().find(reinterpret_cast<uintptr_t>(data_));
    if (found->second.shared != nullptr) munmap(found->second.shared, size_);
    views().erase(found);
  }
  munmap(data_, size_);
}

ReadOnce::ReadOnce(const void* data, size_t bytes) : data_(data) {
  const auto start = reinterpret_cast<uintptr_t>(data);
  char* shared = sharedView(start, bytes);
  const size_t before = start % pageSize();
  if (shared == nullptr || !untouched(start - before, before + bytes)) return;
  data_ = shared;
  pages_ = shared - before;
  bytes_ = before + bytes;
}

ReadOnce::~ReadOnce() {
  if (pages_ != nullptr) madvise(pages_, bytes_, MADV_DONTNEED);
}

}  // namespace ibn
