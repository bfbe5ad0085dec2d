#include "peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ibn::distributed {

namespace {

constexpr int kProbeMilliseconds = 500;

std::string addressText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  uint16_t port = 0;
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    port = ntohs(v4->sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    port = ntohs(v6->sin6_port);
  }
  return "[" + std::string(text) + "]:" + std::to_string(port);
}

}  // namespace

// What Gloo writes for each rank: the length of the host's name, the name, the length of the address, the
// address.
PeerAddress readAddress(const std::vector<uint8_t>& bytes) {
  size_t length = 0;
  if (bytes.size() < sizeof(length)) return {};
  std::memcpy(&length, bytes.data(), sizeof(length));
  const size_t place = 2 * sizeof(length) + length;
  if (length > bytes.size() || place + sizeof(sockaddr_storage) > bytes.size()) return {};
  sockaddr_storage address;
  std::memcpy(&address, bytes.data() + place, sizeof(address));
  return {std::string(reinterpret_cast<const char*>(bytes.data()) + sizeof(length), length),
          addressText(address), address};
}

bool isRefused(const sockaddr_storage& address) {
  const int probe = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const auto* target = reinterpret_cast<const sockaddr*>(&address);
  const socklen_t size = address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  bool refused = false;
  if (connect(probe, target, size) != 0) {
    pollfd event{probe, POLLOUT, 0};
    int error = errno;
    if (error == EINPROGRESS && poll(&event, 1, kProbeMilliseconds) == 1) {
      socklen_t length = sizeof(error);
      getsockopt(probe, SOL_SOCKET, SO_ERROR, &error, &length);
    }
    refused = error != 0;
  }
  close(probe);
  return refused;
}

}  // namespace ibn::distributed
