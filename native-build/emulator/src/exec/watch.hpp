// The checks that look at every access of a launch, behind one door: memory instructions, fences, barriers and
// collectives tell it what they do. Warps of a launch that is not watched have none, and pay nothing.
#pragma once

#include <mutex>
#include <optional>
#include <unordered_map>

#include "exec/definedness.hpp"
#include "exec/late_stores.hpp"
#include "exec/races.hpp"
#include "options.hpp"

namespace quern::emulator {

/// What all blocks of a watched launch share. One launch of a memory is watched at a time.
class LaunchWatch {
  public:
    LaunchWatch(DeviceMemory& memory, const Program& program, const Options& options);

    static bool wanted(const Options& options) {
        return options.races || options.uninitialised || options.lateStores;
    }

    const DeviceMemory& memory;
    const Program& program;
    const Options& options;
    std::optional<LaunchRaces> races;
    std::unordered_map<std::uint32_t, LateStores*> stores;  // by block

  private:
    std::unique_lock<std::mutex> lock_;
};

class BlockWatch {
  public:
    /// registerBytes: of a warp; their shadows lie behind them.
    BlockWatch(LaunchWatch& launch, std::uint32_t warps, std::uint32_t sharedBytes,
               std::uint32_t registerBytes);
    BlockWatch(const BlockWatch&) = delete;
    BlockWatch& operator=(const BlockWatch&) = delete;

    void start(std::uint64_t number);
    /// All threads of the block have ended.
    void end();
    /// The block pauses: others have their turn.
    void endTurn() {
        if (stores_) stores_->endTurn();
    }

    /// Before the instruction touches memory: the lanes that reach global and shared memory, and where. Throws Fault.
    void access(Warp& warp, const Op& op, std::uint32_t global, std::uint32_t shared,
                const std::uint64_t* address, std::byte** pointer);
    /// The same for a load or store of all lanes, side by side in global memory. False where it is to be seen lane by
    /// lane.
    bool accessTogether(const Warp& warp, const Op& op, std::uint64_t first) {
        return !stores_ && (!definedness_ || definedness_->accessTogether(warp, op, first)) &&
               (!races_ || races_->accessLines(warp, op, first));
    }
    /// An asynchronous copy begins, whose stores to shared memory may happen from now on.
    void announce(const Warp& warp, const Op& store, std::uint32_t lanes, const std::uint64_t* address);
    void fence(const Warp& warp, const Op& op);
    /// Before any instruction of the group: where an undefined value decides.
    void step(Warp& warp, const Op& op, std::uint32_t group, std::uint32_t active) {
        if (definedness_ && definedness_->isTainted(warp)) stepTainted(warp, op, group, active);
    }
    /// Before a collective, for warp.mask.
    void collect(Warp& warp, const Op& op);
    /// Lanes of a warp have met at an instruction that orders them.
    void converge(const Warp& warp, std::uint32_t lanes);
    /// Lanes come to a barrier of the block; not all wait there.
    void arrive(std::uint32_t barrier, const Warp& warp, std::uint32_t lanes, bool waits);
    /// A barrier lets go those who wait; all: it was for the whole block.
    void release(std::uint32_t barrier, bool all);

  private:
    void stepTainted(Warp& warp, const Op& op, std::uint32_t group, std::uint32_t active);

    LaunchWatch& launch_;
    std::uint32_t number_ = 0;
    std::optional<BlockRaces> races_;
    std::optional<BlockDefinedness> definedness_;
    std::optional<LateStores> stores_;
};

}  // namespace quern::emulator
