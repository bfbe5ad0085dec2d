// Steps that multiply integers: convolutions, and linear layers as convolutions of maps of one pixel.
#include "../../binding/memory/memory.h"
#include "conv_spec.h"

namespace ibn::engine {

namespace {

// The tensors that a kernel is made from.
struct Int8Weights {
  at::Tensor weight, scale, bias;

  Int8Weights(const Field& field, int64_t dims) : weight(field.get("weight").tensorOfRank(dims, at::kChar)) {
    const int64_t channels = weight.size(0);
    scale = field.get("weightScale").tensor({channels});
    if (!field.get("bias").isNull()) bias = field.get("bias").tensor({channels});
  }

  std::unique_ptr<kernels::Int8Conv> pack(const kernels::Table& table, const kernels::ConvSpec& spec,
                                          const kernels::Quantization& input) {
    const kernels::Int8Weight plain{weight.const_data_ptr<int8_t>(), scale.const_data_ptr<float>(),
                                    bias.defined() ? bias.const_data_ptr<float>() : nullptr};
    std::unique_ptr<kernels::Int8Conv> conv(table.makeInt8Conv(spec, plain, input));
    weight.reset();
    scale.reset();
    bias.reset();
    emptyCpuCache();  // or it would keep what nobody needs again
    return conv;
  }
};

void checkProducts(const Field& field, const kernels::ConvSpec& spec) {
  if (spec.groups != 1) throw field.get("groups").wrong("1 group");
  const int64_t products = spec.in_channels * spec.kernel[0] * spec.kernel[1];
  if (products > kernels::kMostInt8Products) {
    throw field.get("weight").wrong(
        "at most " + std::to_string(kernels::kMostInt8Products) + " weights for an output channel",
        std::to_string(products));
  }
}

class Int8ConvStep final : public Step {
 public:
  Int8ConvStep(const Field& field, const Layout& layout) : weights_(field, 4) {
    readInput(field, layout);
    spec_ = readConvSpec(field, in_, weights_.weight.sizes());
    checkProducts(field, spec_);
    readOutput(field, layout, readConvOutput(field, in_, spec_));
  }

  void pack(const kernels::Table& table) override {
    Step::pack(table);
    conv_ = weights_.pack(table, spec_, quantization_);
  }

  size_t scratchBytes(int64_t batch, int threads) const override {
    return conv_->scratchBytes(batch, in_.height, in_.width, threads);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    kernels::Int8Call call;
    call.planar = planar_;
    if (planar_)
      call.input.map = planarMap(frame, input_, in_);
    else
      call.input = frame.quantizable(input_);
    call.output = frame.quantizable(output_);
    call.pre = pre_.at(frame);
    kernels::QuantizedMap add;
    if (ends_.add != kNone) {
      add = frame.quantizable(ends_.add);
      call.add = &add;
    }
    ends_.set(call, frame);
    conv_->run(call, team);
  }

  const char* algorithm() const override { return conv_ == nullptr ? "" : conv_->algorithm(); }
  size_t weightBytes() const override { return (conv_ == nullptr ? 0 : conv_->weightBytes()) + pre_.bytes(); }

 private:
  void readInput(const Field& field, const Layout& layout) {
    if (layout.type != kernels::Type::kFloat32) throw field.get("op").wrong("no int8Conv beside bfloat16");
    const Field input = field.get("input");
    planar_ = input.has("input");
    input_ = planar_ ? layout.input(input) : layout.quantizable(input);
    in_ = planar_ ? layout.inputs[input_] : layout.shape(input_);
    const bool is_quantized = !planar_ && layout.isQuantized(input_);
    const Field own = field.get("quantization");
    if (is_quantized != own.isNull()) throw own.wrong("one for an input of floats, null for a quantised one");
    quantization_ =
        is_quantized ? layout.buffers[layout.values[input_].buffer].quantization : readQuantization(own);
    const Field pre = field.get("pre");
    if ((is_quantized || planar_) && !pre.isNull())
      throw pre.wrong("null for a quantised input, and for one of the network");
    pre_ = Prologue(pre, layout, in_.channels);
  }

  void readOutput(const Field& field, const Layout& layout, const Shape& out) {
    const Field output = field.get("output");
    output_ = layout.quantizable(output, out);
    if (!planar_ && layout.overlap(input_, output_)) throw output.wrong("channels apart from the input's");
    ends_ = readConvEnds(field, layout, out, [&](const Field& f) { return layout.quantizable(f, out); });
    if (ends_.mean != kNone && layout.isQuantized(output_))
      throw output.wrong("a map of floats beside statistics");
  }

  Int8Weights weights_;
  kernels::ConvSpec spec_;
  kernels::Quantization quantization_;
  Shape in_;
  bool planar_ = false;
  size_t input_ = kNone;
  size_t output_ = kNone;
  ConvEnds ends_;
  Prologue pre_;
  std::unique_ptr<kernels::Int8Conv> conv_;
};

class Int8LinearStep final : public Step {
 public:
  Int8LinearStep(const Field& field, const Layout& layout)
      : weights_(field, 2),
        quantization_(readQuantization(field.get("quantization"))),
        input_(layout.vector(field.get("input"), weights_.weight.size(1))),
        output_(layout.vector(field.get("output"), weights_.weight.size(0))),
        relu_(field.get("relu").boolean()) {
    if (layout.overlap(input_, output_)) throw field.get("output").wrong("a vector apart from the input");
    spec_.out_channels = weights_.weight.size(0);
    spec_.in_channels = weights_.weight.size(1);
    checkProducts(field, spec_);
  }

  void pack(const kernels::Table& table) override {
    Step::pack(table);
    conv_ = weights_.pack(table, spec_, quantization_);
  }

  size_t scratchBytes(int64_t batch, int threads) const override {
    return conv_->scratchBytes(batch, 1, 1, threads);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    kernels::Int8Call call;
    call.input.map = frame.pixels(input_);
    call.output.map = frame.pixels(output_);
    call.relu = relu_;
    call.scratch = frame.scratch;
    conv_->run(call, team);
  }

  const char* algorithm() const override { return conv_ == nullptr ? "" : conv_->algorithm(); }
  size_t weightBytes() const override { return conv_ == nullptr ? 0 : conv_->weightBytes(); }

 private:
  Int8Weights weights_;
  kernels::ConvSpec spec_;
  kernels::Quantization quantization_;
  size_t input_;
  size_t output_;
  bool relu_;
  std::unique_ptr<kernels::Int8Conv> conv_;
};

}  // namespace

StepPtr readInt8Conv(const Field& field, const Layout& layout) {
  return std::make_unique<Int8ConvStep>(field, layout);
}

StepPtr readInt8Linear(const Field& field, const Layout& layout) {
  return std::make_unique<Int8LinearStep>(field, layout);
}

}  // namespace ibn::engine
