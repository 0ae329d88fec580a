// Data races: two accesses of one place by two threads, at least one of them a store, that nothing orders.
//
// The order is that of PTX's memory model, not of this interpreter: program order of each thread; barriers of a block;
// instructions at which lanes of a warp converge (bar.warp.sync, and shuffles, votes, matches, reductions with .sync);
// and, through memory, a fence followed by a strong store (atomic, volatile, relaxed, release) that a strong load sees
// which a fence follows. Lanes of one warp are not ordered by running in step. Strong accesses whose scopes reach each
// other do not race. Two plain stores of the same value are let pass: their result is certain.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "exec/knowledge.hpp"
#include "exec/warp.hpp"
#include "memory/shadow.hpp"

namespace quern::emulator {

/// What strong stores to one place have published.
struct Published {
    SharedKnowledge wide;    // by fences of the device or the system
    SharedKnowledge narrow;  // by any fence, for threads of one block
    std::uint32_t block = 0;
};

/// The part of the check that all blocks of a launch share. Used by one host thread.
class LaunchRaces {
  public:
    LaunchRaces(const DeviceMemory& memory, const Program& program, ShadowClock& clock);

    const DeviceMemory& memory;
    const Program& program;
    std::uint32_t& now;
    const std::uint32_t begin;
    std::unordered_map<std::uint64_t, Published> published;
    std::unordered_map<const ShadowCell*, std::array<ShadowCell, 4>> parts;

    /// Copies the bytes at a global address as this block sees them, where stores become visible late.
    std::function<bool(std::uint32_t block, std::uint64_t address, std::uint32_t bytes, std::byte* to)>
        readAs;
    /// Whether accesses of this instruction are strong. A plain load from where the same program compares and swaps is
    /// taken for one: the swap fails where the value was not the current one.
    bool isStrong(const Op& op) const;
    /// The cell of a global address, null where it is not watched. What its line remembered is in cells from now on.
    ShadowCell* cellOf(std::uint64_t address);
    /// The line of a global address, null where it is not watched.
    ShadowLine* lineOf(std::uint64_t address);

  private:
    bool find(std::uint64_t address);
    void part(ShadowLine& line, std::uint64_t address);

    std::vector<bool> swapped_;  // by instruction: a load that a compare-and-swap verifies
    const Allocation* last_ = nullptr;
    ShadowCell* cells_ = nullptr;
    ShadowLine* lines_ = nullptr;
};

class BlockRaces {
  public:
    BlockRaces(LaunchRaces& launch, std::uint32_t warps, std::uint32_t sharedBytes);

    void start(std::uint64_t number);

    /// Before the instruction touches memory, for one lane. address: of all lanes. Throws Fault.
    void access(const Warp& warp, const Op& op, int lane, Space space, const std::uint64_t* address,
                std::byte* const* pointer);
    /// The same for all lanes at once, which touch memory side by side from `first` on. False where a closer look is
    /// needed; nothing is done then.
    bool accessLines(const Warp& warp, const Op& op, std::uint64_t first);
    void fence(const Warp& warp, bool wide);
    void converge(const Warp& warp, std::uint32_t lanes);
    void arrive(std::uint32_t barrier, std::uint32_t warp, std::uint32_t lanes, bool waits);
    void release(std::uint32_t barrier, bool all);

  private:
    using Lanes = std::array<std::uint32_t, LANES>;
    /// What a thread knew of its block and of others when it last fenced.
    struct Fence {
        std::uint32_t time = 0;
        std::uint32_t base = 0;
        Lanes lanes{};
        SharedKnowledge others;
    };
    struct Thread {
        Lanes lanes{};  // those of its warp are known up to here
        SharedKnowledge others;
        SharedKnowledge seen[2];  // by strong loads, not yet fenced: in the block, in the device
        Fence fences[2];          // of the block, of the device
    };
    struct Arrival {
        std::uint32_t warp;
        std::uint32_t lanes;
        std::uint32_t time;
        bool waits;
    };
    struct Touch {
        const Warp& warp;
        const Op& op;
        int lane;
        Space space;
        const std::uint64_t* address;
        std::byte* const* pointer;
        std::uint32_t thread;
        Epoch epoch;
    };

    bool knows(std::uint32_t thread, const Epoch& epoch) const;
    bool races(const Touch& touch, const Epoch& other) const;
    void touchCell(const Touch& touch, ShadowCell& cell, std::uint32_t since, std::uint64_t place,
                   std::uint32_t bytes);
    void touchWord(const Touch& touch, ShadowCell& cell, std::uint32_t since, std::uint64_t place,
                   std::uint32_t bytes);
    void touchWords(const Touch& touch, ShadowCell* cell, std::uint32_t since);
    bool storesTheSame(const Touch& touch, const Epoch& other, std::uint64_t place,
                       std::uint32_t bytes) const;
    [[noreturn]] void raise(const Touch& touch, const Epoch& other, bool otherStores,
                            std::uint64_t place) const;
    void synchronise(const Touch& touch);
    void acquire(std::uint32_t thread, const SharedKnowledge& knowledge);
    void fenceThread(std::uint32_t thread, bool wide);
    SharedKnowledge knowledgeOf(std::uint32_t thread, const Fence& fence) const;
    void joinOthers(const std::vector<std::uint32_t>& from, const std::vector<std::uint32_t>& to);

    LaunchRaces& launch_;
    std::uint32_t warps_;
    std::uint32_t block_ = 0;
    std::uint32_t begin_ = 1;
    bool communicates_ = false;  // some thread has fenced or seen what others published
    std::vector<Thread> threads_;
    std::vector<std::uint32_t> bases_;  // by thread: it knows all threads of the block up to here
    std::vector<ShadowCell> shared_;
    std::unordered_map<std::uint64_t, Published> published_;  // in shared memory
    std::vector<std::uint32_t> known_;                        // by warp, of warp
    std::array<std::vector<Arrival>, 16> arrivals_;
};

}  // namespace quern::emulator
