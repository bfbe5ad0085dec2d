// Files mapped privately: writes to their memory stay in this process.
#pragma once
#include <cstddef>
#include <string>

namespace ibn {

class MappedFile {
 public:
  // Throws InvalidArgument "ERR_FILE".
  explicit MappedFile(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// Memory that is read once. Where it is part of a mapped file that nobody in this process has written to, the
// file is read by another view, whose pages are given back at the end: weights that are only packed would
// stay resident beside what they were packed into.
class ReadOnce {
 public:
  ReadOnce(const void* data, size_t bytes);
  ReadOnce(const ReadOnce&) = delete;
  ReadOnce& operator=(const ReadOnce&) = delete;
  ~ReadOnce();

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  const void* data_;
  void* pages_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace ibn
