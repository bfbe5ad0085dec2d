// The steps of a plan: read from its description and checked, given their kernels, then run for batch after
// batch.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "layout.h"

namespace ibn::engine {

class Step {
 public:
  Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual ~Step() = default;

  // Makes what the kernel reads and lets go of the tensors it was made from. Once, on any thread.
  virtual void pack(const kernels::Table& table) { table_ = &table; }
  virtual size_t scratchBytes(int64_t /*batch*/, int /*threads*/) const { return 0; }
  // Any number of threads may run one step at once, each in its own frame.
  virtual void run(const Frame& frame, kernels::Team& team) const = 0;
  virtual const char* algorithm() const { return ""; }
  virtual size_t weightBytes() const { return 0; }
  // Calls libtorch, whose ops bring threads of their own.
  virtual bool usesLibtorch() const { return false; }

  std::string op;
  std::string name;

 protected:
  const kernels::Table& table() const { return *table_; }

 private:
  const kernels::Table* table_ = nullptr;
};

using StepPtr = std::unique_ptr<Step>;

// Each throws InvalidArgument "ERR_PLAN" where the description is not sound.
StepPtr readStep(const Field& field, const Layout& layout);
StepPtr readConv(const Field& field, const Layout& layout);
StepPtr readInt8Conv(const Field& field, const Layout& layout);
StepPtr readInt8Linear(const Field& field, const Layout& layout);
StepPtr readPool(const Field& field, const Layout& layout, bool is_max);
StepPtr readGlobalMean(const Field& field, const Layout& layout);
StepPtr readLinear(const Field& field, const Layout& layout);
StepPtr readApply(const Field& field, const Layout& layout);
StepPtr readPointwise(const Field& field, const Layout& layout);
StepPtr readResize(const Field& field, const Layout& layout);
StepPtr readArgmax(const Field& field, const Layout& layout);
StepPtr readSoftmax(const Field& field, const Layout& layout);
StepPtr readLayerNorm(const Field& field, const Layout& layout);
StepPtr readReduce(const Field& field, const Layout& layout);
StepPtr readStatistics(const Field& field, const Layout& layout);
StepPtr readVectorApply(const Field& field, const Layout& layout);
StepPtr readInstanceAffine(const Field& field, const Layout& layout);
StepPtr readFromPlanar(const Field& field, const Layout& layout);
StepPtr readCopy(const Field& field, const Layout& layout);
StepPtr readAten(const Field& field, const Layout& layout);

constexpr size_t kNone = SIZE_MAX;

// A value's index, or kNone for null.
template <class Read>
size_t optional(const Field& field, const Read& read) {
  return field.isNull() ? kNone : read(field);
}

// The elements of a vector of weights.
std::vector<float> readConstant(const Field& field, int64_t count);

// What a step does to what it reads.
class Prologue {
 public:
  Prologue() = default;
  // For an input of `channels` channels; null: nothing.
  Prologue(const Field& field, const Layout& layout, int64_t channels);
  kernels::Affine at(const Frame& frame) const;
  size_t bytes() const { return (scale_.size() + shift_.size()) * sizeof(float); }

 private:
  void readConstants(const Field& scale, const Field& shift, int64_t channels);
  void readValues(const Field& scale, const Field& shift, const Layout& layout, int64_t channels);

  bool relu_ = false;
  bool scales_ = false;
  std::vector<float> scale_;
  std::vector<float> shift_;
  size_t scale_value_ = kNone;
  size_t shift_value_ = kNone;
};

}  // namespace ibn::engine
