#include "exec/mbarrier.hpp"

#include <cstring>

#include "exec/access.hpp"
#include "exec/async_copy.hpp"
#include "exec/fault.hpp"
#include "exec/lanes.hpp"
#include "exec/mbarrier_flags.hpp"

namespace quern::emulator {

namespace {

using namespace QUERN_LEVEL;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s64 = std::int64_t;

// The 64 bits of an mbarrier, which PTX leaves to us: arrivals that the phase still waits for, arrivals that a phase
// expects, bytes it waits for (signed), and its parity. What was never initialised, or filled with zeros or ones, is
// told by two bits.
constexpr int COUNT_BITS = 20;
constexpr int BYTES_BITS = 21;
constexpr u64 MOST = (u64{1} << COUNT_BITS) - 1;
constexpr u64 MARK = 1;  // of the two bits 61 and 62

struct Mbarrier {
    u64 pending;
    u64 expected;
    s64 bytes;
    u64 parity;

    static bool isOne(u64 word) { return (word >> 61 & 3) == MARK; }
    static Mbarrier of(u64 word) {
        return {word & MOST, word >> COUNT_BITS & MOST, static_cast<s64>(word << 3) >> (64 - BYTES_BITS),
                word >> 63};
    }
    u64 word() const {
        return pending | expected << COUNT_BITS |
               (static_cast<u64>(bytes) & ((u64{1} << BYTES_BITS) - 1)) << 2 * COUNT_BITS | MARK << 61 |
               parity << 63;
    }
    void completeIfDue() {
        if (pending != 0 || bytes != 0) return;
        pending = expected;
        parity ^= 1;
    }
};

/// The mbarrier at a lane's address, while the lane looks at it or changes it.
class Held {
  public:
    Held(Warp& warp, const Op& op, int lane, u64 address)
        : op_(op), lane_(lane), place_(resolveLane(warp, op, lane, op.space, address)) {
        if (place_ < warp.shared.bytes || place_ >= warp.shared.bytes + warp.shared.size) {
            raise(FaultKind::ILLEGAL, op, lane, "an mbarrier is in shared memory");
        }
        offset_ = static_cast<u64>(place_ - warp.shared.bytes);
        u64 word;
        std::memcpy(&word, place_, sizeof word);
        known_ = Mbarrier::isOne(word);
        barrier = Mbarrier::of(word);
    }
    /// Refuses what mbarrier.init has not made.
    Held& expectOne() {
        if (!known_) refuse("there is no mbarrier: it is not initialised, or was written over");
        return *this;
    }
    [[noreturn]] void refuse(const std::string& why) const {
        raise(FaultKind::ILLEGAL, op_, lane_,
              "mbarrier at shared offset " + std::to_string(offset_) + ": " + why);
    }
    void arrive(u64 count) {
        if (count > barrier.pending) {
            refuse(std::to_string(count) + " arrivals where " + std::to_string(barrier.pending) +
                   " are pending");
        }
        barrier.pending -= count;
        barrier.completeIfDue();
    }
    void changeBytes(s64 by) {
        barrier.bytes += by;
        if (barrier.bytes > static_cast<s64>(MOST) || barrier.bytes < -static_cast<s64>(MOST)) {
            refuse("its count of bytes is beyond 2^20 - 1");
        }
    }
    void store() const {
        const u64 word = barrier.word();
        std::memcpy(place_, &word, sizeof word);
    }
    void clear() const { std::memset(place_, 0, sizeof(u64)); }
    u64 offset() const { return offset_; }
    Mbarrier barrier{};

  private:
    const Op& op_;
    int lane_;
    std::byte* place_;
    u64 offset_ = 0;
    bool known_ = false;
};

u64 addressOf(const Warp& warp, const Op& op, int lane) {
    if (op.wide) return lanesOf<u64>(warp, op.a)[lane] + static_cast<u64>(op.imm);
    return lanesOf<u32>(warp, op.a)[lane] + static_cast<u32>(op.imm);
}

/// op.b: count.
void initialise(Warp& warp, const Op& op) {
    const u32* count = lanesOf<u32>(warp, op.b);
    forEachLane(warp.mask, [&](int lane) {
        Held held(warp, op, lane, addressOf(warp, op, lane));
        if (count[lane] == 0 || count[lane] > MOST) {
            held.refuse("a count of " + std::to_string(count[lane]) + ": 1 to 2^20 - 1 is allowed");
        }
        held.barrier = {count[lane], count[lane], 0, 0};
        held.store();
    });
}

void invalidate(Warp& warp, const Op& op) {
    forEachLane(warp.mask,
                [&](int lane) { Held(warp, op, lane, addressOf(warp, op, lane)).expectOne().clear(); });
}

/// op.b: count; op.c: bytes, where MBARRIER_EXPECT says so; op.dst: the state before.
void arrive(Warp& warp, const Op& op) {
    const u32* count = lanesOf<u32>(warp, op.b);
    u64* state = lanesOf<u64>(warp, op.dst);
    forEachLane(warp.mask, [&](int lane) {
        Held held(warp, op, lane, addressOf(warp, op, lane));
        held.expectOne();
        if (count[lane] == 0 || count[lane] > MOST) {
            held.refuse("a count of " + std::to_string(count[lane]) + ": 1 to 2^20 - 1 is allowed");
        }
        state[lane] = held.barrier.word();
        if ((op.flags & MBARRIER_EXPECT) != 0)
            held.changeBytes(static_cast<s64>(lanesOf<u32>(warp, op.c)[lane]));
        if ((op.flags & MBARRIER_DROP) != 0) {
            if (count[lane] > held.barrier.expected) held.refuse("drops more arrivals than it expects");
            held.barrier.expected -= count[lane];
        }
        if ((op.flags & MBARRIER_NO_COMPLETE) != 0 && count[lane] == held.barrier.pending &&
            held.barrier.bytes == 0) {
            held.refuse("an arrival with .noComplete completes the phase");
        }
        held.arrive(count[lane]);
        held.store();
    });
}

/// op.b: bytes that are expected, or have come.
template <int SIGN>
void countBytes(Warp& warp, const Op& op) {
    const u32* bytes = lanesOf<u32>(warp, op.b);
    forEachLane(warp.mask, [&](int lane) {
        Held held(warp, op, lane, addressOf(warp, op, lane));
        held.expectOne().changeBytes(SIGN * static_cast<s64>(bytes[lane]));
        if (SIGN < 0) held.barrier.completeIfDue();
        held.store();
    });
}

/// op.b: a state that an arrival gave, or a parity; op.dst: whether that phase is complete.
void testWait(Warp& warp, const Op& op) {
    u32 complete = 0;
    forEachLane(warp.mask, [&](int lane) {
        Held held(warp, op, lane, addressOf(warp, op, lane));
        held.expectOne();
        u64 parity;
        if ((op.flags & MBARRIER_PARITY) != 0) {
            parity = lanesOf<u32>(warp, op.b)[lane] & 1;
        } else {
            const u64 state = lanesOf<u64>(warp, op.b)[lane];
            if (!Mbarrier::isOne(state)) held.refuse("waits for a state that no arrival gave");
            parity = state >> 63;
        }
        if (held.barrier.parity != parity) {
            complete |= 1U << lane;
            return;
        }
        for (std::uint32_t w = 0; w < warp.blockWarps; w++)
            warp.blockCopies[w].completeArrivals(held.offset());
        // Looked at once more, so that what those arrivals order is seen as ordered.
        const Held after(warp, op, lane, addressOf(warp, op, lane));
        if (after.barrier.parity != parity) complete |= 1U << lane;
    });
    if (complete != warp.mask) warp.waits = true;
    writePredicate(warp, op.dst, complete);
}

void pendingCount(Warp& warp, const Op& op) {
    const u64* state = lanesOf<u64>(warp, op.a);
    write<u32>(warp, op.dst, [=](int i) { return static_cast<u32>(state[i] & MOST); });
}

/// cp.async.mbarrier.arrive
void arriveAfterCopies(Warp& warp, const Op& op) {
    u64 offset[LANES] = {};
    forEachLane(warp.mask, [&](int lane) {
        Held held(warp, op, lane, addressOf(warp, op, lane));
        held.expectOne();
        offset[lane] = held.offset();
        if ((op.flags & MBARRIER_NO_INCREMENT) != 0) return;
        if (held.barrier.pending == MOST) held.refuse("its count is beyond 2^20 - 1");
        held.barrier.pending++;
        held.store();
    });
    warp.copies->beginArrival(op, warp.mask, offset);
}

constexpr InstructionClass BARRIER = InstructionClass::BARRIER;

constexpr Entry MBARRIERS[] = {
    {"mbarrier.init", nullptr, initialise, BARRIER},
    {"mbarrier.inval", nullptr, invalidate, BARRIER},
    {"mbarrier.arrive", nullptr, arrive, BARRIER},
    {"mbarrier.expect_tx", nullptr, countBytes<1>, BARRIER},
    {"mbarrier.complete_tx", nullptr, countBytes<-1>, BARRIER},
    {"mbarrier.wait", nullptr, testWait, BARRIER},
    {"mbarrier.pending_count", nullptr, pendingCount, BARRIER},
    {"cp.async.mbarrier.arrive", nullptr, arriveAfterCopies, BARRIER},
};

}  // namespace

void arriveAsynchronously(Warp& warp, const Op& op, std::uint32_t mask, const std::uint64_t* offset) {
    forEachLane(mask, [&](int lane) {
        Held held(warp, op, lane, op.space == Space::GENERIC ? SHARED_WINDOW + offset[lane] : offset[lane]);
        held.expectOne().arrive(1);
        held.store();
    });
}

Entries mbarrierTable() { return entries(MBARRIERS); }

}  // namespace quern::emulator
