#include "convert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include <c10/core/DeviceType.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/QScheme.h>
#include <c10/core/Scalar.h>
#include <c10/core/Stream.h>

#include "../env/errors.h"
#include "numbers.h"

namespace ibn {

namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;
constexpr uint32_t kFirstItems = 1024;  // of a list: memory taken before any is read

// torch's names of dtypes, by ScalarType. One table both ways.
struct DtypeName {
  at::ScalarType type;
  const char* name;
};
constexpr DtypeName kDtypes[] = {
    {at::kByte, "uint8"},
    {at::kChar, "int8"},
    {at::kShort, "int16"},
    {at::kInt, "int32"},
    {at::kLong, "int64"},
    {at::kUInt16, "uint16"},
    {at::kUInt32, "uint32"},
    {at::kUInt64, "uint64"},
    {at::kHalf, "float16"},
    {at::kFloat, "float32"},
    {at::kDouble, "float64"},
    {at::kBFloat16, "bfloat16"},
    {at::kBool, "bool"},
    {at::kComplexHalf, "complex32"},
    {at::kComplexFloat, "complex64"},
    {at::kComplexDouble, "complex128"},
    {at::kQInt8, "qint8"},
    {at::kQUInt8, "quint8"},
    {at::kQInt32, "qint32"},
    {at::kQUInt4x2, "quint4x2"},
    {at::kQUInt2x4, "quint2x4"},
    {at::ScalarType::Bits1x8, "bits1x8"},
    {at::ScalarType::Bits2x4, "bits2x4"},
    {at::ScalarType::Bits4x2, "bits4x2"},
    {at::ScalarType::Bits8, "bits8"},
    {at::ScalarType::Bits16, "bits16"},
    {at::kFloat8_e5m2, "float8_e5m2"},
    {at::kFloat8_e4m3fn, "float8_e4m3fn"},
    {at::kFloat8_e5m2fnuz, "float8_e5m2fnuz"},
    {at::kFloat8_e4m3fnuz, "float8_e4m3fnuz"},
    {at::kFloat8_e8m0fnu, "float8_e8m0fnu"},
    {at::ScalarType::Float4_e2m1fn_x2, "float4_e2m1fn_x2"},
    {at::ScalarType::UInt1, "uint1"},
    {at::ScalarType::UInt2, "uint2"},
    {at::ScalarType::UInt3, "uint3"},
    {at::ScalarType::UInt4, "uint4"},
    {at::ScalarType::UInt5, "uint5"},
    {at::ScalarType::UInt6, "uint6"},
    {at::ScalarType::UInt7, "uint7"},
    {at::ScalarType::Int1, "int1"},
    {at::ScalarType::Int2, "int2"},
    {at::ScalarType::Int3, "int3"},
    {at::ScalarType::Int4, "int4"},
    {at::ScalarType::Int5, "int5"},
    {at::ScalarType::Int6, "int6"},
    {at::ScalarType::Int7, "int7"},
};

constexpr const char* kLayouts[] = {"strided",    "sparse_coo", "sparse_csr", "_mkldnn",
                                    "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged"};
constexpr c10::Layout kLayoutValues[] = {
    c10::Layout::Strided,   c10::Layout::Sparse,    c10::Layout::SparseCsr, c10::Layout::Mkldnn,
    c10::Layout::SparseCsc, c10::Layout::SparseBsr, c10::Layout::SparseBsc, c10::Layout::Jagged};
constexpr const char* kMemoryFormats[] = {"contiguous_format", "preserve_format", "channels_last",
                                          "channels_last_3d"};
constexpr c10::MemoryFormat kMemoryFormatValues[] = {
    c10::MemoryFormat::Contiguous, c10::MemoryFormat::Preserve, c10::MemoryFormat::ChannelsLast,
    c10::MemoryFormat::ChannelsLast3d};

InvalidArgument wrongKind(napi_env env, const char* expected, const std::string& name, napi_value value) {
  return {"ERR_INVALID_ARG_TYPE",
          std::string("Expected ") + expected + " for \"" + name + "\", got " + describe(env, value)};
}

napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

bool isNullish(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  return type == napi_undefined || type == napi_null;
}

double toDouble(napi_env env, napi_value value, const std::string& name) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) return number;
  if (typeOf(env, value) == napi_bigint) return static_cast<double>(toInt(env, value, name));
  throw wrongKind(env, "a number", name, value);
}

bool toBool(napi_env env, napi_value value, const std::string& name) {
  bool result = false;
  if (napi_get_value_bool(env, value, &result) != napi_ok) throw wrongKind(env, "a boolean", name, value);
  return result;
}

bool isInteger(double number) {
  return std::trunc(number) == number && std::abs(number) <= kMaxSafeInteger;
}

// A Complex of lib/ops: an object with numeric re and im.
c10::Scalar toComplex(napi_env env, napi_value value, const std::string& name) {
  napi_value re = nullptr;
  napi_value im = nullptr;
  double real = 0;
  double imaginary = 0;
  if (typeOf(env, value) != napi_object || napi_get_named_property(env, value, "re", &re) != napi_ok ||
      napi_get_named_property(env, value, "im", &im) != napi_ok ||
      napi_get_value_double(env, re, &real) != napi_ok ||
      napi_get_value_double(env, im, &imaginary) != napi_ok) {
    throw wrongKind(env, "a number", name, value);
  }
  return c10::complex<double>(real, imaginary);
}

c10::Scalar bigintToScalar(napi_env env, napi_value value, const std::string& name) {
  uint64_t large = 0;
  bool lossless = false;
  napi_get_value_bigint_uint64(env, value, &large, &lossless);
  if (lossless && large > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return large;
  return toInt(env, value, name);
}

// A whole JavaScript number is an int Scalar, so that integer tensors stay integer. What -0 is depends on the
// op's other arguments: see settleNegativeZeros.
c10::Scalar toScalar(napi_env env, napi_value value, const std::string& name) {
  switch (typeOf(env, value)) {
    case napi_number: {
      const double number = toDouble(env, value, name);
      const bool whole = isInteger(number) && !(number == 0 && std::signbit(number));
      return whole ? c10::Scalar(static_cast<int64_t>(number)) : c10::Scalar(number);
    }
    case napi_bigint:
      return bigintToScalar(env, value, name);
    case napi_boolean:
      return toBool(env, value, name);
    default:
      return toComplex(env, value, name);
  }
}

template <typename Value, size_t Count>
Value lookUp(const std::string& text, const std::string& name, const char* what,
             const char* const (&names)[Count], const Value (&values)[Count]) {
  for (size_t i = 0; i < Count; i++) {
    if (text == names[i]) return values[i];
  }
  std::string known;
  for (const char* entry : names) known += (known.empty() ? "" : ", ") + std::string(entry);
  throw InvalidArgument("ERR_OUT_OF_RANGE", std::string("Expected ") + what + " for \"" + name + "\" (" +
                                                known + "), got \"" + text + "\"");
}

c10::Device toDevice(napi_env env, napi_value value, const std::string& name) {
  return c10::Device(toString(env, value, name));
}

const c10::IValue& toHandle(napi_env env, EnvData& data, const char* expected, const std::string& name,
                            napi_value value) {
  const Box* box = data.unbox(env, value);
  if (box == nullptr || box->kind != BoxKind::kValue) throw wrongKind(env, expected, name, value);
  return box->value;
}

// Whether `value` may be a Scalar: no handle, which is an external.
bool isNumber(napi_env env, napi_value value) {
  switch (typeOf(env, value)) {
    case napi_number:
    case napi_bigint:
    case napi_boolean:
    case napi_object:
      return true;
    default:
      return false;
  }
}

at::Tensor& toTensor(napi_env env, EnvData& data, const std::string& name, napi_value value) {
  Box* box = data.unbox(env, value);
  if (box == nullptr) throw wrongKind(env, "a Tensor", name, value);
  if (box->kind == BoxKind::kTensor) return box->tensor;
  if (box->kind == BoxKind::kDisposed) throw disposedError(*box);
  throw wrongKind(env, "a Tensor", name, value);
}

c10::IValue anyToIValue(napi_env env, EnvData& data, const std::string& name, napi_value value) {
  switch (typeOf(env, value)) {
    case napi_undefined:
    case napi_null:
      return {};
    case napi_boolean:
      return toBool(env, value, name);
    case napi_string:
      return toString(env, value, name);
    case napi_number:
    case napi_bigint:
      return c10::IValue(toScalar(env, value, name));
    default:
      break;
  }
  const Box* box = data.unbox(env, value);
  if (box != nullptr && box->kind == BoxKind::kTensor) return box->tensor;
  if (box != nullptr && box->kind == BoxKind::kValue) return box->value;
  throw wrongKind(env, "a Tensor, number, string, boolean or null", name, value);
}

uint32_t arrayLength(napi_env env, napi_value value) {
  uint32_t length = 0;
  napi_get_array_length(env, value, &length);
  return length;
}

bool isArray(napi_env env, napi_value value) {
  bool result = false;
  napi_is_array(env, value, &result);
  return result;
}

napi_value element(napi_env env, napi_value array, uint32_t index) {
  napi_value result = nullptr;
  napi_get_element(env, array, index, &result);
  return result;
}

c10::IValue listToIValue(napi_env env, EnvData& data, const TypeSpec& type, const std::string& name,
                         napi_value value) {
  const TypeSpec& item = type.element[0];
  if (!isArray(env, value)) {
    if (!type.fixed_size || typeOf(env, value) == napi_object) throw wrongKind(env, "an Array", name, value);
    const c10::IValue single = toIValue(env, data, item, name, value);
    c10::impl::GenericList list(item.type);
    for (int32_t i = 0; i < *type.fixed_size; i++) list.push_back(single);
    return list;
  }
  const uint32_t length = arrayLength(env, value);
  if (item.kind == Kind::kInt) return c10::List<int64_t>(toInts(env, value, name));
  // The list's element type is the schema's, Optional included, or the dispatcher refuses it.
  c10::impl::GenericList list(type.type->castRaw<c10::ListType>()->getElementType());
  list.reserve(std::min(length, kFirstItems));
  for (uint32_t i = 0; i < length; i++) {
    list.push_back(toIValue(env, data, item, name + "[" + std::to_string(i) + "]", element(env, value, i)));
  }
  return list;
}

napi_value fromDouble(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value fromBool(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value fromUnsigned(napi_env env, uint64_t value) {
  napi_value result = nullptr;
  if (value <= static_cast<uint64_t>(kMaxSafeInteger)) return fromDouble(env, static_cast<double>(value));
  napi_create_bigint_uint64(env, value, &result);
  return result;
}

napi_value fromScalar(napi_env env, const c10::Scalar& scalar) {
  if (scalar.isBoolean()) return fromBool(env, scalar.toBool());
  if (scalar.isIntegral(false)) {
    if (scalar.type() == at::kUInt64) return fromUnsigned(env, scalar.to<uint64_t>());
    return fromInt(env, scalar.toLong());
  }
  if (!scalar.isComplex()) return fromDouble(env, scalar.toDouble());
  const auto complex = scalar.toComplexDouble();
  napi_value result = nullptr;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "re", fromDouble(env, complex.real()));
  napi_set_named_property(env, result, "im", fromDouble(env, complex.imag()));
  return result;
}

napi_value fromDict(napi_env env, EnvData& data, const c10::impl::GenericDict& dict, const BoundOp* origin) {
  napi_value array = nullptr;
  napi_create_array(env, &array);
  const TypeSpec key = makeTypeSpec(dict.keyType());
  const TypeSpec value = makeTypeSpec(dict.valueType());
  uint32_t index = 0;
  for (const auto& entry : dict) {
    napi_value pair = nullptr;
    napi_create_array_with_length(env, 2, &pair);
    napi_set_element(env, pair, 0, fromIValue(env, data, key, entry.key(), origin));
    napi_set_element(env, pair, 1, fromIValue(env, data, value, entry.value(), origin));
    napi_set_element(env, array, index++, pair);
  }
  return array;
}

napi_value fromList(napi_env env, EnvData& data, const c10::List<c10::IValue>& list, const BoundOp* origin) {
  napi_value array = nullptr;
  napi_create_array_with_length(env, list.size(), &array);
  const TypeSpec item = makeTypeSpec(list.elementType());
  for (size_t i = 0; i < list.size(); i++) {
    napi_set_element(env, array, static_cast<uint32_t>(i), fromIValue(env, data, item, list.get(i), origin));
  }
  return array;
}

napi_value fromTuple(napi_env env, EnvData& data, const c10::ivalue::Tuple& tuple, const BoundOp* origin) {
  napi_value array = nullptr;
  const auto& elements = tuple.elements();
  napi_create_array_with_length(env, elements.size(), &array);
  const TypeSpec any = makeTypeSpec(c10::AnyType::get());
  for (size_t i = 0; i < elements.size(); i++) {
    napi_set_element(env, array, static_cast<uint32_t>(i), fromIValue(env, data, any, elements[i], origin));
  }
  return array;
}

}  // namespace

std::string toString(napi_env env, napi_value value, const std::string& name) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    throw wrongKind(env, "a string", name, value);
  }
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

int64_t toInt(napi_env env, napi_value value, const std::string& name) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (isInteger(number)) return static_cast<int64_t>(number);
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected an integer for \"" + name + "\", got " + describe(env, value));
  }
  int64_t result = 0;
  bool lossless = false;
  if (napi_get_value_bigint_int64(env, value, &result, &lossless) == napi_ok) {
    if (lossless) return result;
    throw InvalidArgument("ERR_OUT_OF_RANGE",
                          "Expected a 64-bit integer for \"" + name + "\", got " + describe(env, value));
  }
  throw wrongKind(env, "an integer", name, value);
}

std::vector<int64_t> toInts(napi_env env, napi_value value, const std::string& name) {
  if (!isArray(env, value)) throw wrongKind(env, "an Array of integers", name, value);
  const uint32_t length = arrayLength(env, value);
  std::vector<int64_t> result;
  // Not `length`: an array may claim four thousand million and hold none.
  result.reserve(std::min(length, kFirstItems));
  for (uint32_t i = 0; i < length; i++) result.push_back(toInt(env, element(env, value, i), name));
  return result;
}

const char* dtypeName(at::ScalarType type) {
  for (const DtypeName& entry : kDtypes) {
    if (entry.type == type) return entry.name;
  }
  return c10::toString(type);
}

at::ScalarType toScalarType(napi_env env, napi_value value, const std::string& name) {
  const std::string text = toString(env, value, name);
  for (const DtypeName& entry : kDtypes) {
    if (text == entry.name) return entry.type;
  }
  std::string known;
  for (const DtypeName& entry : kDtypes) known += (known.empty() ? "" : ", ") + std::string(entry.name);
  throw InvalidArgument("ERR_OUT_OF_RANGE",
                        "Expected a dtype for \"" + name + "\" (" + known + "), got \"" + text + "\"");
}

void refuseQuantized(at::ScalarType type) {
  if (!at::isQIntType(type)) return;
  throw InvalidArgument(
      "ERR_OUT_OF_RANGE",
      std::string("Expected a dtype that is not quantized for \"dtype\", got \"") + dtypeName(type) + "\"");
}

napi_value fromInt(napi_env env, int64_t value) {
  napi_value result = nullptr;
  if (std::abs(static_cast<double>(value)) <= kMaxSafeInteger) {
    napi_create_double(env, static_cast<double>(value), &result);
  } else {
    napi_create_bigint_int64(env, value, &result);
  }
  return result;
}

napi_value fromString(napi_env env, const std::string& text) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

c10::IValue toIValue(napi_env env, EnvData& data, const TypeSpec& type, const std::string& name,
                     napi_value value) {
  if (type.kind == Kind::kTensor && !type.optional) {
    if (type.takes_number && isNumber(env, value)) return wrapNumber(toScalar(env, value, name));
    return toTensor(env, data, name, value);
  }
  if (type.optional && isNullish(env, value)) return {};
  switch (type.kind) {
    case Kind::kTensor:
      return toTensor(env, data, name, value);
    case Kind::kInt:
      return toInt(env, value, name);
    case Kind::kFloat:
      return toDouble(env, value, name);
    case Kind::kBool:
      return toBool(env, value, name);
    case Kind::kScalar:
      return c10::IValue(toScalar(env, value, name));
    case Kind::kString:
      return toString(env, value, name);
    case Kind::kDevice:
      return toDevice(env, value, name);
    case Kind::kScalarType:
      return static_cast<int64_t>(toScalarType(env, value, name));
    case Kind::kLayout:
      return static_cast<int64_t>(
          lookUp(toString(env, value, name), name, "a layout", kLayouts, kLayoutValues));
    case Kind::kMemoryFormat:
      return static_cast<int64_t>(
          lookUp(toString(env, value, name), name, "a memory format", kMemoryFormats, kMemoryFormatValues));
    case Kind::kGenerator:
      return toHandle(env, data, "a Generator", name, value);
    case Kind::kStorage:
      return toHandle(env, data, "an UntypedStorage", name, value);
    case Kind::kStream:
      return toHandle(env, data, "a Stream", name, value);
    case Kind::kOpaque:
      return toHandle(env, data, type.type->str().c_str(), name, value);
    case Kind::kAny:
      return anyToIValue(env, data, name, value);
    case Kind::kList:
      return listToIValue(env, data, type, name, value);
    default:
      throw InvalidArgument("ERR_UNSUPPORTED_TYPE", "Argument \"" + name + "\" has type " + type.type->str() +
                                                        ", which has no converter");
  }
}

napi_value fromIValue(napi_env env, EnvData& data, const TypeSpec& type, c10::IValue value,
                      const BoundOp* origin) {
  napi_value result = nullptr;
  if (value.isTensor()) return data.wrap(env, std::move(value).toTensor(), origin);
  if (value.isNone()) {
    napi_get_null(env, &result);
    return result;
  }
  if (value.isInt()) {
    const int64_t number = value.toInt();
    if (type.kind == Kind::kScalarType)
      return fromString(env, dtypeName(static_cast<at::ScalarType>(number)));
    if (type.kind == Kind::kQScheme) return fromString(env, c10::toString(static_cast<c10::QScheme>(number)));
    return fromInt(env, number);
  }
  if (value.isBool()) return fromBool(env, value.toBool());
  if (value.isUnsigned()) return fromUnsigned(env, value.toUInt());
  if (value.isTuple()) return fromTuple(env, data, value.toTupleRef(), origin);
  if (value.isScalar()) return fromScalar(env, value.toScalar());
  if (value.isString()) return fromString(env, value.toStringRef());
  if (value.isDevice()) return fromString(env, value.toDevice().str());
  if (value.isList()) return fromList(env, data, value.toList(), origin);
  if (value.isGenericDict()) return fromDict(env, data, value.toGenericDict(), origin);
  return data.wrapValue(env, std::move(value));
}

}  // namespace ibn
