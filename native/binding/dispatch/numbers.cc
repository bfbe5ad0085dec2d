#include "numbers.h"

#include <ATen/ScalarOps.h>

#include <cmath>
#include <string>
#include <unordered_set>

namespace ibn {

namespace {

bool isFloating(at::ScalarType type) {
  return at::isFloatingType(type) || at::isComplexType(type);
}

bool isWrapped(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().defined() &&
         value.toTensor().unsafeGetTensorImpl()->is_wrapped_number();
}

bool isNegativeZero(double number) {
  return number == 0 && std::signbit(number);
}

// Whether an operand, other than numbers, makes the op compute in floating point.
bool computesFloating(const BoundOp& op, const std::vector<c10::IValue>& operands) {
  for (size_t i = 0; i < operands.size(); i++) {
    const c10::IValue& value = operands[i];
    if (op.arguments[i].type.kind == Kind::kScalarType && value.isInt() &&
        isFloating(static_cast<at::ScalarType>(value.toInt()))) {
      return true;
    }
    if (value.isTensor() && value.toTensor().defined() && !isWrapped(value) &&
        isFloating(value.toTensor().scalar_type())) {
      return true;
    }
  }
  return false;
}

}  // namespace

at::Tensor wrapNumber(const c10::Scalar& number) {
  at::Tensor tensor = c10::scalar_to_tensor(number);
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return tensor;
}

bool takesNumbers(const std::string& name) {
  static const auto* names = new std::unordered_set<std::string>{
      "add",    "add_",    "sub",         "sub_",         "subtract",     "subtract_",
      "mul",    "mul_",    "multiply",    "multiply_",    "div",          "div_",
      "divide", "divide_", "true_divide", "true_divide_", "floor_divide", "floor_divide_",
      "copy_",  "copy",    "to",          "_to_copy",
  };
  return names->count(name) != 0;
}

void settleNegativeZeros(const BoundOp& op, std::vector<c10::IValue>& operands) {
  for (size_t i = 0; i < op.arguments.size(); i++) {
    const TypeSpec& type = op.arguments[i].type;
    c10::IValue& value = operands[i];
    if (type.kind == Kind::kScalar && value.isDouble() && isNegativeZero(value.toDouble())) {
      if (!computesFloating(op, operands)) value = int64_t{0};
    } else if (type.takes_number && isWrapped(value) && value.toTensor().scalar_type() == at::kDouble &&
               isNegativeZero(*value.toTensor().const_data_ptr<double>())) {
      if (!computesFloating(op, operands)) value = wrapNumber(int64_t{0});
    }
  }
}

}  // namespace ibn
