#include "field.h"

#include <cmath>

#include <ATen/ops/contiguous.h>

namespace ibn::engine {

namespace {

constexpr uint32_t kMostItems = 1 << 20;
constexpr double kMostInteger = 9007199254740991.0;

std::string numberText(double number) {
  if (std::trunc(number) == number && std::abs(number) < kMostInteger) {
    return std::to_string(static_cast<int64_t>(number));
  }
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

std::string quoted(const std::string& text) {
  std::string result(1, '"');
  return result.append(text).append(1, '"');
}

}  // namespace

std::string shapeText(at::IntArrayRef sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); i++) text += (i == 0 ? "" : ", ") + std::to_string(sizes[i]);
  return text + "]";
}

napi_valuetype Field::type() const {
  napi_valuetype type = napi_undefined;
  napi_typeof(call_.env, value_, &type);
  return type;
}

InvalidArgument Field::wrong(const std::string& expected, const std::string& got) const {
  return {"ERR_PLAN", "Expected " + expected + " for " + path_ + ", got " + got};
}

InvalidArgument Field::wrong(const std::string& expected) const {
  double number = 0;
  if (napi_get_value_double(call_.env, value_, &number) == napi_ok)
    return wrong(expected, numberText(number));
  bool boolean = false;
  if (napi_get_value_bool(call_.env, value_, &boolean) == napi_ok) {
    return wrong(expected, boolean ? "true" : "false");
  }
  if (type() == napi_string) return wrong(expected, quoted(toString(call_.env, value_, path_)));
  return wrong(expected, describe(call_.env, value_));
}

Field Field::get(const char* name) const {
  if (type() != napi_object) throw wrong("an object");
  napi_value value = nullptr;
  napi_get_named_property(call_.env, value_, name, &value);
  return {call_, value, path_ + "." + name};
}

bool Field::has(const char* name) const {
  bool result = false;
  return type() == napi_object && napi_has_named_property(call_.env, value_, name, &result) == napi_ok &&
         result;
}

std::vector<Field> Field::items() const {
  bool is_array = false;
  napi_is_array(call_.env, value_, &is_array);
  if (!is_array) throw wrong("an Array");
  uint32_t length = 0;
  napi_get_array_length(call_.env, value_, &length);
  if (length > kMostItems) throw wrong("a shorter Array", std::to_string(length) + " items");
  std::vector<Field> fields;
  fields.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value item = nullptr;
    napi_get_element(call_.env, value_, i, &item);
    fields.emplace_back(call_, item, path_ + "[" + std::to_string(i) + "]");
  }
  return fields;
}

bool Field::isNull() const {
  return type() == napi_null;
}

int64_t Field::integer(int64_t least, int64_t most) const {
  const auto range = [&] {
    return "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  };
  double number = 0;
  if (napi_get_value_double(call_.env, value_, &number) != napi_ok) throw wrong(range());
  const bool in_range = number >= static_cast<double>(least) && number <= static_cast<double>(most);
  if (!in_range || std::trunc(number) != number) throw wrong(range());
  return static_cast<int64_t>(number);
}

void Field::pair(int64_t least, int64_t most, int64_t (&out)[2]) const {
  const std::vector<Field> both = items();
  if (both.size() != 2) throw wrong("two numbers", std::to_string(both.size()));
  for (size_t i = 0; i < 2; i++) out[i] = both[i].integer(least, most);
}

double Field::number() const {
  double number = 0;
  if (napi_get_value_double(call_.env, value_, &number) != napi_ok || !std::isfinite(number)) {
    throw wrong("a finite number");
  }
  return number;
}

bool Field::boolean() const {
  bool result = false;
  if (napi_get_value_bool(call_.env, value_, &result) != napi_ok) throw wrong("a boolean");
  return result;
}

std::string Field::text() const {
  if (type() != napi_string) throw wrong("a string");
  return toString(call_.env, value_, path_);
}

at::Tensor Field::tensorOfRank(int64_t dims, at::ScalarType type) const {
  const Box* box = call_.data.unbox(call_.env, value_);
  if (box == nullptr || box->kind != BoxKind::kTensor) throw wrong("a Tensor");
  const at::Tensor& tensor = box->tensor;
  const bool plain = tensor.layout() == at::kStrided && tensor.is_cpu() && tensor.scalar_type() == type;
  if (!plain)
    throw wrong(std::string("a ") + dtypeName(type) + " Tensor on the CPU", dtypeName(tensor.scalar_type()));
  if (tensor.dim() != dims) {
    throw wrong("a Tensor of " + std::to_string(dims) + " dimensions", shapeText(tensor.sizes()));
  }
  return tensor.detach().contiguous().resolve_neg();
}

at::Tensor Field::tensor(at::IntArrayRef sizes, at::ScalarType type) const {
  at::Tensor result = tensorOfRank(static_cast<int64_t>(sizes.size()), type);
  if (result.sizes() != sizes) {
    throw wrong("a Tensor of shape " + shapeText(sizes), shapeText(result.sizes()));
  }
  return result;
}

}  // namespace ibn::engine
