// What an executing instruction sees: the registers and memory of its warp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "approximation.hpp"
#include "exec/program.hpp"
#include "exec/tensor_core.hpp"
#include "memory/device_memory.hpp"

namespace quern::emulator {

/// Generic addresses: the windows of the spaces that are not global memory are told by the topmost byte.
constexpr int WINDOW_SHIFT = 56;
constexpr std::uint64_t SHARED_WINDOW = std::uint64_t{1} << WINDOW_SHIFT;
constexpr std::uint64_t LOCAL_WINDOW = std::uint64_t{2} << WINDOW_SHIFT;
constexpr std::uint64_t PARAMETER_WINDOW = std::uint64_t{3} << WINDOW_SHIFT;
constexpr std::uint64_t WINDOW_OFFSET = SHARED_WINDOW - 1;

class Printer;

/// The allocation that a memory instruction touched last: it will most likely touch it again.
struct Site {
    std::uint64_t begin = 1;
    std::uint64_t end = 0;
};

/// What the warps that one host thread runs have in common.
struct Worker {
    const DeviceMemory* memory = nullptr;
    const std::byte* parameters = nullptr;
    std::uint32_t parameterBytes = 0;
    Site* sites = nullptr;       // one for each memory instruction, by Op::site
    Traffic* traffic = nullptr;  // likewise
    bool checks = true;
    bool counters = true;
    std::uint64_t clock = 0;
    Printer* printer = nullptr;
    DeviceMemory* heap = nullptr;  // where kernels allocate
    TensorCore tensorCore;
    Approximation approximation = Approximation::EXACT;
};

/// What framed functions of each lane have saved of their registers, the innermost call last.
struct SavedFrames {
    std::array<std::vector<std::byte>, LANES> lane;
};

/// The shared memory of a block.
struct SharedMemory {
    std::byte* bytes = nullptr;
    std::uint32_t size = 0;
};

class AsyncCopies;
class BlockWatch;

struct Warp {
    std::byte* registers = nullptr;
    std::uint32_t mask = 0;  // lanes that the current instruction is for
    std::uint32_t live = 0;  // lanes that have not exited
    Worker* worker = nullptr;
    BlockWatch* watch = nullptr;  // of the checks that look at every access; null: there are none
    std::uint32_t index = 0;      // in its block
    SharedMemory shared;
    std::byte* local = nullptr;  // lane l's begins at l * localBytes
    std::uint32_t localBytes = 0;
    std::uint32_t sharedStaticBytes = 0;
    SavedFrames* frames = nullptr;       // null where the program has no framed function
    bool waits = false;                  // what a poll found: lanes must look again later
    std::uint32_t blockWarps = 0;        // of the block
    AsyncCopies* blockCopies = nullptr;  // those of all its warps
    AsyncCopies* copies = nullptr;       // and of this one
};

/// A register's lanes. Offsets are multiples of 64 bytes, the block is aligned likewise.
template <typename T>
inline T* lanesOf(const Warp& warp, std::uint32_t offset) {
    return static_cast<T*>(__builtin_assume_aligned(warp.registers + offset, 64));
}

inline std::uint32_t& predicateOf(const Warp& warp, std::uint32_t offset) {
    return *lanesOf<std::uint32_t>(warp, offset);
}

/// Calls use(lane) for each lane of the mask, lowest first.
template <typename Use>
inline void forEachLane(std::uint32_t mask, Use use) {
    for (; mask != 0; mask &= mask - 1) use(__builtin_ctz(mask));
}

}  // namespace quern::emulator
