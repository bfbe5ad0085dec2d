// Where the other ranks' Gloo listens, and whether it still does.
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ibn::distributed {

// Where a rank's Gloo listens.
struct PeerAddress {
  std::string host;
  std::string text;  // "[127.0.0.1]:1234"; empty where it is not known
  sockaddr_storage socket{};
};

// Of what Gloo writes into the store for a rank; with an empty text where that is something else.
PeerAddress readAddress(const std::vector<uint8_t>& bytes);

// Whether nobody listens there: the process is gone, or its machine. Its listener lives as long as its group.
bool isRefused(const sockaddr_storage& address);

}  // namespace ibn::distributed
