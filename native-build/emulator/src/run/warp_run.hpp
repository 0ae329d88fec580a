// One warp on its way through a program.
//
// Lanes that part at a branch become groups, each with an address of its own. The group with the lowest address runs;
// groups that meet at an address become one again. Since compilers place what comes later later, that is where lanes
// reconverge. A group that may not go on alone (a collective, a barrier) is parked until the lanes it waits for come.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "exec/program.hpp"
#include "exec/warp.hpp"

namespace quern::emulator {

class Block;

enum class WarpState { READY, BLOCKED, DONE };

/// What a worker counts beside memory traffic.
struct Tally {
    Executions* executions = nullptr;  // of each instruction of the program
    std::uint64_t warpInstructions = 0;
    std::uint64_t barriers = 0;
};

class WarpRun {
  public:
    Warp warp;

    /// At the program's entry with these lanes.
    void start(const Program& program, Block& block, Tally& tally, std::uint32_t index, std::uint32_t lanes);

    /// Runs until all lanes have exited or wait, or some `quantum` instructions were executed.
    /// Throws Fault.
    void run(std::uint64_t quantum) { isWatched() ? go<true>(quantum) : go<false>(quantum); }

    WarpState state() const { return state_; }
    std::uint32_t index() const { return index_; }
    std::uint32_t lanes() const { return lanes_; }  // at the start

    /// Lets go what waits at this barrier; `use(op, mask)` sees each group before.
    template <typename Use>
    void release(std::uint32_t barrier, Use use) {
        for (int i = parkedCount_ - 1; i >= 0; i--) {
            const Parked parked = parked_[i];
            if (!parked.arrived || parked.barrier != barrier) continue;
            use(program_->code[parked.pc], parked.mask);
            parked_[i] = parked_[--parkedCount_];
            insert(parked.pc + 1, parked.mask);
            state_ = WarpState::READY;
        }
    }

    /// Whether the last turn ended because lanes asked for what has not come.
    bool waitsInVain() const { return state_ == WarpState::READY && vain_; }

    /// For reports: where the lanes wait.
    std::string describeWaiting() const;
    /// The instruction that some waiting group stands at.
    const Op& waitingAt() const;

  private:
    struct Group {
        std::uint32_t pc;
        std::uint32_t mask;
    };
    struct Parked {
        std::uint32_t pc;
        std::uint32_t mask;
        std::uint32_t barrier;
        bool arrived;  // at a barrier of the block; else it waits for lanes of its own warp
    };

    void insert(std::uint32_t pc, std::uint32_t mask);
    Group take(bool fair);
    std::uint32_t nextPc() const { return readyCount_ == 0 ? ~0U : ready_[readyCount_ - 1].pc; }
    std::uint32_t joinParked(std::uint32_t pc, std::uint32_t mask);
    void park(std::uint32_t pc, std::uint32_t mask);
    void unparkWaiting();
    bool settle();
    void arriveUnaligned();
    std::uint32_t collectiveReady(const Op& op, std::uint32_t mask) const;
    bool flow(const Op& op, std::uint32_t active, std::uint32_t& pc, std::uint32_t& mask);
    void branch(const Op& op, std::uint32_t active, std::uint32_t& pc, std::uint32_t& mask);
    /// run; WATCHED: with a look at each instruction before it is executed.
    template <bool WATCHED>
    void go(std::uint64_t quantum);
    bool isWatched() const;
    bool look(const Op& op, std::uint32_t group, std::uint32_t active, bool mayPause);
    void meet(const Op& op, std::uint32_t lanes);
    bool sync(const Op& op, std::uint32_t& pc, std::uint32_t& mask);
    bool together(const Op& op, std::uint32_t& pc, std::uint32_t& mask);
    bool barrier(const Op& op, std::uint32_t& pc, std::uint32_t& mask);
    void branchIndexed(const Op& op, std::uint32_t pc, std::uint32_t mask);
    void callThroughPointer(const Op& op, std::uint32_t pc, std::uint32_t mask);
    void returnFrom(const Op& op, std::uint32_t mask);

    const Program* program_ = nullptr;
    Block* block_ = nullptr;
    Tally* tally_ = nullptr;
    std::uint32_t index_ = 0;
    std::uint32_t lanes_ = 0;
    WarpState state_ = WarpState::DONE;
    bool vain_ = false;
    std::uint32_t polledAt_ = 0;  // where lanes asked last
    bool starving_ = false;       // the lowest group used up its turn: others come first once
    int readyCount_ = 0;
    int parkedCount_ = 0;
    std::array<Group, LANES + 1> ready_{};  // by falling address
    std::array<Parked, LANES + 1> parked_{};
};

}  // namespace quern::emulator
