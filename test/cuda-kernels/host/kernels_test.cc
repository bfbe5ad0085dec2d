// Runs the kernels' own source on the emulator for random problems and compares every result with float64.
//   kernels_test SEED CASES [--break]
// --break changes one element of each output, which has to be noticed.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "passes.cuh"

namespace {

using namespace ibn::cuda;

std::mt19937_64 random_bits;

int64_t pick(int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random_bits);
}
template <typename T>
T oneOf(std::initializer_list<T> choices) {
  return choices.begin()[pick(0, static_cast<int64_t>(choices.size()) - 1)];
}
double normal() {
  return std::normal_distribution<double>()(random_bits);
}

float readAs(ElementType type, const void* data, int64_t i) {
  if (type == ElementType::kHalf) return toFloat(static_cast<const Half*>(data)[i]);
  if (type == ElementType::kBfloat16) return toFloat(static_cast<const Bfloat16*>(data)[i]);
  return static_cast<const float*>(data)[i];
}

void writeAs(ElementType type, void* data, int64_t i, float value) {
  if (type == ElementType::kHalf) {
    static_cast<Half*>(data)[i] = fromFloat<Half>(value);
  } else if (type == ElementType::kBfloat16) {
    static_cast<Bfloat16*>(data)[i] = fromFloat<Bfloat16>(value);
  } else {
    static_cast<float*>(data)[i] = value;
  }
}

double roundTo(ElementType type, double value) {
  if (type == ElementType::kHalf) return toFloat(fromFloat<Half>(static_cast<float>(value)));
  if (type == ElementType::kBfloat16) return toFloat(fromFloat<Bfloat16>(static_cast<float>(value)));
  return static_cast<float>(value);
}

// Half the distance between neighbouring numbers, relative to them.
double roundingOf(ElementType type) {
  return type == ElementType::kHalf ? 0x1p-11 : type == ElementType::kBfloat16 ? 0x1p-8 : 0x1p-24;
}

// A tensor in guarded memory.
struct Array {
  ElementType type;
  int64_t length;
  emulator::Memory memory;

  Array(ElementType t, int64_t n, size_t offset = 0)
      : type(t), length(n), memory(n * elementSize(t), offset) {}
  void* data() const { return memory.data(); }
  double operator[](int64_t i) const { return readAs(type, data(), i); }
  void set(int64_t i, double value) { writeAs(type, data(), i, static_cast<float>(value)); }
  template <typename Fn>
  void fill(Fn fn) {
    for (int64_t i = 0; i < length; i++) set(i, fn(i));
  }
};
using ArrayPtr = std::unique_ptr<Array>;

Vector vectorOf(const ArrayPtr& array) {
  return array ? Vector{array->data(), array->type} : Vector{nullptr, ElementType::kFloat};
}
double elementOr(const ArrayPtr& array, int64_t i, double otherwise) {
  return array ? (*array)[i] : otherwise;
}

struct Case {
  Problem problem;
  Limits limits;
  bool relu, backward, saves;
  size_t offset;
  // Some tensors lie otherwise than the rest, so that no wide access is possible.
  bool skewed;
  double center;
  int number;

  std::string text() const {
    const Channels& c = problem.channels;
    char line[320];
    std::snprintf(line, sizeof(line),
                  "case %d: %s type %d, N %ld C %d S %ld, instance [%d, %d), mode %d, relu %d, offset %zu%s, "
                  "threads %d, "
                  "blocks %ld, center %g",
                  number, problem.layout == Layout::kPlanes ? "planes" : "rows",
                  static_cast<int>(problem.type), static_cast<long>(problem.samples), c.count,
                  static_cast<long>(problem.size), c.start, c.end, static_cast<int>(c.mode), relu, offset,
                  skewed ? " skewed" : "", limits.threads, static_cast<long>(limits.blocks), center);
    return line;
  }
};

Case current;
bool breaks;
int64_t split_cases, whole_cases, scalar_cases, given_cases, large_cases;

void check(bool condition, const std::string& text) {
  if (condition) return;
  std::fprintf(stderr, "%s\n%s\n", current.text().c_str(), text.c_str());
  std::exit(1);
}

void close(double got, double want, double tolerance, const char* what, int64_t index) {
  if (std::isnan(got) == std::isnan(want) &&
      (std::isnan(want) || got == want || std::fabs(got - want) <= tolerance)) {
    return;
  }
  check(false, std::string(what) + "[" + std::to_string(index) + "]: got " + std::to_string(got) +
                   ", expected " + std::to_string(want) + " within " + std::to_string(tolerance));
}

class Run {
 public:
  explicit Run(const Case& test) : test_(test), problem_(test.problem), channels_(test.problem.channels) {
    const size_t offset = test.offset * elementSize(problem_.type);
    const size_t other = test.skewed ? (offset + elementSize(problem_.type)) % 16 : offset;
    input_ = std::make_unique<Array>(problem_.type, problem_.elements(), offset);
    output_ = std::make_unique<Array>(problem_.type, problem_.elements(), other);
    if (pick(0, 2) == 0) residual_ = std::make_unique<Array>(problem_.type, problem_.elements(), offset);
    input_->fill(
        [&](int64_t i) { return normal() * (1 + channelOf(i) % 3) + test.center * (channelOf(i) % 2); });
    if (residual_) residual_->fill([](int64_t) { return normal(); });
    makeParameters();
  }

  void forward() {
    const int64_t statistics = problem_.statistics();
    mean_ = std::make_unique<Array>(ElementType::kFloat, statistics);
    rstd_ = std::make_unique<Array>(ElementType::kFloat, statistics);
    const void* residual = residual_ ? residual_->data() : nullptr;
    const bool aligned =
        isAligned(problem_, input_->data(), residual, static_cast<const void*>(output_->data()));
    const Plan plan = planForward(problem_, aligned, test_.limits);
    count(plan);
    Array workspace(ElementType::kFloat, plan.floats);
    Forward forward = {};
    forward.problem = problem_;
    forward.parameters = parameters();
    forward.input = input_->data();
    forward.residual = residual;
    forward.output = output_->data();
    forward.running_mean = running_mean_ ? running_mean_->data() : nullptr;
    forward.running_var = running_var_ ? running_var_->data() : nullptr;
    forward.running_type = running_mean_ ? running_mean_->type : ElementType::kFloat;
    forward.momentum = 0.3F;
    if (test_.saves) {
      forward.mean = static_cast<float*>(mean_->data());
      forward.rstd = static_cast<float*>(rstd_->data());
    }
    reference();
    runForward(forward, plan, static_cast<float*>(workspace.data()), {}, test_.limits);
    if (breaks && output_->length > 0) output_->set(0, 2 + 2 * std::fabs((*output_)[0]));
    check(output_->memory.isWritten(), "output has elements that no thread wrote");
    if (test_.saves && statistics > 0 && !plan.empty) {
      check(mean_->memory.isWritten() && rstd_->memory.isWritten(),
            "statistics have elements that no thread wrote");
    }
    compareForward();
  }

  void backward() {
    Array grad(problem_.type, problem_.elements(), test_.offset * elementSize(problem_.type));
    grad.fill([](int64_t) { return normal(); });
    Array grad_input(problem_.type, problem_.elements(), test_.offset * elementSize(problem_.type));
    Array grad_weight(ElementType::kFloat, channels_.count);
    Array grad_bias(ElementType::kFloat, channels_.count);
    const void* residual = residual_ ? residual_->data() : nullptr;
    const bool aligned = isAligned(problem_, input_->data(), residual, static_cast<const void*>(grad.data()),
                                   static_cast<const void*>(grad_input.data()));
    const Plan plan = planBackward(problem_, aligned, test_.limits);
    count(plan);
    Array workspace(ElementType::kFloat, plan.floats);
    Backward backward = {};
    backward.problem = problem_;
    backward.parameters = parameters();
    backward.grad_output = grad.data();
    backward.input = input_->data();
    backward.residual = residual;
    backward.grad_input = grad_input.data();
    backward.mean = static_cast<const float*>(mean_->data());
    backward.rstd = static_cast<const float*>(rstd_->data());
    backward.grad_weight = static_cast<float*>(grad_weight.data());
    backward.grad_bias = static_cast<float*>(grad_bias.data());
    runBackward(backward, plan, static_cast<float*>(workspace.data()), {}, test_.limits);
    // Whoever calls it clears the weights' gradients then.
    if (plan.empty) return;
    check(grad_input.memory.isWritten() && grad_weight.memory.isWritten() && grad_bias.memory.isWritten(),
          "gradients have elements that no thread wrote");
    compareBackward(grad, grad_input, grad_weight, grad_bias);
  }

 private:
  int32_t channelOf(int64_t i) const {
    if (problem_.layout == Layout::kPlanes) return static_cast<int32_t>(i / problem_.size % channels_.count);
    return static_cast<int32_t>(i % channels_.count);
  }
  int64_t sampleOf(int64_t i) const { return i / (problem_.size * channels_.count); }

  void makeParameters() {
    const auto make = [](ElementType type, int64_t n, double center) -> ArrayPtr {
      auto array = std::make_unique<Array>(type, n);
      array->fill([&](int64_t) { return center + 0.5 * normal(); });
      return array;
    };
    const ElementType type = oneOf({ElementType::kFloat, problem_.type});
    if (pick(0, 3) > 0) instance_weight_ = make(type, channels_.instances(), 1);
    if (pick(0, 3) > 0) instance_bias_ = make(type, channels_.instances(), 0);
    if (pick(0, 3) > 0) batch_weight_ = make(type, channels_.batches(), 1);
    if (pick(0, 3) > 0) batch_bias_ = make(type, channels_.batches(), 0);
    if (channels_.mode == BatchMode::kRunning || (channels_.mode == BatchMode::kBatch && pick(0, 3) > 0)) {
      running_mean_ = make(type, channels_.batches(), 0);
      running_var_ = make(type, channels_.batches(), 0);
      running_var_->fill([](int64_t) { return 0.25 + std::fabs(normal()); });
      for (int64_t i = 0; i < channels_.batches(); i++) {
        old_mean_.push_back((*running_mean_)[i]);
        old_var_.push_back((*running_var_)[i]);
      }
    }
  }

  Parameters parameters() const {
    return {vectorOf(instance_weight_),
            vectorOf(instance_bias_),
            vectorOf(batch_weight_),
            vectorOf(batch_bias_),
            1e-5F,
            1e-3F,
            test_.relu};
  }

  double weight(int32_t c) const {
    if (channels_.isInstance(c)) return elementOr(instance_weight_, c - channels_.start, 1);
    if (channels_.mode == BatchMode::kPass) return 1;
    return elementOr(batch_weight_, channels_.batchIndex(c), 1);
  }
  double bias(int32_t c) const {
    if (channels_.isInstance(c)) return elementOr(instance_bias_, c - channels_.start, 0);
    if (channels_.mode == BatchMode::kPass) return 0;
    return elementOr(batch_bias_, channels_.batchIndex(c), 0);
  }

  double source(int64_t i) const {
    if (!residual_) return (*input_)[i];
    return roundTo(problem_.type, (*input_)[i] + (*residual_)[i]);
  }

  int64_t key(int64_t i) const { return problem_.statisticOf(sampleOf(i), channelOf(i)); }
  bool computed(int32_t c) const { return channels_.isInstance(c) || channels_.mode == BatchMode::kBatch; }

  // Statistics in float64, by two passes.
  void reference() {
    const int64_t n = problem_.statistics();
    exact_mean_.assign(n, 0);
    exact_var_.assign(n, 0);
    exact_count_.assign(n, 0);
    for (int64_t i = 0; i < problem_.elements(); i++) {
      exact_mean_[key(i)] += source(i);
      exact_count_[key(i)]++;
    }
    for (int64_t k = 0; k < n; k++) exact_mean_[k] /= static_cast<double>(exact_count_[k]);
    for (int64_t i = 0; i < problem_.elements(); i++) {
      const double deviation = source(i) - exact_mean_[key(i)];
      exact_var_[key(i)] += deviation * deviation;
    }
    for (int32_t c = 0; c < channels_.count; c++) {
      if (computed(c)) continue;
      const int64_t k = problem_.statisticOf(0, c);
      const bool pass = channels_.mode == BatchMode::kPass;
      exact_mean_[k] = pass ? 0 : old_mean_[channels_.batchIndex(c)];
      exact_var_[k] = pass ? 1 : old_var_[channels_.batchIndex(c)];
      exact_count_[k] = 1;
    }
  }

  double rstd(int64_t i) const {
    const int32_t c = channelOf(i);
    if (!computed(c) && channels_.mode == BatchMode::kPass) return 1;
    const double variance = exact_var_[key(i)] / static_cast<double>(exact_count_[key(i)]);
    return 1 / std::sqrt(variance + (channels_.isInstance(c) ? 1e-5F : 1e-3F));
  }

  // How much larger than the deviation the mean is: what float32 loses of it.
  double conditionOf(int64_t i) const { return 1 + std::fabs(exact_mean_[key(i)]) * rstd(i); }

  void compareForward() {
    const double rounding = roundingOf(problem_.type);
    for (int64_t i = 0; i < problem_.elements(); i++) {
      const int32_t c = channelOf(i);
      double y = (source(i) - exact_mean_[key(i)]) * rstd(i) * weight(c) + bias(c);
      if (test_.relu && y < 0) y = 0;
      const double tolerance =
          1.01 * rounding * std::fabs(y) + 0x1p-24 +
          2e-6 * (std::fabs(y) + conditionOf(i) * std::fabs(weight(c)) + std::fabs(bias(c)));
      close((*output_)[i], y, tolerance, "output", i);
    }
    if (test_.saves) compareStatistics();
    if (running_mean_ && problem_.elements() > 0) compareRunning();
  }

  void compareStatistics() {
    for (int64_t i = 0; i < problem_.elements(); i++) {
      close((*mean_)[key(i)], exact_mean_[key(i)], 2e-6 * (std::fabs(exact_mean_[key(i)]) + 1 / rstd(i)),
            "mean", key(i));
      close((*rstd_)[key(i)], rstd(i), 4e-6 * rstd(i) * conditionOf(i), "rstd", key(i));
    }
  }

  void compareRunning() {
    for (int32_t c = 0; c < channels_.count; c++) {
      if (channels_.isInstance(c)) continue;
      const int32_t b = channels_.batchIndex(c);
      const int64_t k = problem_.statisticOf(0, c);
      const bool updates = channels_.mode == BatchMode::kBatch;
      const double count = static_cast<double>(exact_count_[k]);
      const double mean = updates ? 0.7 * old_mean_[b] + 0.3 * exact_mean_[k] : old_mean_[b];
      const double var = updates ? 0.7 * old_var_[b] + 0.3 * exact_var_[k] / (count - 1) : old_var_[b];
      const double rounding = roundingOf(running_mean_->type) + 2e-6;
      const double spread = std::sqrt(exact_var_[k] / count) + std::fabs(exact_mean_[k]);
      close((*running_mean_)[b], mean, rounding * (std::fabs(mean) + spread), "running_mean", b);
      close((*running_var_)[b], var, rounding * (std::fabs(var) + 1) * (1 + std::fabs(exact_mean_[k])),
            "running_var", b);
    }
  }

  void compareBackward(const Array& grad, const Array& grad_input, const Array& grad_weight,
                       const Array& grad_bias) {
    const int64_t n = problem_.statistics();
    std::vector<double> sums(n), dots(n), sizes(n), dot_sizes(n);
    std::vector<double> weights(channels_.count), biases(channels_.count), weight_sizes(channels_.count);
    const auto through = [&](int64_t i) { return test_.relu && (*output_)[i] <= 0 ? 0.0 : grad[i]; };
    const auto normal = [&](int64_t i) { return (source(i) - exact_mean_[key(i)]) * rstd(i); };
    for (int64_t i = 0; i < problem_.elements(); i++) {
      const double g = through(i);
      const double dot = g * normal(i);
      const double size = std::fabs(g) * (std::fabs(normal(i)) + conditionOf(i));
      sums[key(i)] += g;
      dots[key(i)] += dot;
      sizes[key(i)] += size;
      weights[channelOf(i)] += dot;
      biases[channelOf(i)] += g;
      weight_sizes[channelOf(i)] += size;
    }
    for (int32_t c = 0; c < channels_.count; c++) {
      close(grad_weight[c], weights[c], 2e-6 * weight_sizes[c] + 1e-6, "grad_weight", c);
      close(grad_bias[c], biases[c], 2e-6 * weight_sizes[c] + 1e-6, "grad_bias", c);
    }
    for (int64_t i = 0; i < problem_.elements(); i++) {
      const int32_t c = channelOf(i);
      const int64_t k = key(i);
      const double scale = rstd(i) * weight(c);
      double want = scale * through(i);
      double slack = 0;
      if (computed(c)) {
        const double count = static_cast<double>(exact_count_[k]);
        want -= scale * (sums[k] / count + normal(i) * dots[k] / count);
        slack = sizes[k] / count;
      }
      const double tolerance = 1.01 * roundingOf(problem_.type) * std::fabs(want) + 0x1p-24 +
                               1e-5 * std::fabs(scale) * conditionOf(i) *
                                   (std::fabs(through(i)) + slack * (1 + std::fabs(normal(i))));
      close(grad_input[i], want, tolerance, "grad_input", i);
    }
  }

  void count(const Plan& plan) const {
    if (plan.empty) return;
    if (plan.split) split_cases++;
    if (plan.first.regions[0].action == Action::kWhole) whole_cases++;
    if (plan.first.regions[1].action == Action::kGiven) given_cases++;
    if (plan.vector == 1) scalar_cases++;
    if (plan.slots > 4) large_cases++;
  }

  const Case& test_;
  const Problem& problem_;
  const Channels& channels_;
  ArrayPtr input_, residual_, output_, mean_, rstd_;
  ArrayPtr instance_weight_, instance_bias_, batch_weight_, batch_bias_, running_mean_, running_var_;
  std::vector<double> old_mean_, old_var_, exact_mean_, exact_var_;
  std::vector<int64_t> exact_count_;
};

// Sizes from nothing over odd ones to slices that do not fit; half of the cases have the shapes of networks.
Case randomCase(int number) {
  Case test = {};
  test.number = number;
  Problem& problem = test.problem;
  problem.layout = oneOf({Layout::kPlanes, Layout::kRows});
  problem.type = oneOf({ElementType::kFloat, ElementType::kHalf, ElementType::kBfloat16});
  test.limits.threads = oneOf({64, 128, 512});
  test.limits.blocks = oneOf<int64_t>({1, 3, 1000000});
  test.limits.enough_units = oneOf<int64_t>({1, 8, 256});
  problem.samples = pick(1, 5);
  problem.size = oneOf<int64_t>({1, 2, pick(3, 40), 49, pick(50, 400), pick(401, 3000)});
  Channels& channels = problem.channels;
  channels.count = static_cast<int32_t>(oneOf<int64_t>({pick(1, 20), 8 * pick(1, 6)}));
  if (problem.elements() > 60000) channels.count = channels.count % 8 == 0 ? 8 : 3;
  if (pick(0, 60) == 0) problem.samples = 0;
  if (pick(0, 60) == 0) problem.size = 0;
  const int32_t count = channels.count;
  const auto cut = static_cast<int32_t>(oneOf<int64_t>({pick(0, count), count / 2, count / 16 * 8}));
  const int64_t shape = pick(0, 3);
  channels.start = shape == 1 ? cut : shape == 2 ? static_cast<int32_t>(pick(0, cut)) : 0;
  channels.end = shape == 0 ? count : shape == 1 ? count : cut;
  if (channels.start == channels.end) channels.start = channels.end = 0;
  channels.mode = oneOf({BatchMode::kPass, BatchMode::kRunning, BatchMode::kBatch});
  test.relu = pick(0, 1) == 1;
  test.offset = pick(0, 3) == 0 ? pick(0, 16 / elementSize(problem.type) - 1) : 0;
  test.skewed = pick(0, 7) == 0;
  test.center = oneOf({0.0, 3.0, 100.0});
  test.backward = true;
  test.saves = true;
  if (pick(0, 3) == 0) test.saves = test.backward = false;
  return test;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const int cases = argc > 2 ? std::atoi(argv[2]) : 300;
  breaks = argc > 3 && std::string(argv[3]) == "--break";
  for (int i = 0; i < cases; i++) {
    random_bits.seed(seed * 1000003 + i);
    current = randomCase(i);
    Run run(current);
    run.forward();
    if (current.backward) run.backward();
  }
  std::printf(
      "{\"cases\":%d,\"whole\":%ld,\"split\":%ld,\"given\":%ld,\"scalar\":%ld,\"large\":%ld,\"wide\":%ld,"
      "\"narrow\":%ld}\n",
      cases, static_cast<long>(whole_cases), static_cast<long>(split_cases), static_cast<long>(given_cases),
      static_cast<long>(scalar_cases), static_cast<long>(large_cases),
      static_cast<long>(emulator::counts.wide), static_cast<long>(emulator::counts.narrow));
}
