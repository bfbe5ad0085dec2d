// Part of a plan's description as it comes from JavaScript, with its path for messages. A description may
// come from a damaged file: everything is checked.
#pragma once
#include <string>
#include <vector>

#include "../../binding/call.h"

namespace ibn::engine {

class Field {
 public:
  Field(const Call& call, napi_value value, std::string path)
      : call_(call), value_(value), path_(std::move(path)) {}

  Field get(const char* name) const;
  std::vector<Field> items() const;
  bool isNull() const;
  bool has(const char* name) const;

  int64_t integer(int64_t least, int64_t most) const;
  // [rows, columns]
  void pair(int64_t least, int64_t most, int64_t (&out)[2]) const;
  double number() const;
  bool boolean() const;
  std::string text() const;
  // A tensor on the CPU with these sizes, contiguous.
  at::Tensor tensor(at::IntArrayRef sizes, at::ScalarType type = at::kFloat) const;
  // The same with any sizes, `dims` of them.
  at::Tensor tensorOfRank(int64_t dims, at::ScalarType type = at::kFloat) const;

  // "Expected <what> for <path>, got <value>"
  InvalidArgument wrong(const std::string& expected) const;
  InvalidArgument wrong(const std::string& expected, const std::string& got) const;

  const std::string& path() const { return path_; }
  const Call& call() const { return call_; }
  napi_value value() const { return value_; }

 private:
  napi_valuetype type() const;

  const Call& call_;
  napi_value value_;
  std::string path_;
};

std::string shapeText(at::IntArrayRef sizes);

}  // namespace ibn::engine
