#include "../../binding/memory/mapped_file.h"
#include "../../binding/memory/memory.h"
#include "conv_spec.h"

namespace ibn::engine {

namespace {

class ConvStep final : public Step {
 public:
  ConvStep(const Field& field, const Layout& layout) {
    readInput(field.get("input"), layout);
    readSpec(field);
    readOutput(field, layout);
    pre_ = Prologue(field.get("pre"), layout, spec_.in_channels);
  }

  // Each output channel's weights times its factor, rounded once.
  void pack(const kernels::Table& table) override {
    Step::pack(table);
    const auto* bias = bias_.defined() ? bias_.const_data_ptr<float>() : nullptr;
    const ReadOnce weight(weight_.const_data_ptr(), weight_.nbytes());
    const kernels::ConvWeight scaled{weight.as<float>(),
                                     scale_.defined() ? scale_.const_data_ptr<double>() : nullptr,
                                     weight_.numel() / spec_.out_channels};
    conv_.reset(table.makeConv(spec_, type_, in_.height, in_.width, scaled, bias, "auto"));
    if (conv_ == nullptr) {
      throw InvalidArgument("ERR_PLAN", "Expected a convolution that the kernels have for " + name);
    }
    weight_.reset();
    scale_.reset();
    bias_.reset();
    emptyCpuCache();  // or it would keep what nobody needs again
  }

  size_t scratchBytes(int64_t batch, int threads) const override {
    return conv_->scratchBytes(batch, in_.height, in_.width, threads);
  }

  void run(const Frame& frame, kernels::Team& team) const override {
    kernels::ConvCall call;
    call.planar = planar_;
    call.input = planar_ ? planarMap(frame, input_, in_) : frame.map(input_);
    call.output = frame.map(output_);
    call.pre = pre_.at(frame);
    kernels::Map add;
    if (ends_.add != kNone) {
      add = frame.map(ends_.add);
      call.add = &add;
    }
    ends_.set(call, frame);
    conv_->run(call, team);
  }

  const char* algorithm() const override { return conv_ == nullptr ? "" : conv_->algorithm(); }
  size_t weightBytes() const override { return (conv_ == nullptr ? 0 : conv_->weightBytes()) + pre_.bytes(); }

 private:
  void readInput(const Field& field, const Layout& layout) {
    type_ = layout.type;
    planar_ = field.has("input");
    input_ = planar_ ? layout.input(field) : layout.map(field);
    in_ = planar_ ? layout.inputs[input_] : layout.shape(input_);
  }

  void readSpec(const Field& field) {
    weight_ = field.get("weight").tensorOfRank(4);
    spec_ = readConvSpec(field, in_, weight_.sizes());
    if (field.has("weightScale") && !field.get("weightScale").isNull()) {
      scale_ = field.get("weightScale").tensor({spec_.out_channels}, at::kDouble);
    }
    if (!field.get("bias").isNull()) bias_ = field.get("bias").tensor({spec_.out_channels});
  }

  void readOutput(const Field& field, const Layout& layout) {
    const Shape out = readConvOutput(field, in_, spec_);
    output_ = layout.map(field.get("output"), out);
    if (!planar_ && layout.overlap(input_, output_)) {
      throw field.get("output").wrong("channels apart from the input's");
    }
    ends_ = readConvEnds(field, layout, out, [&](const Field& f) { return layout.map(f, out); });
  }

  kernels::ConvSpec spec_;
  kernels::Type type_ = kernels::Type::kFloat32;
  Shape in_;
  bool planar_ = false;
  size_t input_ = kNone;
  size_t output_ = kNone;
  ConvEnds ends_;
  Prologue pre_;
  at::Tensor weight_;
  at::Tensor scale_;
  at::Tensor bias_;
  std::unique_ptr<kernels::Conv> conv_;
};

}  // namespace

StepPtr readConv(const Field& field, const Layout& layout) {
  return std::make_unique<ConvStep>(field, layout);
}

}  // namespace ibn::engine
