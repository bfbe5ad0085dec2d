#include "peers.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <regex>
#include <thread>

#include <c10/util/Exception.h>

#include "../binding/env/errors.h"
#include "ask_store.h"

namespace ibn::distributed {

namespace {

using Bytes = std::vector<uint8_t>;

constexpr auto kPatience = std::chrono::seconds(3);
constexpr auto kPause = std::chrono::milliseconds(50);

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
      mine, 2 * kPatience);
}

// A time that passed. Every rank that waits says so in the store; those that do not are at fault.
std::string Peers::silent(const std::string& text) const {
  std::vector<std::string> names;
  const std::vector<size_t> absent = askStore<std::vector<size_t>>(
      [peers = shared_from_this()] { return peers->missing(); }, {0}, 2 * kPatience);
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
