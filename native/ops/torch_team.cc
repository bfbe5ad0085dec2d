#include "torch_team.h"

#include <ATen/Parallel.h>

namespace ibn::ops {

int TorchTeam::threads() const {
  return at::in_parallel_region() ? 1 : at::get_num_threads();
}

void TorchTeam::run(int64_t count, kernels::Task task) {
  at::parallel_for(0, count, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) task(i, at::get_thread_num());
  });
}

}  // namespace ibn::ops
