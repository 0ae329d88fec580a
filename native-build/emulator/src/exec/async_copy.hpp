// cp.async: copies from global to shared memory that a thread begins now and that are done some time later.
//
// The PTX ISA promises of such a copy only that it is done once its thread has waited for it, or once an mbarrier that
// tracks it has completed its phase. Late copies (Options::lateCopies) are done just then: until then the destination
// keeps its old bytes, and bytes that are written to the source meanwhile are copied too. So a kernel that forgets to
// wait, or waits for the wrong group, reads what was there before. Eager copies are done where they stand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "exec/warp.hpp"

namespace quern::emulator {

constexpr std::uint16_t COPY_SIZED = 1;  // Op::flags: an operand says how many bytes are read

/// The copies of one warp that are not done yet. Records are kept and used again: after the first round of a kernel's
/// loop nothing is allocated.
class AsyncCopies {
  public:
    /// For a block that starts: nothing is under way.
    void reset(Warp& warp, bool late) {
        warp_ = &warp;
        late_ = late;
        first_ = 0;
        records_.clear();
        group_.fill(0);
    }

    bool empty() const { return first_ == records_.size(); }

    /// Lane l of the mask copies bytes[l] of op.bytes bytes, the rest are zeros. op: the load of global memory, whose
    /// Op::second is the store to shared memory.
    void begin(const Op& op, std::uint32_t mask, const std::uint64_t* source,
               const std::uint64_t* destination, const std::uint8_t* bytes);
    /// Lanes of the mask arrive at mbarrier[l] once what they have begun is done.
    void beginArrival(const Op& op, std::uint32_t mask, const std::uint64_t* mbarrier);
    /// What lanes of the mask have begun since their last group becomes a group.
    void commit(std::uint32_t mask) {
        forEachLane(mask, [&](int lane) { group_[static_cast<std::size_t>(lane)]++; });
    }
    /// Does the copies of all but the last `pending` groups of each lane of the mask.
    void wait(std::uint32_t mask, std::uint32_t pending);
    /// Does all copies of lanes of the mask, whether in a group or not.
    void waitAll(std::uint32_t mask);
    /// Does what arrivals at this mbarrier wait for, and arrives.
    void completeArrivals(std::uint64_t mbarrier);

  private:
    struct Record {
        const Op* op;
        std::uint32_t lanes;  // those whose copy is not done
        bool arrival;
        std::array<std::uint32_t, LANES> group;  // how many groups the lane had committed before
        std::array<std::uint64_t, LANES> source;
        std::array<std::uint64_t, LANES> destination;  // or the mbarrier
        std::array<std::uint8_t, LANES> bytes;
    };

    Record& add(const Op& op, std::uint32_t mask, bool arrival);
    template <typename Ready>
    void finish(Ready ready);
    void copy(const Record& record, std::uint32_t lanes);
    void read(const Record& record, std::uint32_t lanes, std::byte** pointer);

    Warp* warp_ = nullptr;
    bool late_ = true;
    std::size_t first_ = 0;  // records before it are done
    std::vector<Record> records_;
    std::array<std::uint32_t, LANES> group_{};  // groups that each lane has committed
};

}  // namespace quern::emulator
