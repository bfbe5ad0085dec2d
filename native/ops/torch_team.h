// libtorch's own threads, for kernels.
#pragma once
#include "../kernels/kernels.h"

namespace ibn::ops {

class TorchTeam final : public kernels::Team {
 public:
  int threads() const override;
  void run(int64_t count, kernels::Task task) override;
};

}  // namespace ibn::ops
