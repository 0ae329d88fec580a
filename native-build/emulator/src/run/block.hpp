// One block (CTA): its warps, its shared memory, its barriers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "exec/async_copy.hpp"
#include "exec/program.hpp"
#include "exec/watch.hpp"
#include "options.hpp"
#include "run/launch.hpp"
#include "run/warp_run.hpp"

namespace quern::emulator {

/// What all blocks of a launch have in common.
struct Grid {
    const Kernel* kernel = nullptr;
    const Program* program = nullptr;
    const DeviceModel* device = nullptr;
    const Options* options = nullptr;
    Dim3 grid;
    Dim3 block;
    std::uint32_t threads = 0;      // of a block
    std::uint32_t warps = 0;        // of a block
    std::uint32_t sharedBytes = 0;  // static and dynamic
    std::uint32_t dynamicSharedBytes = 0;
    std::uint32_t localBytes = 0;  // of a thread, its stack included
    std::uint32_t stackTop = 0;    // where the stack ends
    std::uint64_t serial = 0;
};

/// Memory aligned for lane arrays.
class LaneMemory {
  public:
    explicit LaneMemory(std::size_t bytes);
    std::byte* get() const { return memory_.get(); }

  private:
    struct Free {
        void operator()(std::byte* memory) const;
    };
    std::unique_ptr<std::byte, Free> memory_;
};

/// Made once and started again for block after block: registers that hold constants stay as they are.
class Block {
  public:
    /// watch: null where the launch is not watched.
    Block(const Grid& grid, Worker& worker, Tally& tally, LaunchWatch* watch);
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    void start(std::uint64_t number);

    /// Gives each warp a turn, again and again, until all have ended or some `quantum` instructions were executed.
    /// True: ended. Throws Fault.
    bool run(std::uint64_t quantum);

    std::uint64_t number() const { return number_; }
    Dim3 position() const { return position_; }
    Dim3 positionOf(std::uint64_t number) const;
    Dim3 threadAt(std::uint32_t warp, int lane) const;
    /// The warp that ran last: the one that a fault is about.
    std::uint32_t currentWarp() const { return current_; }
    std::uint64_t executed() const { return executed_; }

    // For warps.

    /// Whether a warp is interrupted before it touches memory.
    bool preempts() { return grid_.options->schedule == Schedule::PREEMPT && (random() >> 32 & 7) == 0; }
    bool coin() { return (random() >> 32 & 1) != 0; }
    bool isWatched() const { return watch_ != nullptr || grid_.options->schedule == Schedule::PREEMPT; }

    /// Lanes arrive at a barrier; returns its number.
    std::uint32_t arrive(const WarpRun& warp, const Op& op, std::uint32_t mask);
    /// Lets go the barriers that all have reached.
    void releaseFull();
    void warpEnded() {
        liveWarps_--;
        releaseFull();
    }

  private:
    static constexpr int BARRIERS = 16;
    struct Barrier {
        std::uint32_t expected = 0;  // threads; 0: all warps that live
        std::uint32_t arrived = 0;   // threads, those of a whole warp as 32
        std::uint32_t yes = 0;       // of a reduction: threads with a true predicate
        std::uint32_t all = 0;       // of a reduction: threads
    };

    void fillConstants(std::byte* registers) const;
    void fillSpecials(WarpRun& warp, bool first) const;
    void release(std::uint32_t number);
    std::uint64_t random();
    [[noreturn]] void raiseDeadlock() const;

    const Grid& grid_;
    Tally& tally_;
    std::uint64_t number_ = 0;
    Dim3 position_;
    std::vector<WarpRun> warps_;
    std::vector<SavedFrames> frames_;  // of each warp; none where no function is framed
    std::vector<AsyncCopies> copies_;  // of each warp
    std::vector<std::uint32_t> order_;
    std::size_t registerStride_;  // of a warp
    LaneMemory registers_;
    LaneMemory shared_;
    LaneMemory local_;
    std::unique_ptr<BlockWatch> watch_;
    std::array<Barrier, BARRIERS> barriers_{};
    std::uint32_t liveWarps_ = 0;
    std::uint32_t current_ = 0;
    std::uint64_t executed_ = 0;
    std::uint32_t vainRounds_ = 0;  // in a row, in which all warps that ran waited in vain
    std::uint64_t random_ = 1;
    bool started_ = false;
};

}  // namespace quern::emulator
