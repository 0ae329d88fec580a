#include "run/warp_run.hpp"

#include "exec/barrier_flags.hpp"
#include "exec/fault.hpp"
#include "exec/watch.hpp"
#include "run/block.hpp"

namespace quern::emulator {

namespace {

constexpr std::uint64_t VAIN_STEPS = 64;

}  // namespace

void WarpRun::start(const Program& program, Block& block, Tally& tally, std::uint32_t index,
                    std::uint32_t lanes) {
    program_ = &program;
    block_ = &block;
    tally_ = &tally;
    index_ = index;
    lanes_ = lanes;
    readyCount_ = 0;
    parkedCount_ = 0;
    starving_ = false;
    warp.live = lanes;
    predicateOf(warp, TRUE_PREDICATE) = ALL_LANES;
    insert(program.entry, lanes);
    state_ = WarpState::READY;
}

void WarpRun::insert(std::uint32_t pc, std::uint32_t mask) {
    if (mask == 0) return;
    int at = readyCount_;
    while (at > 0 && ready_[at - 1].pc < pc) at--;
    if (at > 0 && ready_[at - 1].pc == pc) {
        ready_[at - 1].mask |= mask;
        return;
    }
    for (int i = readyCount_; i > at; i--) ready_[i] = ready_[i - 1];
    ready_[at] = {pc, mask};
    readyCount_++;
}

/// The lowest group; where that one has been running for long, the highest: it may hold what the others spin for.
WarpRun::Group WarpRun::take(bool fair) {
    if (fair && readyCount_ > 1) {
        const Group group = ready_[0];
        for (int i = 1; i < readyCount_; i++) ready_[i - 1] = ready_[i];
        readyCount_--;
        return group;
    }
    return ready_[--readyCount_];
}

std::uint32_t WarpRun::joinParked(std::uint32_t pc, std::uint32_t mask) {
    for (int i = parkedCount_ - 1; i >= 0; i--) {
        if (parked_[i].pc != pc || parked_[i].arrived) continue;
        mask |= parked_[i].mask;
        parked_[i] = parked_[--parkedCount_];
    }
    return mask;
}

void WarpRun::park(std::uint32_t pc, std::uint32_t mask) { parked_[parkedCount_++] = {pc, mask, 0, false}; }

/// After lanes have exited: what waited for them looks again.
void WarpRun::unparkWaiting() {
    for (int i = parkedCount_ - 1; i >= 0; i--) {
        if (parked_[i].arrived) continue;
        const Parked parked = parked_[i];
        parked_[i] = parked_[--parkedCount_];
        insert(parked.pc, parked.mask);
    }
}

std::string WarpRun::describeWaiting() const {
    std::string text;
    if (waitsInVain()) {
        text = "it asks for ever at PTX line " + std::to_string(program_->code[polledAt_].line);
    }
    for (int i = 0; i < parkedCount_; i++) {
        const Op& op = program_->code[parked_[i].pc];
        if (!text.empty()) text += "; ";
        text += describeLanes(parked_[i].mask) + " wait at PTX line " + std::to_string(op.line);
    }
    return text;
}

const Op& WarpRun::waitingAt() const { return program_->code[waitsInVain() ? polledAt_ : parked_[0].pc]; }

/// When no group can run: what that means. True where one can again.
bool WarpRun::settle() {
    if (parkedCount_ == 0) {
        state_ = WarpState::DONE;
        return false;
    }
    bool blockBarrier = false;
    bool unaligned = false;
    for (int i = 0; i < parkedCount_; i++) {
        const Op& op = program_->code[parked_[i].pc];
        if (parked_[i].arrived) {
            blockBarrier = true;
        } else if (op.flow == Flow::BARRIER && (op.flags & BARRIER_ALIGNED) == 0) {
            unaligned = true;
        }
    }
    if (unaligned) {
        arriveUnaligned();
        if (readyCount_ > 0) return true;
    } else if (!blockBarrier) {
        const Op& op = waitingAt();
        const bool isBarrier = op.flow == Flow::BARRIER;
        raise(isBarrier ? FaultKind::DIVERGENT_BARRIER : FaultKind::NOT_CONVERGED, op, -1,
              std::string(isBarrier ? "barrier that not all threads of the warp reach: "
                                    : "collective whose member lanes never come together: ") +
                  describeWaiting() + "; live are " + describeLanes(warp.live));
    }
    state_ = WarpState::BLOCKED;
    return false;
}

void WarpRun::arriveUnaligned() {
    for (int i = 0; i < parkedCount_; i++) {
        const Op& op = program_->code[parked_[i].pc];
        if (parked_[i].arrived || op.flow != Flow::BARRIER || (op.flags & BARRIER_ALIGNED) != 0) continue;
        parked_[i].arrived = true;
        parked_[i].barrier = block_->arrive(*this, op, parked_[i].mask);
        tally_->executions[parked_[i].pc].executedBy(parked_[i].mask);
    }
    block_->releaseFull();
}

/// The lanes of the mask all of whose live members are in it.
std::uint32_t WarpRun::collectiveReady(const Op& op, std::uint32_t mask) const {
    const std::uint32_t* members = lanesOf<std::uint32_t>(warp, op.e);
    std::uint32_t ready = 0;
    forEachLane(mask, [&](int lane) {
        if ((members[lane] >> lane & 1) == 0) {
            raise(FaultKind::NOT_CONVERGED, op, lane, "the lane is not in its own member mask");
        }
        if ((members[lane] & warp.live & ~mask) == 0) ready |= 1U << lane;
    });
    return ready;
}

/// Lanes that an instruction has brought together, as each one's member mask says, are ordered by it.
void WarpRun::meet(const Op& op, std::uint32_t lanes) {
    if (op.kind != InstructionClass::WARP && op.kind != InstructionClass::BARRIER) return;
    const std::uint32_t* members = lanesOf<std::uint32_t>(warp, op.e);
    while (lanes != 0) {
        const std::uint32_t together = members[__builtin_ctz(lanes)] & lanes;
        warp.watch->converge(warp, together);
        lanes &= ~together;
    }
}

bool WarpRun::sync(const Op& op, std::uint32_t& pc, std::uint32_t& mask) {
    mask = joinParked(pc, mask);
    const std::uint32_t ready = collectiveReady(op, mask);
    if (ready != mask) park(pc, mask & ~ready);
    if (ready == 0) return false;
    mask = ready;
    warp.mask = ready;
    if (warp.watch != nullptr) {
        meet(op, ready);
        warp.watch->collect(warp, op);
    }
    op.run(warp, op);
    tally_->executions[pc].executedBy(ready);
    pc++;
    return true;
}

bool WarpRun::barrier(const Op& op, std::uint32_t& pc, std::uint32_t& mask) {
    mask = joinParked(pc, mask);
    if (mask != warp.live) {
        park(pc, mask);
        return false;
    }
    tally_->executions[pc].executedBy(mask);
    parked_[parkedCount_++] = {pc, mask, block_->arrive(*this, op, mask), true};
    block_->releaseFull();
    return false;
}

void WarpRun::branch(const Op& op, std::uint32_t active, std::uint32_t& pc, std::uint32_t& mask) {
    if (active == mask) {
        pc = op.target;
    } else if (active == 0) {
        pc++;
    } else {
        tally_->executions[pc].divergent++;
        insert(op.target, active);
        insert(pc + 1, mask & ~active);
        const Group group = take(false);
        pc = group.pc;
        mask = group.mask;
    }
}

void WarpRun::callThroughPointer(const Op& op, std::uint32_t pc, std::uint32_t mask) {
    const std::uint64_t* pointer = lanesOf<std::uint64_t>(warp, op.a);
    std::uint32_t* link = lanesOf<std::uint32_t>(warp, op.dst);
    const int before = readyCount_;
    forEachLane(mask, [&](int lane) {
        const std::uint32_t function = program_->functionAt(pointer[lane]);
        if (function == Program::NO_FUNCTION)
            raise(FaultKind::ILLEGAL, op, lane,
                  "call through a pointer that is no function's: " + std::to_string(pointer[lane]));
        link[lane] = pc + 1;
        insert(function, 1U << lane);
    });
    if (readyCount_ > before + 1) tally_->executions[pc].divergent++;
}

void WarpRun::returnFrom(const Op& op, std::uint32_t mask) {
    const std::uint32_t* address = lanesOf<std::uint32_t>(warp, op.a);
    forEachLane(mask, [&](int lane) { insert(address[lane], 1U << lane); });
}

void WarpRun::branchIndexed(const Op& op, std::uint32_t pc, std::uint32_t mask) {
    const std::uint32_t* index = lanesOf<std::uint32_t>(warp, op.a);
    const int before = readyCount_;
    forEachLane(mask, [&](int lane) {
        if (index[lane] >= static_cast<std::uint64_t>(op.imm)) {
            raise(FaultKind::ILLEGAL, op, lane,
                  "branch index " + std::to_string(index[lane]) + ": there are " + std::to_string(op.imm) +
                      " targets");
        }
        insert(op.more[index[lane]], 1U << lane);
    });
    if (readyCount_ > before + 1) tally_->executions[pc].divergent++;
}

/// Matrix instructions: what one lane gets, all have given.
bool WarpRun::together(const Op& op, std::uint32_t& pc, std::uint32_t& mask) {
    mask = joinParked(pc, mask);
    if (mask != ALL_LANES) {
        if (warp.live != ALL_LANES) {
            raise(FaultKind::NOT_CONVERGED, op, -1,
                  "all 32 lanes of the warp execute this together; live are " + describeLanes(warp.live));
        }
        park(pc, mask);
        return false;
    }
    warp.mask = mask;
    if (warp.watch != nullptr) warp.watch->collect(warp, op);
    op.run(warp, op);
    tally_->executions[pc].executedBy(ALL_LANES);
    pc++;
    return true;
}

/// Instructions that are more than a handler. False where the group does not go on: another is to be taken.
bool WarpRun::flow(const Op& op, std::uint32_t active, std::uint32_t& pc, std::uint32_t& mask) {
    insert(pc + 1, mask & ~active);
    mask = active;
    if (active == 0) return false;
    switch (op.flow) {
        case Flow::EXIT:
            warp.copies->waitAll(active);
            warp.live &= ~active;
            unparkWaiting();
            if (warp.live == 0) block_->warpEnded();
            return false;
        case Flow::CALL: {
            std::uint32_t* address = lanesOf<std::uint32_t>(warp, op.dst);
            forEachLane(active, [&](int lane) { address[lane] = pc + 1; });
            pc = op.target;
            return true;
        }
        case Flow::INDEX: branchIndexed(op, pc, active); return false;
        case Flow::POINTER: callThroughPointer(op, pc, active); return false;
        case Flow::RETURN: returnFrom(op, active); return false;
        case Flow::SYNC: return sync(op, pc, mask);
        case Flow::WARP: return together(op, pc, mask);
        case Flow::POLL:
            warp.mask = active;
            op.run(warp, op);
            polledAt_ = pc++;
            return true;
        case Flow::BARRIER: return barrier(op, pc, mask);
        case Flow::ARRIVE:
            block_->arrive(*this, op, active);
            block_->releaseFull();
            pc++;
            return true;
        default: return true;
    }
}

bool WarpRun::isWatched() const { return block_->isWatched(); }

/// Before an instruction. False: the warp pauses here.
bool WarpRun::look(const Op& op, std::uint32_t group, std::uint32_t active, bool mayPause) {
    const bool memory = op.kind == InstructionClass::MEMORY || op.kind == InstructionClass::ATOMIC;
    if (mayPause && memory && block_->preempts()) return false;
    if (warp.watch != nullptr) warp.watch->step(warp, op, group, active);
    return true;
}

template <bool WATCHED>
void WarpRun::go(std::uint64_t quantum) {
    const Op* const code = program_->code.data();
    Executions* const executions = tally_->executions;
    std::uint64_t steps = 0;
    Group group = take(starving_);
    bool fair = starving_;
    starving_ = false;
    std::uint32_t pc = group.pc;
    std::uint32_t mask = group.mask;
    std::uint32_t next = fair ? ~0U : nextPc();
    const auto takeNext = [&] {
        group = take(false);
        pc = group.pc;
        mask = group.mask;
        fair = false;
        next = nextPc();
    };
    for (;;) {
        if (pc >= next) {
            insert(pc, mask);
            takeNext();
        }
        const Op& op = code[pc];
        const std::uint32_t active = mask & (predicateOf(warp, op.guard) ^ op.guardFlip);
        steps++;
        if constexpr (WATCHED) {
            if (!look(op, mask, active, steps > 1)) {
                insert(pc, mask);
                starving_ = block_->coin();
                break;
            }
        }
        if (op.flow == Flow::NEXT || (op.flow == Flow::WARP && active == ALL_LANES)) {
            executions[pc].executedBy(active);
            if (active != 0) {
                warp.mask = active;
                op.run(warp, op);
            }
            pc++;
            continue;
        }
        if (op.flow == Flow::BRANCH) {
            executions[pc].executedBy(active);
            const std::uint32_t from = pc;
            branch(op, active, pc, mask);
            next = fair ? ~0U : nextPc();
            if (pc > from || (steps < quantum && !warp.waits)) continue;
            // Only loops go backwards: here a warp can be interrupted.
            insert(pc, mask);
            starving_ = !fair;
            break;
        }
        if (op.flow != Flow::SYNC && op.flow != Flow::WARP && op.flow != Flow::BARRIER) {
            executions[pc].executedBy(active);
        }
        if (flow(op, active, pc, mask)) {
            next = fair ? ~0U : nextPc();
            continue;
        }
        if (readyCount_ == 0 && !settle()) break;
        if (steps >= quantum) {
            starving_ = !fair;
            break;
        }
        takeNext();
    }
    // A turn of a few instructions: whoever does something useful between two questions does not wait in vain.
    vain_ = warp.waits && steps < VAIN_STEPS;
    warp.waits = false;
    tally_->warpInstructions += steps;
}

template void WarpRun::go<true>(std::uint64_t quantum);
template void WarpRun::go<false>(std::uint64_t quantum);

}  // namespace quern::emulator
