// Instructions whose effect is not on registers: fences, traps, clocks. Branches, calls, exits and barriers have no
// handler: the warp's loop does them (Flow).
#include <atomic>
#include <chrono>
#include <string>

#include "exec/fault.hpp"
#include "exec/lanes.hpp"
#include "exec/watch.hpp"
#include "exec/workspace.hpp"

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

/// %envreg1 and 2: the upper and the lower half of the workspace's address.
void environment(Warp& warp, const Op& op) {
    u32 half;
    __builtin_memcpy(&half, warp.worker->parameters + workspaceOffset(warp.worker->parameterBytes) + op.imm,
                     sizeof half);
    write<u32>(warp, op.dst, [=](int) { return half; });
}

template <typename T, int SHIFT>
void globalTimer(Warp& warp, const Op& op) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    const T value = static_cast<T>(static_cast<u64>(nanoseconds) >> SHIFT);
    write<T>(warp, op.dst, [=](int) { return value; });
}

// The stack of each lane: frames of functions that may call themselves, and what alloca gives out.

/// op.imm more bytes are wanted behind the frame pointer op.a; the stack ends at op.b.
void checkFrame(Warp& warp, const Op& op) {
    const u64* pointer = lanesOf<u64>(warp, op.a);
    const u64* top = lanesOf<u64>(warp, op.b);
    forEachLane(warp.mask, [&](int lane) {
        if (pointer[lane] + static_cast<u64>(op.imm) > top[lane])
            raise(FaultKind::STACK_OVERFLOW, op, lane,
                  "stack overflow: a frame of " + std::to_string(op.imm) + " bytes at " +
                      std::to_string(pointer[lane]) + ", the stack ends at " + std::to_string(top[lane]));
    });
}

void moveFrame(Warp& warp, const Op& op) {
    const u64* pointer = lanesOf<u64>(warp, op.dst);
    write<u64>(warp, op.dst, [=](int i) { return pointer[i] + static_cast<u64>(op.imm); });
}

// More than any depth of calls that is meant: what an endless recursion may take of the host's memory.
constexpr std::size_t MOST_SAVED_BYTES = std::size_t{1} << 20;

/// Registers op.more (offset and bytes of each, op.imm numbers) onto the lane's stack of saved ones. Those of 0 bytes are
/// predicates.
void saveFrame(Warp& warp, const Op& op) {
    forEachLane(warp.mask, [&](int lane) {
        std::vector<std::byte>& saved = warp.frames->lane[static_cast<std::size_t>(lane)];
        if (saved.size() > MOST_SAVED_BYTES)
            raise(FaultKind::STACK_OVERFLOW, op, lane, "stack overflow: too many calls");
        for (std::int64_t i = 0; i < op.imm; i += 2) {
            const u32 bytes = op.more[i + 1];
            const std::byte* from = warp.registers + op.more[i];
            const auto bit = static_cast<std::byte>(predicateOf(warp, op.more[i]) >> lane & 1);
            if (bytes == 0) {
                saved.push_back(bit);
            } else {
                saved.insert(saved.end(), from + static_cast<u32>(lane) * bytes,
                             from + static_cast<u32>(lane + 1) * bytes);
            }
        }
    });
}

void restoreFrame(Warp& warp, const Op& op) {
    forEachLane(warp.mask, [&](int lane) {
        std::vector<std::byte>& saved = warp.frames->lane[static_cast<std::size_t>(lane)];
        std::size_t at = saved.size();
        for (std::int64_t i = op.imm - 2; i >= 0; i -= 2) {
            const u32 bytes = op.more[i + 1];
            at -= bytes == 0 ? 1 : bytes;
            if (bytes == 0) {
                u32& predicate = predicateOf(warp, op.more[i]);
                predicate = (predicate & ~(1U << lane)) | static_cast<u32>(saved[at]) << lane;
            } else {
                __builtin_memcpy(warp.registers + op.more[i] + static_cast<u32>(lane) * bytes, &saved[at],
                                 bytes);
            }
        }
        saved.resize(at);
    });
}

/// op.a: bytes, op.count: their alignment's logarithm, op.b: the frame pointer, op.imm: the frame there, op.e: the stack's
/// top, moved.
void allocateOnStack(Warp& warp, const Op& op) {
    const u64* bytes = lanesOf<u64>(warp, op.a);
    const u64* pointer = lanesOf<u64>(warp, op.b);
    u64* top = lanesOf<u64>(warp, op.e);
    u64* d = lanesOf<u64>(warp, op.dst);
    forEachLane(warp.mask, [&](int lane) {
        const u64 room = top[lane] - (pointer[lane] + static_cast<u64>(op.imm));
        if (bytes[lane] > room)
            raise(FaultKind::STACK_OVERFLOW, op, lane,
                  "stack overflow: alloca of " + std::to_string(bytes[lane]) + " bytes, there are " +
                      std::to_string(room));
        const u64 at = (top[lane] - bytes[lane]) & ~((u64{1} << op.count) - 1);
        if (at < top[lane] - room)
            raise(FaultKind::STACK_OVERFLOW, op, lane, "stack overflow: no room for alloca");
        top[lane] = at;
        d[lane] = at;
    });
}

constexpr InstructionClass CONTROL = InstructionClass::CONTROL;
constexpr InstructionClass MOVE = InstructionClass::MOVE;

constexpr Entry CONTROLS[] = {
    {"fence", nullptr, fence, InstructionClass::BARRIER},
    {"trap", nullptr, trap, CONTROL},
    {"frame.check", nullptr, checkFrame, CONTROL},
    {"frame.move", nullptr, moveFrame, MOVE},
    {"frame.save", nullptr, saveFrame, MOVE},
    {"frame.restore", nullptr, restoreFrame, MOVE},
    {"alloca", nullptr, allocateOnStack, MOVE},
    {"environment", nullptr, environment, MOVE},
    {"clock.4", nullptr, clock<u32>, MOVE},
    {"clock.8", nullptr, clock<u64>, MOVE},
    {"globaltimer.8", nullptr, globalTimer<u64, 0>, MOVE},
    {"globaltimer.4", nullptr, globalTimer<u32, 0>, MOVE},
    {"globaltimer.high", nullptr, globalTimer<u32, 32>, MOVE},
};

}  // namespace

Entries controlTable() { return entries(CONTROLS); }

}  // namespace quern::emulator
