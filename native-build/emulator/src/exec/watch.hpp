// The checks that look at every access of a launch, behind one door: memory instructions, fences, barriers and
// collectives tell it what they do. Warps of a launch that is not watched have none, and pay nothing.
#pragma once

#include <mutex>
#include <optional>

#include "exec/races.hpp"
#include "options.hpp"

namespace quern::emulator {

/// What all blocks of a watched launch share. One launch of a memory is watched at a time.
class LaunchWatch {
  public:
    LaunchWatch(DeviceMemory& memory, const Program& program, const Options& options);

    static bool wanted(const Options& options) { return options.races; }

    std::optional<LaunchRaces> races;

  private:
    std::unique_lock<std::mutex> lock_;
};

class BlockWatch {
  public:
    BlockWatch(LaunchWatch& launch, std::uint32_t warps, std::uint32_t sharedBytes);

    void start(std::uint64_t number);

    /// Before the instruction touches memory: the lanes that reach global and shared memory, and where. Throws Fault.
    void access(Warp& warp, const Op& op, std::uint32_t global, std::uint32_t shared,
                const std::uint64_t* address, std::byte** pointer);
    void fence(const Warp& warp, const Op& op);
    /// Lanes of a warp have met at an instruction that orders them.
    void converge(const Warp& warp, std::uint32_t lanes);
    /// Lanes come to a barrier of the block; not all wait there.
    void arrive(std::uint32_t barrier, const Warp& warp, std::uint32_t lanes, bool waits);
    /// A barrier lets go those who wait; all: it was for the whole block.
    void release(std::uint32_t barrier, bool all);

  private:
    std::optional<BlockRaces> races_;
};

}  // namespace quern::emulator
