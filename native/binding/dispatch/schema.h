// What an op takes and returns, read once from its live schema.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/dispatch/Dispatcher.h>

namespace ibn {

// How a value crosses between JavaScript and libtorch. Opaque values (packed parameters, process groups)
// cross as handles that JavaScript can only pass on.
enum class Kind : uint8_t {
  kTensor,
  kInt,
  kFloat,
  kBool,
  kScalar,
  kString,
  kDevice,
  kScalarType,
  kLayout,
  kMemoryFormat,
  kQScheme,
  kGenerator,
  kStorage,
  kStream,
  kAny,
  kOpaque,
  kList,
  kUnsupported
};

// A converter: the kind, and for lists the element's.
struct TypeSpec {
  Kind kind = Kind::kUnsupported;
  bool optional = false;
  c10::TypePtr type;                  // without the Optional
  std::vector<TypeSpec> element;      // one entry for kList
  std::optional<int32_t> fixed_size;  // int[2]: a single number stands for the whole list
  bool takes_number = false;          // a tensor for which a number may stand
};

struct ArgSpec {
  std::string name;
  TypeSpec type;
  bool has_default = false;
  c10::IValue default_value;
};

struct BoundOp {
  explicit BoundOp(c10::OperatorHandle op);
  c10::OperatorHandle handle;
  std::string name;  // "aten::add.Tensor"
  std::vector<ArgSpec> arguments;
  std::vector<TypeSpec> returns;
  bool single_tensor = false;  // returns exactly one Tensor
  bool returns_alias =
      false;  // every return is an argument written in place; JavaScript returns that argument
  // libtorch's or ours, not another library's, whose Autograd kernels may do more than record.
  bool own = false;
  // And no argument is aliased: below Autograd the op behaves the same unless an argument requires grad, and
  // the dispatcher has one layer less to cross.
  bool pure = false;
  // Places of the arguments whose sizes it may set: resize_'s and set_'s own, and those of out variants.
  std::vector<size_t> resized;
  bool trusts_out = false;   // writes to `out`, the last argument, without a look at its size: see fitOut
  bool has_numbers = false;  // some argument is a Scalar, or a tensor for which a number may stand
  // Set for ops such as view and reshape, (Tensor, SymInt[]) -> Tensor: called without boxes.
  std::optional<c10::TypedOperatorHandle<at::Tensor(const at::Tensor&, c10::SymIntArrayRef)>> on_sizes;
};

TypeSpec makeTypeSpec(const c10::TypePtr& type, std::optional<int32_t> fixed_size = std::nullopt);

}  // namespace ibn
