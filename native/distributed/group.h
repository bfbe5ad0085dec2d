// A process group, as JavaScript holds it.
#pragma once
#include <memory>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "../binding/call.h"
#include "peers.h"

namespace ibn::distributed {

// Held by JavaScript's handle and by what uses the group. A group that was not closed is left to the end of
// the process: closing waits for collectives under way, and neither garbage collection nor an ending
// environment may.
class Group final : public torch::CustomClassHolder {
 public:
  Group(c10::intrusive_ptr<c10d::ProcessGroup> group, std::shared_ptr<Peers> peers)
      : group_(std::move(group)), peers_(std::move(peers)) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() override;

  // Throws once the group was closed.
  c10::intrusive_ptr<c10d::ProcessGroup> open() const;
  // What is left to be let go; null the second time.
  c10::intrusive_ptr<c10d::ProcessGroup> close();

 private:
  mutable std::mutex mutex_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::shared_ptr<Peers> peers_;
};

c10::intrusive_ptr<Group> groupOf(const Call& call, size_t index);

}  // namespace ibn::distributed
