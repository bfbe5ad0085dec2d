// Many copies at once: parts of a file into new storages, tensors into tensors. The work is cut into pieces
// that the calling thread and a few short-lived helpers take in turn, so that one slow core never holds up
// the rest.
#include <unistd.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>
#include <thread>

#include "../call.h"
#include "blocks.h"

namespace ibn {

namespace {

constexpr int64_t kPieceBytes = 1 << 20;
constexpr size_t kMostThreads = 8;
// Starting a thread costs as much as copying this.
constexpr size_t kPiecesPerThread = 4;

// Calls work(i) once for each i below count, on up to as many threads as libtorch uses. Work must not throw.
template <typename Work>
void forEachPiece(size_t count, const Work& work) {
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  const auto wanted = static_cast<size_t>(std::max(1, at::get_num_threads()));
  const size_t threads = std::min({wanted, kMostThreads, count / kPiecesPerThread + 1});
  std::vector<std::thread> helpers;
  try {
    for (size_t i = 1; i < threads; i++) helpers.emplace_back(run);
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
    // No more threads to be had: those there are do the work.
  }
  run();
  for (std::thread& helper : helpers) helper.join();
}

struct FilePiece {
  uint8_t* to;
  int64_t offset;
  int64_t size;
};

// 0, an errno, or -1 where the file ends early.
int readPiece(int fd, FilePiece piece) {
  while (piece.size > 0) {
    const ssize_t count = pread(fd, piece.to, static_cast<size_t>(piece.size), piece.offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0 ? -1 : errno;
    piece.to += count;
    piece.offset += count;
    piece.size -= count;
  }
  return 0;
}

void addPieces(std::vector<FilePiece>& pieces, uint8_t* to, int64_t offset, int64_t size) {
  for (int64_t at = 0; at < size; at += kPieceBytes) {
    pieces.push_back({to + at, offset + at, std::min(kPieceBytes, size - at)});
  }
}

// readStorages(fd, offsets, sizes): new storages with these parts of an open file.
Napi::Value readStorages(Call& call) {
  const auto fd = static_cast<int>(call.integer(0, "fd"));
  const std::vector<int64_t> offsets = call.integers(1, "offsets");
  const std::vector<int64_t> sizes = call.integers(2, "sizes");
  if (offsets.size() != sizes.size()) {
    throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected as many sizes as offsets");
  }
  for (size_t i = 0; i < sizes.size(); i++) {
    if (offsets[i] < 0 || sizes[i] < 0) {
      throw InvalidArgument("ERR_OUT_OF_RANGE", "Expected offsets and sizes >= 0");
    }
  }
  Blocks blocks(sizes);
  std::vector<c10::Storage> storages;
  std::vector<FilePiece> pieces;
  for (size_t i = 0; i < sizes.size(); i++) {
    storages.push_back(blocks.take(sizes[i]));
    addPieces(pieces, static_cast<uint8_t*>(storages.back().mutable_data()), offsets[i], sizes[i]);
  }
  std::atomic<int> failure{0};
  forEachPiece(pieces.size(), [&](size_t i) {
    const int status = failure == 0 ? readPiece(fd, pieces[i]) : 0;
    if (status != 0) failure = status;
  });
  if (failure != 0)
    throw InvalidArgument("ERR_FILE", failure < 0 ? "the file ends early" : std::strerror(failure));
  Napi::Array result = Napi::Array::New(call.env, storages.size());
  for (uint32_t i = 0; i < storages.size(); i++) {
    result[i] = Napi::Value(call.env, call.data.wrapValue(call.env, std::move(storages[i])));
  }
  return result;
}

// A tensor's bytes.
struct Span {
  uint8_t* start;
  size_t size;
};

// Whether the elements lie in memory in the same order without gaps, so that bytes can be copied.
bool isPlainCopy(const at::Tensor& to, const at::Tensor& from) {
  return to.is_cpu() && from.is_cpu() && to.layout() == at::kStrided && from.layout() == at::kStrided &&
         to.scalar_type() == from.scalar_type() && to.sizes() == from.sizes() &&
         to.strides() == from.strides() && to.is_non_overlapping_and_dense() &&
         to.is_conj() == from.is_conj() && to.is_neg() == from.is_neg() && !to.is_quantized() &&
         to.nbytes() > 0 && to.const_data_ptr() != nullptr && from.const_data_ptr() != nullptr;
}

// Disjoint spans of memory.
class Spans {
 public:
  bool overlaps(Span span) const {
    const auto after = ends_.upper_bound(span.start);
    return after != ends_.end() && after->second < span.start + span.size;
  }
  void add(Span span) { ends_[span.start + span.size] = span.start; }

 private:
  std::map<const uint8_t*, const uint8_t*> ends_;
};

struct Copy {
  uint32_t index;
  at::Tensor to;
  Span target;
  Span source;
};

// copyTensors(targets, sources): copies bytes where both have one dtype and layout in the CPU's memory and
// nothing overlaps. Returns the indices of the pairs that are left to copy_.
Napi::Value copyTensors(Call& call) {
  const auto targets = call.info[0].As<Napi::Array>();
  const auto sources = call.info[1].As<Napi::Array>();
  std::vector<Copy> copies;
  std::vector<int64_t> rest;
  Spans written;
  for (uint32_t i = 0; i < targets.Length(); i++) {
    const at::Tensor to = call.data.tensor(call.env, targets.Get(i));
    const at::Tensor from = call.data.tensor(call.env, sources.Get(i));
    if (!isPlainCopy(to, from)) {
      rest.push_back(i);
      continue;
    }
    const Span target{static_cast<uint8_t*>(to.mutable_data_ptr()), to.nbytes()};
    const Span source{static_cast<uint8_t*>(const_cast<void*>(from.const_data_ptr())), to.nbytes()};
    if (written.overlaps(target)) {
      rest.push_back(i);
      continue;
    }
    written.add(target);
    copies.push_back({i, to, target, source});
  }
  std::vector<Copy> plain;
  for (Copy& copy : copies) {
    if (written.overlaps(copy.source)) {
      rest.push_back(copy.index);
    } else {
      plain.push_back(std::move(copy));
    }
  }
  std::vector<std::pair<const Copy*, size_t>> pieces;
  for (const Copy& copy : plain) {
    // What saved the old value for backward must notice.
    if (!copy.to.is_inference()) copy.to.unsafeGetTensorImpl()->bump_version();
    for (size_t at = 0; at < copy.target.size; at += kPieceBytes) pieces.emplace_back(&copy, at);
  }
  forEachPiece(pieces.size(), [&](size_t i) {
    const auto [copy, at] = pieces[i];
    const size_t size = std::min(static_cast<size_t>(kPieceBytes), copy->target.size - at);
    std::memcpy(copy->target.start + at, copy->source.start + at, size);
  });
  return call.ints(rest);
}

}  // namespace

void defineBulk(Napi::Object exports) {
  define<readStorages>(exports, "readStorages");
  define<copyTensors>(exports, "copyTensors");
}

}  // namespace ibn
