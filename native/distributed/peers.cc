#include "peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <regex>
#include <thread>

#include <c10/util/Exception.h>

#include "../binding/env/errors.h"

namespace ibn::distributed {

namespace {

using Bytes = std::vector<uint8_t>;

constexpr auto kPatience = std::chrono::seconds(3);
constexpr int kProbeMilliseconds = 500;
constexpr auto kPause = std::chrono::milliseconds(50);

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

// What Gloo writes for each rank: the length of the host's name, the name, the length of the address, the
// address.
PeerAddress readAddress(const Bytes& bytes) {
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

// Whether nobody listens there: the process is gone, or its machine. Its listener lives as long as its group.
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

// Gloo's errors name a file of its own first, and end with advice.
std::string firstSentence(const std::string& text) {
  const size_t begin = text[0] == '[' ? text.find("] ") + 2 : 0;
  const std::string rest = text.substr(begin, text.find('\n') - begin);
  return rest.substr(0, rest.find(". "));
}

bool isSocketError(const std::string& text) {
  constexpr const char* kSigns[] = {"Connection closed by peer", "Read error",  "Write error",
                                    "Connection reset",          "Broken pipe", "Socket closed"};
  return std::any_of(std::begin(kSigns), std::end(kSigns),
                     [&](const char* sign) { return text.find(sign) != std::string::npos; });
}

std::vector<Bytes> readAll(c10d::Store& store, const std::vector<std::string>& keys) {
  if (!store.check(keys)) return std::vector<Bytes>(keys.size());
  if (store.hasExtendedApi()) return store.multiGet(keys);
  std::vector<Bytes> values;
  values.reserve(keys.size());
  for (const std::string& key : keys) values.push_back(store.get(key));
  return values;
}

// An answer that another thread gives. std::future's waits want a newer libstdc++ than the packed binding
// may.
template <typename T>
class Answer {
 public:
  void give(std::optional<T> value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    value_ = std::move(value);
    given_ = true;
    ready_.notify_all();
  }

  std::optional<T> await(std::chrono::milliseconds patience) {
    std::unique_lock<std::mutex> lock(mutex_);
    ready_.wait_for(lock, patience, [this] { return given_; });
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<T> value_;
  bool given_ = false;
};

// What `ask` gives, or `otherwise` where the store does not answer in time, its host being the one that is
// gone.
template <typename T>
T askStore(std::function<T()> ask, T otherwise) {
  auto answer = std::make_shared<Answer<T>>();
  std::thread([answer, ask = std::move(ask)] {
    try {
      answer->give(ask());
    } catch (...) {  // The store is gone with its host.
      answer->give(std::nullopt);
    }
  }).detach();
  return answer->await(2 * kPatience).value_or(std::move(otherwise));
}

constexpr const char* kReports = "ibn_net/reports/";
constexpr const char* kWaits = "ibn_net/waits/";
constexpr const char* kLost = "ibn_net/lost";

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); i++) text += (i == 0 ? "" : ", ") + names[i];
  return text;
}

std::mutex& registryMutex() {
  static auto* mutex = new std::mutex();
  return *mutex;
}

std::vector<std::shared_ptr<Peers>>& registry() {
  static auto* all = new std::vector<std::shared_ptr<Peers>>();
  return *all;
}

std::string explainText(const std::string& text) {
  std::vector<std::shared_ptr<Peers>> all;
  {
    const std::lock_guard lock(registryMutex());
    all = registry();
  }
  for (const auto& peers : all) {
    std::string explanation = peers->explain(text);
    if (!explanation.empty()) return explanation;
  }
  return {};
}

}  // namespace

Peers::Peers(const c10::intrusive_ptr<c10d::Store>& backend_store, c10::intrusive_ptr<c10d::Store> store,
             int rank, std::vector<int64_t> ranks)
    : store_(std::move(store)), rank_(static_cast<size_t>(rank)), ranks_(std::move(ranks)) {
  std::vector<std::string> keys;
  keys.reserve(ranks_.size());
  for (size_t i = 0; i < ranks_.size(); i++) keys.push_back("0/" + std::to_string(i));
  const std::vector<Bytes> values = readAll(*backend_store, keys);
  addresses_.reserve(values.size());
  for (const Bytes& value : values) addresses_.push_back(readAddress(value));
  store_->set(kReports + std::to_string(ranks_[rank_]), Bytes{'1'});
}

std::string Peers::nameOf(size_t group_rank) const {
  const std::string name = "rank " + std::to_string(ranks_[group_rank]);
  const std::string& host = addresses_[group_rank].host;
  return host.empty() ? name : name + " (host " + host + ")";
}

std::string Peers::explain(const std::string& text) const {
  const bool timed_out = text.find("Timed out waiting") != std::string::npos &&
                         text.find("operation to complete") != std::string::npos;
  if (!timed_out && !isSocketError(text)) return {};
  const std::string closed = lost(text);
  return closed.empty() ? silent(text) : closed;
}

// The rank behind a closed socket, as one that nobody listens for any more: errors give the address that a
// peer chose when it connected. None where all are there, one of which gave up waiting.
std::optional<size_t> Peers::closedPeer() const {
  const auto end = std::chrono::steady_clock::now() + kPatience / 2;
  do {
    for (size_t i = 0; i < addresses_.size(); i++) {
      if (i != rank_ && !addresses_[i].text.empty() && isRefused(addresses_[i].socket)) return i;
    }
    std::this_thread::sleep_for(kPause);
  } while (std::chrono::steady_clock::now() < end);
  return std::nullopt;
}

// A rank that ends because of another closes its own sockets: the first that was seen is named.
std::string Peers::lost(const std::string& text) const {
  const auto peer = closedPeer();
  if (!peer) return {};
  return firstLost(nameOf(*peer)) + " ended or can no longer be reached (" + firstSentence(text) +
         "). Its own output says why; all ranks of the group must be started again";
}

std::string Peers::firstLost(const std::string& mine) const {
  return askStore<std::string>(
      [store = store_, mine] {
        const Bytes first = store->compareSet(kLost, {}, Bytes(mine.begin(), mine.end()));
        return std::string(first.begin(), first.end());
      },
      mine);
}

// A time that passed. Every rank that waits says so in the store; those that do not are at fault.
std::string Peers::silent(const std::string& text) const {
  std::vector<std::string> names;
  const std::vector<size_t> absent =
      askStore<std::vector<size_t>>([peers = shared_from_this()] { return peers->missing(); }, {0});
  names.reserve(absent.size());
  for (const size_t group_rank : absent) names.push_back(nameOf(group_rank));
  if (names.empty()) {
    return "All ranks waited until the timeout: they call different collectives, or in another order (" +
           firstSentence(text) + ")";
  }
  return firstLost(joined(names)) + " did not take part before the timeout (" + firstSentence(text) +
         "). It may hang, be stopped, or call other collectives";
}

std::vector<size_t> Peers::missing() const {
  store_->set(kWaits + std::to_string(ranks_[rank_]), Bytes{'1'});
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::vector<size_t> absent;
  do {
    std::this_thread::sleep_for(kPause);
    absent.clear();
    for (size_t i = 0; i < ranks_.size(); i++) {
      if (!store_->check({kWaits + std::to_string(ranks_[i])})) absent.push_back(i);
    }
  } while (!absent.empty() && std::chrono::steady_clock::now() < end);
  return absent;
}

void addPeers(const std::shared_ptr<Peers>& peers) {
  const std::lock_guard lock(registryMutex());
  registry().push_back(peers);
  setErrorExplainer(explainText);
}

void removePeers(const std::shared_ptr<Peers>& peers) {
  const std::lock_guard lock(registryMutex());
  std::erase(registry(), peers);
}

std::exception_ptr explainedJoin(std::exception_ptr error, const std::vector<int64_t>& ranks) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& cause) {
    const std::string text = cause.what();
    const size_t place = text.find("timeout after ");
    std::vector<std::string> names;
    for (size_t i = 0; i < ranks.size() && place != std::string::npos; i++) {
      const std::regex key("/cpu//0/" + std::to_string(i) + "(?![0-9])");
      if (std::regex_search(text, key)) names.push_back("rank " + std::to_string(ranks[i]));
    }
    if (names.empty()) return error;
    return std::make_exception_ptr(InvalidArgument(
        "ERR_DISTRIBUTED_PEER",
        joined(names) + " did not join the group before the timeout (" + firstSentence(text) + ")"));
  }
}

std::exception_ptr explained(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const InvalidArgument&) {
    return error;
  } catch (const std::exception& cause) {
    const std::string text = explainText(cause.what());
    if (text.empty()) return error;
    return std::make_exception_ptr(InvalidArgument("ERR_DISTRIBUTED_PEER", text));
  } catch (...) {
    return error;
  }
}

}  // namespace ibn::distributed
