#include "run/block.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "exec/barrier_flags.hpp"
#include "exec/fault.hpp"

namespace quern::emulator {

namespace {

constexpr std::size_t LINE = 64;
// A turn of one warp: long enough that taking turns costs nothing, short enough for warps that spin.
constexpr std::uint64_t WARP_QUANTUM = 1 << 14;
// Only threads of the block arrive at its mbarriers. Where all of them do nothing but ask, time and again, nobody will.
constexpr std::uint32_t VAIN_ROUNDS = 1 << 18;

std::size_t registersOf(const Grid& grid) { return (grid.program->registerBytes + LINE - 1) & ~(LINE - 1); }

}  // namespace

LaneMemory::LaneMemory(std::size_t bytes) {
    bytes = std::max(LINE, (bytes + LINE - 1) & ~(LINE - 1));
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(LINE, bytes)));
    if (memory_ == nullptr) throw std::bad_alloc();
    std::memset(memory_.get(), 0, bytes);
}

void LaneMemory::Free::operator()(std::byte* memory) const { std::free(memory); }

Block::Block(const Grid& grid, Worker& worker, Tally& tally, LaunchWatch* watch)
    : grid_(grid),
      tally_(tally),
      warps_(grid.warps),
      frames_(grid.program->usesStack ? grid.warps : 0),
      copies_(grid.warps),
      order_(grid.warps),
      registerStride_(registersOf(grid) * (grid.options->uninitialised ? 2 : 1)),
      registers_(registerStride_ * grid.warps),
      shared_(grid.sharedBytes),
      local_(static_cast<std::size_t>(grid.localBytes) * LANES * grid.warps) {
    if (watch != nullptr)
        watch_ = std::make_unique<BlockWatch>(*watch, grid.warps, grid.sharedBytes, registersOf(grid));
    for (std::uint32_t w = 0; w < grid.warps; w++) {
        Warp& warp = warps_[w].warp;
        warp.watch = watch_.get();
        warp.index = w;
        warp.registers = registers_.get() + registerStride_ * w;
        warp.worker = &worker;
        if (!frames_.empty()) warp.frames = &frames_[w];
        warp.blockWarps = grid.warps;
        warp.blockCopies = copies_.data();
        warp.copies = &copies_[w];
        warp.shared = {shared_.get(), grid.sharedBytes};
        warp.localBytes = grid.localBytes;
        warp.local = local_.get() + static_cast<std::size_t>(grid.localBytes) * LANES * w;
        order_[w] = w;
        fillConstants(warp.registers);
    }
}

void Block::fillConstants(std::byte* registers) const {
    for (const Constant& constant : grid_.program->constants) {
        std::byte* to = registers + constant.offset;
        if (constant.bytes == 0) {
            std::memcpy(to, &constant.value, sizeof(std::uint32_t));
            continue;
        }
        for (int lane = 0; lane < LANES; lane++)
            std::memcpy(to + lane * constant.bytes, &constant.value, constant.bytes);
    }
}

Dim3 Block::positionOf(std::uint64_t number) const {
    return {static_cast<std::uint32_t>(number % grid_.grid.x),
            static_cast<std::uint32_t>(number / grid_.grid.x % grid_.grid.y),
            static_cast<std::uint32_t>(number / grid_.grid.x / grid_.grid.y)};
}

Dim3 Block::threadAt(std::uint32_t warp, int lane) const {
    const std::uint32_t thread = warp * LANES + static_cast<std::uint32_t>(lane);
    return {thread % grid_.block.x, thread / grid_.block.x % grid_.block.y,
            thread / grid_.block.x / grid_.block.y};
}

void Block::fillSpecials(WarpRun& run, bool first) const {
    const std::uint32_t sm = static_cast<std::uint32_t>(grid_.device->multiprocessors);
    for (const SpecialRegister& special : grid_.program->specials) {
        const bool ofBlock = special.which == Special::CTAID_X || special.which == Special::CTAID_Y ||
                             special.which == Special::CTAID_Z || special.which == Special::SMID ||
                             special.which == Special::FRAME_POINTER || special.which == Special::STACK_TOP;
        if (!ofBlock && !first) continue;
        for (int lane = 0; lane < LANES; lane++) {
            const Dim3 thread = threadAt(run.index(), lane);
            const std::uint32_t bit = 1U << lane;
            std::uint64_t value = 0;
            switch (special.which) {
                case Special::TID_X: value = thread.x; break;
                case Special::TID_Y: value = thread.y; break;
                case Special::TID_Z: value = thread.z; break;
                case Special::NTID_X: value = grid_.block.x; break;
                case Special::NTID_Y: value = grid_.block.y; break;
                case Special::NTID_Z: value = grid_.block.z; break;
                case Special::CTAID_X: value = position_.x; break;
                case Special::CTAID_Y: value = position_.y; break;
                case Special::CTAID_Z: value = position_.z; break;
                case Special::NCTAID_X: value = grid_.grid.x; break;
                case Special::NCTAID_Y: value = grid_.grid.y; break;
                case Special::NCTAID_Z: value = grid_.grid.z; break;
                case Special::LANEID: value = static_cast<std::uint32_t>(lane); break;
                case Special::WARPID: value = run.index(); break;
                case Special::NWARPID: value = grid_.warps; break;
                case Special::SMID: value = number_ % sm; break;
                case Special::NSMID: value = sm; break;
                case Special::GRIDID: value = grid_.serial; break;
                case Special::LANEMASK_EQ: value = bit; break;
                case Special::LANEMASK_LE: value = bit | (bit - 1); break;
                case Special::LANEMASK_LT: value = bit - 1; break;
                case Special::LANEMASK_GE: value = ~(bit - 1); break;
                case Special::LANEMASK_GT: value = ~(bit | (bit - 1)); break;
                case Special::DYNAMIC_SHARED_BYTES: value = grid_.dynamicSharedBytes; break;
                case Special::TOTAL_SHARED_BYTES: value = grid_.sharedBytes; break;
                case Special::DYNAMIC_SHARED_BASE: value = grid_.program->dynamicSharedBase; break;
                case Special::FRAME_POINTER: value = grid_.program->localBytes; break;
                case Special::STACK_TOP: value = grid_.stackTop; break;
                case Special::ZERO: break;
            }
            std::byte* to =
                run.warp.registers + special.offset + static_cast<std::uint32_t>(lane) * special.bytes;
            std::memcpy(to, &value, special.bytes);
        }
    }
}

void Block::start(std::uint64_t number) {
    const bool first = !started_;
    started_ = true;
    number_ = number;
    position_ = positionOf(number);
    // A GPU's shared memory is not zero either; these are NaN in every floating type.
    if (grid_.sharedBytes != 0) std::memset(shared_.get(), 0xff, grid_.sharedBytes);
    if (watch_ != nullptr) watch_->start(number);
    for (SavedFrames& saved : frames_) {
        for (std::vector<std::byte>& lane : saved.lane) lane.clear();
    }
    barriers_.fill(Barrier{});
    liveWarps_ = grid_.warps;
    executed_ = 0;
    vainRounds_ = 0;
    random_ = (grid_.options->seed + 1) * 0x9e3779b97f4a7c15 ^ (number + 1) * 0xd1b54a32d192ed03;
    for (std::uint32_t w = 0; w < grid_.warps; w++) {
        const std::uint32_t threads = std::min<std::uint32_t>(LANES, grid_.threads - w * LANES);
        warps_[w].start(*grid_.program, *this, tally_, w, threads == LANES ? ALL_LANES : (1U << threads) - 1);
        copies_[w].reset(warps_[w].warp, grid_.options->lateCopies);
        fillSpecials(warps_[w], first);
        order_[w] = grid_.options->schedule == Schedule::REVERSE ? grid_.warps - 1 - w : w;
    }
}

std::uint64_t Block::random() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_;
}

bool Block::run(std::uint64_t quantum) {
    const std::uint64_t begin = tally_.warpInstructions;
    while (liveWarps_ > 0) {
        if (grid_.options->schedule >= Schedule::RANDOM) {
            for (std::size_t i = order_.size(); i > 1; i--) std::swap(order_[i - 1], order_[random() % i]);
        }
        bool ran = false;
        bool vain = true;
        for (std::uint32_t w : order_) {
            if (warps_[w].state() != WarpState::READY) continue;
            current_ = w;
            warps_[w].run(WARP_QUANTUM);
            ran = true;
            vain = vain && warps_[w].waitsInVain();
        }
        vainRounds_ = vain ? vainRounds_ + 1 : 0;
        if ((!ran || vainRounds_ > VAIN_ROUNDS) && liveWarps_ > 0) raiseDeadlock();
        if (tally_.warpInstructions - begin >= quantum) break;
    }
    executed_ += tally_.warpInstructions - begin;
    if (watch_ != nullptr) {
        if (liveWarps_ == 0) watch_->end();
        watch_->endTurn();
    }
    return liveWarps_ == 0;
}

void Block::raiseDeadlock() const {
    std::string text = "deadlock: no warp can go on";
    const Op* first = nullptr;
    int listed = 0;
    for (const WarpRun& warp : warps_) {
        if (warp.state() == WarpState::DONE) continue;
        if (first == nullptr) first = &warp.waitingAt();
        if (listed++ < 4) text += "; warp " + std::to_string(warp.index()) + ": " + warp.describeWaiting();
    }
    raise(FaultKind::DEADLOCK, *first, -1, text);
}

std::uint32_t Block::arrive(const WarpRun& run, const Op& op, std::uint32_t mask) {
    const int lane = __builtin_ctz(mask);
    const std::uint32_t number = lanesOf<std::uint32_t>(run.warp, op.a)[lane];
    const std::uint32_t threads = lanesOf<std::uint32_t>(run.warp, op.b)[lane];
    if (number >= BARRIERS) {
        raise(FaultKind::ILLEGAL, op, lane, "barrier " + std::to_string(number) + ": there are 16");
    }
    if (threads % LANES != 0) {
        raise(FaultKind::ILLEGAL, op, lane,
              "a barrier of " + std::to_string(threads) + " threads: not a multiple of 32");
    }
    Barrier& barrier = barriers_[number];
    if (barrier.arrived != 0 && barrier.expected != threads) {
        raise(FaultKind::DIVERGENT_BARRIER, op, lane,
              "barrier " + std::to_string(number) + " is used for " + std::to_string(barrier.expected) +
                  " and for " + std::to_string(threads) + " threads at once");
    }
    barrier.expected = threads;
    // Lanes that do not exist or have exited come with the first one that lives, so that a warp counts as 32.
    const bool first = (mask & (run.warp.live & -run.warp.live)) != 0;
    const int absent = LANES - __builtin_popcount(run.warp.live);
    barrier.arrived += static_cast<std::uint32_t>(__builtin_popcount(mask) + (first ? absent : 0));
    if ((op.flags & BARRIER_REDUCTION) != 0) {
        const std::uint32_t predicate = predicateOf(run.warp, op.c) ^ static_cast<std::uint32_t>(op.imm);
        barrier.yes += static_cast<std::uint32_t>(__builtin_popcount(predicate & mask));
        barrier.all += static_cast<std::uint32_t>(__builtin_popcount(mask));
    }
    if (watch_ != nullptr) watch_->arrive(number, run.warp, mask, op.flow != Flow::ARRIVE);
    tally_.barriers++;
    return number;
}

void Block::releaseFull() {
    for (std::uint32_t number = 0; number < BARRIERS; number++) {
        const Barrier& barrier = barriers_[number];
        if (barrier.arrived == 0) continue;
        const std::uint32_t expected = barrier.expected != 0 ? barrier.expected : liveWarps_ * LANES;
        if (barrier.arrived >= expected) release(number);
    }
}

void Block::release(std::uint32_t number) {
    const Barrier barrier = barriers_[number];
    barriers_[number] = Barrier{};
    if (watch_ != nullptr) {
        const bool all = barrier.expected == 0 || barrier.expected >= liveWarps_ * LANES;
        watch_->release(number, all);
    }
    for (WarpRun& run : warps_) {
        run.release(number, [&](const Op& op, std::uint32_t mask) {
            const std::uint16_t reduction = op.flags & BARRIER_REDUCTION;
            if (reduction == 0) return;
            if (reduction == BARRIER_POPC) {
                std::uint32_t* d = lanesOf<std::uint32_t>(run.warp, op.dst);
                forEachLane(mask, [&](int lane) { d[lane] = barrier.yes; });
                return;
            }
            const bool holds = reduction == BARRIER_AND ? barrier.yes == barrier.all : barrier.yes != 0;
            std::uint32_t& predicate = predicateOf(run.warp, op.dst);
            predicate = holds ? predicate | mask : predicate & ~mask;
        });
    }
}

}  // namespace quern::emulator
