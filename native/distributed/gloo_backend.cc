// The one file that sees the stubs of Gloo's headers; see gloo_stubs/README.md.
#include "gloo_backend.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace ibn::distributed {

c10::intrusive_ptr<c10d::Backend> makeGlooBackend(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                  int size, std::chrono::milliseconds timeout) {
  // Reads GLOO_SOCKET_IFNAME and the like, as Python's ProcessGroupGloo does.
  auto options = c10d::ProcessGroupGloo::Options::create_default(timeout);
  auto backend = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, std::move(options));
  backend->setSequenceNumberForGroup();
  return backend;
}

}  // namespace ibn::distributed
