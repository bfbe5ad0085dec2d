// JavaScript numbers among an op's operands, which are what Python would give instead.
#pragma once
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/core/Scalar.h>

#include "schema.h"

namespace ibn {

// A number in the place of a tensor: one without dimensions whose dtype yields to the other operands'.
at::Tensor wrapNumber(const c10::Scalar& number);

// Whether aten::`name` takes numbers for tensors in Python (2.13, torch/csrc/utils/python_arg_parser.cpp).
bool takesNumbers(const std::string& name);

// JavaScript cannot tell Python's 0 from its -0.0 when it computes -0. Among floating operands it is -0.0;
// else it is the integer, which leaves the dtype of integer tensors alone.
void settleNegativeZeros(const BoundOp& op, std::vector<c10::IValue>& operands);

}  // namespace ibn
