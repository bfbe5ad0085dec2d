// How a problem is cut into pieces of work. Both passes and both layouts share the scheme: a unit is what one
// group of threads holds in registers, a run of elements of some channels of one sample.
#pragma once
#include <algorithm>

#include "problem.h"

namespace ibn::cuda {

constexpr int kAccessBytes = 16;

// What a unit does with what it has loaded.
enum class Action : int32_t {
  // Nothing: the region has no units in this pass.
  kNone,
  // It holds the whole slice: takes its statistics and finishes.
  kWhole,
  // Leaves the statistics of its part.
  kPartial,
  // Finishes with statistics that are known beforehand.
  kGiven,
  // Finishes with statistics put together from all parts.
  kCombined,
};

// The units of one kind of channel. A lane is what one thread reads at once: a channel of a plane, or as many
// neighbouring channels of a row as fit in an access.
struct Region {
  Action action;
  int32_t first_lane, lanes;
  // Lanes from `gap_at` on lie `gap` further.
  int32_t gap_at, gap;
  // Lanes side by side in a unit, as a power of two.
  int32_t log_width, tiles;
  // Runs of elements of a channel that are cut: one for each sample, or one over all of them.
  int64_t runs, length;
  int64_t chunks, chunk;
  // Of its partial results in the workspace, in pairs.
  int64_t partial;

  IBN_HD int64_t units() const { return action == Action::kNone ? 0 : runs * chunks * tiles; }
  IBN_HD int64_t parts() const { return runs * chunks; }
  IBN_HD int32_t lane(int32_t index) const { return first_lane + index + (index >= gap_at ? gap : 0); }
  IBN_HD int64_t chunkLength(int64_t chunk_index) const {
    const int64_t left = length - chunk_index * chunk;
    return left < chunk ? left : chunk;
  }
};

struct Unit {
  int32_t region;
  int32_t tile;
  int64_t run, chunk;
  int64_t first, count;
};

struct Grid {
  // Of the instance channels, and of the others.
  Region regions[2];
  // Channels in a lane.
  int32_t vector;

  IBN_HD int64_t units() const { return regions[0].units() + regions[1].units(); }

  IBN_HD Unit locate(int64_t index) const {
    Unit unit;
    const int64_t instance_units = regions[0].units();
    unit.region = index < instance_units ? 0 : 1;
    const Region& region = regions[unit.region];
    const int64_t local = unit.region == 0 ? index : index - instance_units;
    unit.tile = static_cast<int32_t>(local % region.tiles);
    const int64_t part = local / region.tiles;
    unit.chunk = part % region.chunks;
    unit.run = part / region.chunks;
    unit.first = unit.chunk * region.chunk;
    unit.count = region.chunkLength(unit.chunk);
    return unit;
  }

  // The region that computes channel c. Where the others' statistics are known beforehand, a lane with
  // channels of both kinds is the first region's alone.
  IBN_HD int owner(const Channels& channels, int32_t c) const {
    if (channels.isInstance(c)) return 0;
    if (channels.mode == BatchMode::kBatch || channels.instances() == 0) return 1;
    const int32_t from = c / vector * vector;
    return from < channels.end && from + vector > channels.start ? 0 : 1;
  }
};

// Bounds of the kernels' shapes; tests give small ones.
struct Limits {
  int threads = 512;
  int64_t blocks = 2147483647;
  // Units under which the rows layout reads fewer channels at once, to keep more processors busy.
  int64_t enough_units = 256;
};

// Accesses that a thread holds: kSlots[0] where a warp takes a small plane, kSlots[2] for large slices.
struct Plan {
  bool empty;
  // Elements of an access, 1 where the tensors are not aligned.
  int vector;
  int slots;
  int threads;
  // Threads that share a unit; more units than one in a block only where it is a warp.
  int group;
  Grid first, last;
  // Whether instance slices are cut, and so put together between the passes.
  bool split;
  // Of the workspace: where slices' sums and statistics lie, and its length, in floats.
  int64_t slice_sums, statistics, floats;
};

namespace detail {

inline int64_t ceilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

inline int roundThreads(int64_t threads, int least, int most) {
  return static_cast<int>(std::clamp<int64_t>(ceilDiv(threads, 32) * 32, least, most));
}

inline int log2Floor(int64_t value) {
  int log = 0;
  while ((int64_t{2} << log) <= value) log++;
  return log;
}

inline int log2Ceil(int64_t value) {
  const int log = log2Floor(value);
  return (int64_t{1} << log) < value ? log + 1 : log;
}

// Cuts runs of `length` into even chunks of at most `most`, multiples of `grain` but for the last.
inline void cut(Region& region, int64_t length, int64_t most, int64_t grain) {
  region.length = length;
  region.chunks = std::max<int64_t>(1, ceilDiv(length, most));
  region.chunk = std::max<int64_t>(1, ceilDiv(ceilDiv(length, region.chunks), grain) * grain);
  region.chunks = std::max<int64_t>(1, ceilDiv(length, region.chunk));
}

// Slots of the kernels: small, usual, large. Scalar kernels have the usual ones only.
struct Slots {
  int small, usual, large;
};

class Planner {
 public:
  Planner(const Problem& problem, bool aligned, Slots slots, const Limits& limits)
      : problem_(problem), slots_(slots), limits_(limits) {
    plan_.vector = aligned ? kAccessBytes / elementSize(problem.type) : 1;
    plan_.empty = problem.elements() == 0;
  }

  Plan forward() {
    if (plan_.empty) return plan_;
    cutAll();
    const Action rest = problem_.channels.mode == BatchMode::kBatch ? Action::kPartial : Action::kGiven;
    assign(rest);
    reserve(/*all_partial=*/false);
    if (combines()) plan_.statistics = take(2 * problem_.statistics());
    return plan_;
  }

  Plan backward() {
    if (plan_.empty) return plan_;
    cutAll();
    const Action rest = problem_.channels.mode == BatchMode::kBatch ? Action::kPartial : Action::kGiven;
    assign(rest);
    reserve(/*all_partial=*/true);
    if (plan_.split) plan_.slice_sums = take(2 * problem_.samples * problem_.channels.count);
    return plan_;
  }

 private:
  void cutAll() {
    if (problem_.layout == Layout::kPlanes) {
      cutPlanes();
    } else {
      cutRows();
    }
  }

  // A unit is a plane, or a part of one.
  void cutPlanes() {
    const int vector = plan_.vector;
    const int64_t accesses = problem_.size / vector;
    const bool scalar = vector == 1;
    plan_.slots = scalar || accesses <= slots_.usual * int64_t{limits_.threads} ? slots_.usual : slots_.large;
    if (!scalar && accesses <= int64_t{32} * slots_.small) plan_.slots = slots_.small;
    plan_.group = roundThreads(ceilDiv(accesses, plan_.slots), 32, limits_.threads);
    plan_.threads = plan_.group == 32 ? std::min(128, limits_.threads) : plan_.group;
    const Channels& channels = problem_.channels;
    for (int i = 0; i < 2; i++) {
      Region& region = plan_.first.regions[i];
      region = {};
      region.lanes = i == 0 ? channels.instances() : channels.batches();
      region.first_lane = i == 0 ? channels.start : 0;
      region.gap_at = i == 0 ? channels.count : channels.start;
      region.gap = i == 0 ? 0 : channels.instances();
      region.tiles = region.lanes;
      region.runs = problem_.samples;
      cut(region, problem_.size, int64_t{plan_.slots} * plan_.group * vector, vector);
    }
    plan_.first.vector = 1;
    plan_.split = plan_.first.regions[0].chunks > 1;
  }

  // A unit is some lanes of some rows: of all rows of a sample where they fit.
  void cutRows() {
    const int vector = plan_.vector;
    const Channels& channels = problem_.channels;
    const int32_t from = channels.start / vector;
    const int32_t to = channels.instances() == 0 ? from : static_cast<int32_t>(ceilDiv(channels.end, vector));
    const bool shared = channels.mode == BatchMode::kBatch;
    Region& instance = plan_.first.regions[0];
    Region& rest = plan_.first.regions[1];
    instance = {};
    rest = {};
    instance.first_lane = from;
    instance.lanes = to - from;
    instance.gap_at = instance.lanes;
    // Lanes with channels of both kinds belong to both regions only where both have passes of their own.
    const int32_t before = shared ? static_cast<int32_t>(ceilDiv(channels.start, vector)) : from;
    const int32_t after = shared ? channels.end / vector : to;
    const int32_t lanes = channels.count / vector;
    const int32_t gap = channels.instances() == 0 ? 0 : std::max(0, after - before);
    rest.lanes = channels.batches() == 0 ? 0 : lanes - gap;
    rest.gap_at = before;
    rest.gap = gap;

    const int most = vector == 1 ? 5 : 3;
    const int64_t rows = problem_.size;
    const int64_t usual = int64_t{slots_.usual} * limits_.threads;
    const int64_t large = int64_t{vector == 1 ? slots_.usual : slots_.large} * limits_.threads;
    // A whole slice may be one access wide; else a sector of 32 bytes at least.
    int log = std::min(most, log2Ceil(std::max(1, instance.lanes)));
    const int64_t budget = rows * 2 <= usual ? usual : large;
    while (log > 0 && rows << log > budget) log--;
    plan_.split = instance.lanes > 0 && rows << log > large;
    if (plan_.split) {
      log = std::min(most, log2Ceil(std::max(1, instance.lanes)));
    } else {
      while (log > 1 && problem_.samples * ceilDiv(instance.lanes, 1 << log) < limits_.enough_units) log--;
    }
    const bool whole = instance.lanes > 0 && !plan_.split;
    plan_.slots = whole && rows << log > usual ? (vector == 1 ? slots_.usual : slots_.large) : slots_.usual;
    const int64_t accesses = whole ? rows << log : usual;
    plan_.group =
        roundThreads(ceilDiv(accesses, plan_.slots), std::min(64, limits_.threads), limits_.threads);
    plan_.threads = plan_.group;
    instance.log_width = log;
    rest.log_width = std::min(most, log2Ceil(std::max(1, rest.lanes)));
    instance.runs = problem_.samples;
    rest.runs = 1;
    const int64_t capacity = int64_t{plan_.slots} * plan_.group;
    cut(instance, rows, capacity >> instance.log_width, 1);
    cut(rest, problem_.samples * rows, capacity >> rest.log_width, 1);
    instance.tiles = static_cast<int32_t>(ceilDiv(instance.lanes, int64_t{1} << instance.log_width));
    rest.tiles = static_cast<int32_t>(ceilDiv(rest.lanes, int64_t{1} << rest.log_width));
    plan_.first.vector = vector;
  }

  void assign(Action rest) {
    Region& instance = plan_.first.regions[0];
    Region& others = plan_.first.regions[1];
    instance.action = instance.lanes == 0 ? Action::kNone : plan_.split ? Action::kPartial : Action::kWhole;
    others.action = others.lanes == 0 ? Action::kNone : rest;
    plan_.last = plan_.first;
    for (Region& region : plan_.last.regions) {
      region.action = region.action == Action::kPartial ? Action::kCombined : Action::kNone;
    }
  }

  bool combines() const {
    return plan_.first.regions[0].action == Action::kPartial ||
           plan_.first.regions[1].action == Action::kPartial;
  }

  // Room for partial results. They are as wide as all channels, whatever the region.
  void reserve(bool all_partial) {
    for (int i = 0; i < 2; i++) {
      Region& region = plan_.first.regions[i];
      if (region.action == Action::kNone) continue;
      if (!all_partial && region.action != Action::kPartial) continue;
      region.partial = take(2 * region.parts() * problem_.channels.count) / 2;
      plan_.last.regions[i].partial = region.partial;
    }
  }

  int64_t take(int64_t floats) {
    const int64_t at = plan_.floats;
    plan_.floats += ceilDiv(floats, 4) * 4;
    return at;
  }

  const Problem& problem_;
  const Slots slots_;
  const Limits limits_;
  Plan plan_ = {};
};

}  // namespace detail

constexpr detail::Slots kForwardSlots = {1, 4, 16};
constexpr detail::Slots kBackwardSlots = {1, 4, 8};

inline Plan planForward(const Problem& problem, bool aligned, const Limits& limits = {}) {
  return detail::Planner(problem, aligned, kForwardSlots, limits).forward();
}

inline Plan planBackward(const Problem& problem, bool aligned, const Limits& limits = {}) {
  return detail::Planner(problem, aligned, kBackwardSlots, limits).backward();
}

// Whether accesses of 16 bytes can be used for tensors at these addresses: planes need the same distance to a
// boundary, rows lie on boundaries throughout.
template <typename... Pointers>
bool isAligned(const Problem& problem, const void* input, Pointers... others) {
  const auto distance = [](const void* pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % kAccessBytes;
  };
  const uintptr_t first = distance(input);
  const bool same = ((others == nullptr || distance(others) == first) && ...);
  if (problem.layout == Layout::kPlanes) return same;
  return same && first == 0 &&
         problem.channels.count * int64_t{elementSize(problem.type)} % kAccessBytes == 0;
}

}  // namespace ibn::cuda
