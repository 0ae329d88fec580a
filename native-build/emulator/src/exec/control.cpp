// Instructions whose effect is not on registers: fences, traps, clocks. Branches, calls, exits and barriers have no
// handler: the warp's loop does them (Flow).
#include <atomic>
#include <chrono>

#include "exec/fault.hpp"
#include "exec/lanes.hpp"
#include "exec/watch.hpp"

namespace quern::emulator {

namespace {

using namespace QUERN_LEVEL;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

#ifdef __SANITIZE_THREAD__
// ThreadSanitizer does not know fences; a read-modify-write of one cell orders the same and more.
std::atomic<int> fenceCell{0};
void fenceHost() { fenceCell.fetch_add(0, std::memory_order_seq_cst); }
#else
void fenceHost() { std::atomic_thread_fence(std::memory_order_seq_cst); }
#endif

void fence(Warp& warp, const Op& op) {
    fenceHost();
    if (warp.watch != nullptr) warp.watch->fence(warp, op);
}

void trap(Warp& warp, const Op& op) {
    raise(FaultKind::TRAP, op, __builtin_ctz(warp.mask), "the kernel executed trap");
}

/// Cycles, as far as an interpreter has any: each reading is later than the one before.
template <typename T>
void clock(Warp& warp, const Op& op) {
    warp.worker->clock += 32;
    const T now = static_cast<T>(warp.worker->clock);
    write<T>(warp, op.dst, [=](int) { return now; });
}

template <typename T, int SHIFT>
void globalTimer(Warp& warp, const Op& op) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    const T value = static_cast<T>(static_cast<u64>(nanoseconds) >> SHIFT);
    write<T>(warp, op.dst, [=](int) { return value; });
}

constexpr InstructionClass CONTROL = InstructionClass::CONTROL;
constexpr InstructionClass BARRIER = InstructionClass::BARRIER;
constexpr InstructionClass MOVE = InstructionClass::MOVE;

constexpr Entry TABLE[] = {
    {"fence", nullptr, fence, BARRIER},
    {"trap", nullptr, trap, CONTROL},
    {"clock.4", nullptr, clock<u32>, MOVE},
    {"clock.8", nullptr, clock<u64>, MOVE},
    {"globaltimer.8", nullptr, globalTimer<u64, 0>, MOVE},
    {"globaltimer.4", nullptr, globalTimer<u32, 0>, MOVE},
    {"globaltimer.high", nullptr, globalTimer<u32, 32>, MOVE},
};

}  // namespace

Entries controlTable() { return entries(TABLE); }

}  // namespace quern::emulator
