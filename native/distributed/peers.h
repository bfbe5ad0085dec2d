// Who the other ranks of this process's groups are, so that errors name them. Gloo's own errors give a
// socket's address, or nothing where a rank is silent.
#pragma once
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/csrc/distributed/c10d/Store.hpp>

#include "peer_address.h"

namespace ibn::distributed {

// Held by shared_ptr only: a thread that waits for a store may outlive its group.
class Peers : public std::enable_shared_from_this<Peers> {
 public:
  // `backend_store` is the one that Gloo left its addresses in, `store` that of the default group, `ranks`
  // the global rank of each rank of the group.
  Peers(const c10::intrusive_ptr<c10d::Store>& backend_store, c10::intrusive_ptr<c10d::Store> store, int rank,
        std::vector<int64_t> ranks);

  // What an error of Gloo's or of a store's means, empty where it is about no peer. May wait seconds for a
  // store.
  std::string explain(const std::string& text) const;

 private:
  std::string nameOf(size_t group_rank) const;
  std::optional<size_t> closedPeer() const;
  std::string lost(const std::string& text) const;
  std::string silent(const std::string& text) const;
  std::string firstLost(const std::string& mine) const;
  std::vector<size_t> missing() const;

  const c10::intrusive_ptr<c10d::Store> store_;
  const size_t rank_;
  const std::vector<int64_t> ranks_;
  std::vector<PeerAddress> addresses_;  // by rank of the group
};

// Errors are explained by all groups that are open.
void addPeers(const std::shared_ptr<Peers>& peers);
void removePeers(const std::shared_ptr<Peers>& peers);

// What an error means that came while a group was made: ranks that have not come are named.
std::exception_ptr explainedJoin(std::exception_ptr error, const std::vector<int64_t>& ranks);

// The error, or one in its place that names the rank at fault.
std::exception_ptr explained(std::exception_ptr error);

}  // namespace ibn::distributed
