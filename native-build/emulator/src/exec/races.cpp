#include "exec/races.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "exec/fault.hpp"

namespace quern::emulator {

namespace {

constexpr std::uint32_t WORD = 4;
constexpr std::uint32_t MOST_INSTRUCTIONS = (std::uint32_t{1} << (32 - Epoch::INSTRUCTION_SHIFT)) - 1;

/// Whether two strong accesses reach each other.
bool agree(const Epoch& a, const Epoch& b, Space space) {
    if (!a.strong() || !b.strong()) return false;
    return space == Space::SHARED || a.block == b.block || (a.who & b.who & Epoch::WIDE) != 0;
}

template <typename Lanes>
void raiseTo(Lanes& lanes, const Lanes& others) {
    for (int i = 0; i < LANES; i++) lanes[i] = std::max(lanes[i], others[i]);
}

}  // namespace

LaunchRaces::LaunchRaces(const DeviceMemory& deviceMemory, const Program& code, ShadowClock& clock)
    : memory(deviceMemory), program(code), now(clock.now), begin(++clock.now), swapped_(code.code.size()) {
    std::set<std::pair<std::uint32_t, std::int64_t>> places;
    for (const Op& op : program.code) {
        if (op.kind == InstructionClass::ATOMIC && op.c != op.b) places.emplace(op.a, op.imm);
    }
    if (places.empty()) return;
    for (std::size_t i = 0; i < program.code.size(); i++) {
        const Op& op = program.code[i];
        swapped_[i] = op.kind == InstructionClass::MEMORY && !op.store && places.contains({op.a, op.imm});
    }
}

bool LaunchRaces::isStrong(const Op& op) const {
    return op.order != Order::WEAK || swapped_[program.indexOf(op)];
}

/// Makes the allocation that holds the address the last one; false where it is not watched.
bool LaunchRaces::find(std::uint64_t address) {
    if (last_ == nullptr || !last_->contains(address, 1)) {
        const Allocation* found = memory.find(address);
        // What cannot be written cannot be raced for.
        if (found == nullptr || found->kind == AllocationKind::MODULE_CONSTANT) return false;
        last_ = found;
        cells_ = found->shadowCells();
        lines_ = found->shadowLines();
    }
    return cells_ != nullptr && lines_ != nullptr;
}

ShadowLine* LaunchRaces::lineOf(std::uint64_t address) {
    if (!find(address)) return nullptr;
    return lines_ + (address / ShadowLine::BYTES - last_->base / ShadowLine::BYTES);
}

ShadowCell* LaunchRaces::cellOf(std::uint64_t address) {
    ShadowLine* line = lineOf(address);
    if (line == nullptr) return nullptr;
    if (line->parted < begin) part(*line, address);
    return cells_ + (address / WORD - last_->base / WORD);
}

/// Gives the words of the address's line cells of their own.
void LaunchRaces::part(ShadowLine& line, std::uint64_t address) {
    const std::uint64_t first = address / ShadowLine::BYTES * ShadowLine::BYTES;
    const std::uint64_t end = std::min(first + ShadowLine::BYTES, last_->end());
    for (std::uint64_t at = std::max(first, last_->base / WORD * WORD); at < end; at += WORD) {
        const auto word = static_cast<std::uint32_t>((at - first) / WORD);
        ShadowCell& cell = cells_[at / WORD - last_->base / WORD];
        cell = {};
        if (line.write.time >= begin) cell.write = ShadowLine::at(line.write, line.writeWords, word);
        for (int i = 0; i < 2; i++) {
            if (line.reads[i].time >= begin)
                cell.reads[i] = ShadowLine::at(line.reads[i], line.readWords[i], word);
        }
    }
    line.parted = now;
}

BlockRaces::BlockRaces(LaunchRaces& launch, std::uint32_t warps, std::uint32_t sharedBytes)
    : launch_(launch),
      warps_(warps),
      threads_(std::size_t{warps} * LANES),
      bases_(std::size_t{warps} * LANES),
      shared_(sharedBytes / WORD + 1),
      known_(std::size_t{warps} * warps) {}

void BlockRaces::start(std::uint64_t number) {
    block_ = static_cast<std::uint32_t>(number);
    begin_ = ++launch_.now;
    published_.clear();
    for (auto& arrivals : arrivals_) arrivals.clear();
    // Times of the block before are older than all that this one will ask for.
    if (!communicates_) return;
    communicates_ = false;
    for (Thread& thread : threads_) {
        thread.others = nullptr;
        for (SharedKnowledge& seen : thread.seen) seen = nullptr;
        for (Fence& fence : thread.fences) fence.others = nullptr;
    }
}

/// Whether the access happens before what the thread does now.
bool BlockRaces::knows(std::uint32_t thread, const Epoch& epoch) const {
    const Thread& me = threads_[thread];
    const std::uint32_t other = epoch.thread();
    if (epoch.block == block_) {
        if (epoch.time <= bases_[thread] || other == thread) return true;
        if (other / LANES == thread / LANES) {
            if (epoch.time <= me.lanes[other % LANES]) return true;
        } else if (epoch.time <= known_[thread / LANES * warps_ + other / LANES]) {
            return true;
        }
    }
    return me.others != nullptr && epoch.time <= me.others->of(epoch.block, other);
}

bool BlockRaces::races(const Touch& touch, const Epoch& other) const {
    return !knows(touch.thread, other) && !agree(touch.epoch, other, touch.space);
}

/// Whether both stores, this one and the other, leave the same bytes at the place.
bool BlockRaces::storesTheSame(const Touch& touch, const Epoch& other, std::uint64_t place,
                               std::uint32_t bytes) const {
    const Op& op = touch.op;
    if (op.kind != InstructionClass::MEMORY || (other.who & Epoch::ATOMIC) != 0) return false;
    // What an asynchronous copy stores is in no register.
    const Op* const code = launch_.program.code.data();
    if (std::less<>()(&op, code) || !std::less<>()(&op, code + launch_.program.code.size())) return false;
    const auto storedBy = [&](int lane, std::byte* to) {
        const std::uint64_t offset = place - touch.address[lane];
        if (offset > op.bytes || bytes > op.bytes - offset) return false;
        const std::uint32_t element = op.bytes / op.count;
        for (std::uint32_t i = 0; i < bytes; i++) {
            const std::uint64_t at = offset + i;
            const std::uint32_t source = op.count == 1 ? op.b : op.more[at / element];
            const std::uint32_t width = launch_.program.widthOf(source);
            to[i] = touch.warp.registers[source + static_cast<std::uint32_t>(lane) * width + at % element];
        }
        return true;
    };
    std::byte mine[WORD];
    if (!storedBy(touch.lane, mine)) return false;
    const bool together = other.block == block_ && other.time == touch.epoch.time &&
                          other.instruction() == touch.epoch.instruction() &&
                          other.thread() / LANES == touch.thread / LANES;
    std::byte theirs[WORD];
    if (together) {
        // Neither has reached memory.
        if (!storedBy(static_cast<int>(other.thread() % LANES), theirs)) return false;
    } else if (touch.space == Space::SHARED || !launch_.readAs ||
               !launch_.readAs(other.block, place, bytes, theirs)) {
        std::memcpy(theirs, touch.pointer[touch.lane] + (place - touch.address[touch.lane]), bytes);
    }
    return std::memcmp(mine, theirs, bytes) == 0;
}

void BlockRaces::raise(const Touch& touch, const Epoch& other, bool otherStores, std::uint64_t place) const {
    raiseRace(touch.op, touch.lane, touch.space, place, other, launch_.program.code[other.instruction()],
              otherStores, launch_.memory);
}

void BlockRaces::touchCell(const Touch& touch, ShadowCell& cell, std::uint32_t since, std::uint64_t place,
                           std::uint32_t bytes) {
    const bool stores = touch.op.store;
    if (cell.write.time >= since && races(touch, cell.write) &&
        !(stores && storesTheSame(touch, cell.write, place, bytes))) {
        raise(touch, cell.write, true, place);
    }
    if (stores) {
        for (Epoch& read : cell.reads) {
            if (read.time < since) continue;
            if (races(touch, read)) raise(touch, read, false, place);
            read.time = 0;
        }
        cell.write = touch.epoch;
        return;
    }
    // A reader that this one comes after need not be remembered; of two that it does not, the first is kept.
    Epoch* slot = &cell.reads[1];
    if (cell.reads[0].time < since || knows(touch.thread, cell.reads[0])) slot = &cell.reads[0];
    *slot = touch.epoch;
}

void BlockRaces::touchWord(const Touch& touch, ShadowCell& cell, std::uint32_t since, std::uint64_t place,
                           std::uint32_t bytes) {
    if (bytes == WORD && cell.parted < since) {
        touchCell(touch, cell, since, place, WORD);
        return;
    }
    std::array<ShadowCell, 4>& parts = launch_.parts[&cell];
    if (cell.parted < since) {
        parts.fill(cell);
        cell.parted = touch.epoch.time;
    }
    for (std::uint32_t i = 0; i < bytes; i++)
        touchCell(touch, parts[(place + i) % WORD], since, place + i, 1);
}

/// Plain accesses of whole words, the most frequent of all. Where what came before is old or known, as almost always,
/// they take no further look.
void BlockRaces::touchWords(const Touch& touch, ShadowCell* cell, std::uint32_t since) {
    const std::uint32_t words = touch.op.bytes / WORD;
    const bool stores = touch.op.store;
    const std::uint32_t base = bases_[touch.thread];
    const auto quiet = [&](const Epoch& epoch) {
        return epoch.time < since ||
               (epoch.block == block_ && (epoch.time <= base || epoch.thread() == touch.thread));
    };
    for (std::uint32_t k = 0; k < words; k++, cell++) {
        if (cell->parted >= since || !quiet(cell->write) || !quiet(cell->reads[0]) ||
            (stores && !quiet(cell->reads[1]))) {
            touchWord(touch, *cell, since, touch.address[touch.lane] + std::uint64_t{k} * WORD, WORD);
        } else if (stores) {
            cell->write = touch.epoch;
            cell->reads[0].time = cell->reads[1].time = 0;
        } else {
            cell->reads[0] = touch.epoch;
        }
    }
}

bool BlockRaces::accessLines(const Warp& warp, const Op& op, std::uint64_t first) {
    const std::uint32_t instruction = launch_.program.indexOf(op);
    if (first % ShadowLine::BYTES != 0 || op.bytes % WORD != 0 || instruction > MOST_INSTRUCTIONS ||
        launch_.isStrong(op)) {
        return false;
    }
    ShadowLine* const lines = launch_.lineOf(first);
    if (lines == nullptr) return false;
    const std::uint32_t words = op.bytes / WORD;  // of a thread; and the lines of a warp
    const std::uint32_t threads = LANES / words;  // of a line
    const std::uint32_t since = launch_.begin;
    const std::uint32_t thread = warp.index * LANES;
    const std::uint32_t base = *std::min_element(&bases_[thread], &bases_[thread] + LANES);
    const auto quiet = [&](std::uint32_t l, const Epoch& epoch, std::uint32_t epochWords) {
        return epoch.time < since ||
               (epoch.block == block_ &&
                (epoch.time <= base || (epoch.thread() == thread + l * threads && epochWords == words)));
    };
    // Of a reader in another block nothing is known where no thread has learned anything.
    const auto unknown = [&](const Epoch& epoch) { return epoch.block != block_ && !communicates_; };
    for (std::uint32_t l = 0; l < words; l++) {
        const ShadowLine& line = lines[l];
        if (line.parted >= since || !quiet(l, line.write, line.writeWords)) return false;
        const bool known = quiet(l, line.reads[0], line.readWords[0]);
        if (op.store ? !known || !quiet(l, line.reads[1], line.readWords[1])
                     : !known && !unknown(line.reads[0])) {
            return false;
        }
    }
    Epoch epoch{block_, launch_.now, thread | instruction << Epoch::INSTRUCTION_SHIFT};
    for (std::uint32_t l = 0; l < words; l++, epoch.who += threads) {
        ShadowLine& line = lines[l];
        if (op.store) {
            line.write = epoch;
            line.writeWords = static_cast<std::uint8_t>(words);
            line.reads[0].time = line.reads[1].time = 0;
            continue;
        }
        // As touchCell chooses.
        const int slot = quiet(l, line.reads[0], line.readWords[0]) ? 0 : 1;
        line.reads[slot] = epoch;
        line.readWords[slot] = static_cast<std::uint8_t>(words);
    }
    return true;
}

void BlockRaces::access(const Warp& warp, const Op& op, int lane, Space space, const std::uint64_t* address,
                        std::byte* const* pointer) {
    const std::uint32_t thread = warp.index * LANES + static_cast<std::uint32_t>(lane);
    // Programs of more instructions than an epoch can number have their last ones called by one number.
    const std::uint32_t instruction = std::min(launch_.program.indexOf(op), MOST_INSTRUCTIONS);
    std::uint32_t who = thread | instruction << Epoch::INSTRUCTION_SHIFT;
    const bool strong = launch_.isStrong(op);
    if (strong) who |= Epoch::STRONG | (op.reach == Reach::BLOCK ? 0 : Epoch::WIDE);
    if (op.kind == InstructionClass::ATOMIC) who |= Epoch::ATOMIC;
    const Touch touch{warp, op, lane, space, address, pointer, thread, {block_, launch_.now, who}};
    const std::uint64_t first = address[lane];
    const std::uint64_t end = first + op.bytes;
    ShadowCell* cell = space == Space::SHARED ? &shared_[first / WORD] : launch_.cellOf(first);
    if (cell == nullptr) return;
    const std::uint32_t since = space == Space::SHARED ? begin_ : launch_.begin;
    if (!strong && first % WORD == 0 && op.bytes % WORD == 0) {
        touchWords(touch, cell, since);
        return;
    }
    for (std::uint64_t place = first; place < end; cell++) {
        const std::uint64_t next = std::min(end, (place / WORD + 1) * WORD);
        touchWord(touch, *cell, since, place, static_cast<std::uint32_t>(next - place));
        place = next;
    }
    if (strong) synchronise(touch);
}

// Order through memory.

/// A fence, as the thread alone sees it.
void BlockRaces::fenceThread(std::uint32_t thread, bool wide) {
    communicates_ = true;
    Thread& me = threads_[thread];
    for (int scope = 0; scope <= (wide ? 1 : 0); scope++) {
        acquire(thread, me.seen[scope]);
        me.seen[scope] = nullptr;
    }
    for (int scope = 0; scope <= (wide ? 1 : 0); scope++) {
        me.fences[scope].time = launch_.now;
        me.fences[scope].base = bases_[thread];
        me.fences[scope].lanes = me.lanes;
        me.fences[scope].others = me.others;
    }
}

void BlockRaces::fence(const Warp& warp, bool wide) {
    forEachLane(warp.mask,
                [&](int lane) { fenceThread(warp.index * LANES + static_cast<std::uint32_t>(lane), wide); });
    launch_.now++;
}

void BlockRaces::acquire(std::uint32_t thread, const SharedKnowledge& knowledge) {
    if (knowledge == nullptr) return;
    Thread& me = threads_[thread];
    knowledge->forBlock(block_, [&](std::uint32_t other, std::uint32_t time) {
        if (other == Knowledge::ALL_THREADS) {
            bases_[thread] = std::max(bases_[thread], time);
        } else if (other / LANES == thread / LANES) {
            me.lanes[other % LANES] = std::max(me.lanes[other % LANES], time);
        }
    });
    join(me.others, knowledge);
}

/// What the thread publishes by a strong store after the fence.
SharedKnowledge BlockRaces::knowledgeOf(std::uint32_t thread, const Fence& fence) const {
    auto knowledge = std::make_shared<Knowledge>();
    const std::uint32_t warp = thread / LANES;
    knowledge->add(block_, Knowledge::ALL_THREADS, fence.base);
    knowledge->add(block_, thread, fence.time);
    for (std::uint32_t lane = 0; lane < LANES; lane++) {
        if (fence.lanes[lane] > fence.base) knowledge->add(block_, warp * LANES + lane, fence.lanes[lane]);
    }
    for (std::uint32_t other = 0; other < warps_; other++) {
        const std::uint32_t time = std::min(fence.time, known_[warp * warps_ + other]);
        if (time <= fence.base) continue;
        for (std::uint32_t lane = 0; lane < LANES; lane++) knowledge->add(block_, other * LANES + lane, time);
    }
    knowledge->sort();
    if (fence.others != nullptr) knowledge->join(*fence.others);
    return knowledge;
}

/// After a strong access: what it publishes, what it sees.
void BlockRaces::synchronise(const Touch& touch) {
    const Op& op = touch.op;
    const bool reads = !op.store || op.kind == InstructionClass::ATOMIC;
    const bool wide = op.reach != Reach::BLOCK;
    const bool releases = op.store && (op.order == Order::RELEASE || op.order == Order::ACQ_REL);
    if (releases) fenceThread(touch.thread, wide);
    auto& table = touch.space == Space::SHARED ? published_ : launch_.published;
    const std::uint64_t key = touch.address[touch.lane];
    Thread& me = threads_[touch.thread];
    const bool publishes = op.store && me.fences[0].time >= begin_;
    auto found = table.find(key);
    if (found == table.end()) {
        if (!publishes) return;
        found = table.try_emplace(key).first;
    }
    Published& published = found->second;
    if (reads) {
        communicates_ = true;
        if (published.block == block_) join(me.seen[0], published.narrow);
        join(me.seen[1], published.wide);
        if (published.block == block_) join(me.seen[1], published.narrow);
        if (op.order == Order::ACQUIRE || op.order == Order::ACQ_REL) {
            for (int scope = 0; scope <= (wide ? 1 : 0); scope++) {
                acquire(touch.thread, me.seen[scope]);
                me.seen[scope] = nullptr;
            }
        }
    }
    if (op.store) {
        // A plain store begins anew; a read-modify-write goes on with what was published before.
        if (op.kind != InstructionClass::ATOMIC) published = {};
        if (published.block != block_) published.narrow = nullptr;
        published.block = block_;
        if (me.fences[0].time >= begin_) join(published.narrow, knowledgeOf(touch.thread, me.fences[0]));
        if (me.fences[1].time >= begin_) {
            join(published.wide, published.narrow != nullptr && me.fences[0].time == me.fences[1].time
                                     ? published.narrow
                                     : knowledgeOf(touch.thread, me.fences[1]));
        }
    }
    if (releases) launch_.now++;
}

// Order by barriers.

/// After threads have met: what one knows through memory, all do.
void BlockRaces::joinOthers(const std::vector<std::uint32_t>& from, const std::vector<std::uint32_t>& to) {
    if (!communicates_) return;
    SharedKnowledge others;
    SharedKnowledge seen[2];
    Fence fences[2];
    for (std::uint32_t thread : from) {
        const Thread& one = threads_[thread];
        join(others, one.others);
        for (int scope = 0; scope < 2; scope++) {
            join(seen[scope], one.seen[scope]);
            join(fences[scope].others, one.fences[scope].others);
            fences[scope].time = std::max(fences[scope].time, one.fences[scope].time);
            fences[scope].base =
                std::max({fences[scope].base, one.fences[scope].base, one.fences[scope].time});
        }
    }
    for (std::uint32_t thread : to) {
        Thread& one = threads_[thread];
        one.others = others;
        for (int scope = 0; scope < 2; scope++) {
            one.seen[scope] = seen[scope];
            one.fences[scope].others = fences[scope].others;
            one.fences[scope].base = fences[scope].base;
            one.fences[scope].time = fences[scope].time;
        }
    }
}

void BlockRaces::converge(const Warp& warp, std::uint32_t lanes) {
    const std::uint32_t time = launch_.now++;
    const std::uint32_t first = warp.index * LANES;
    std::uint32_t base = 0;
    Lanes known{};
    forEachLane(lanes, [&](int lane) {
        const std::uint32_t thread = first + static_cast<std::uint32_t>(lane);
        base = std::max(base, bases_[thread]);
        raiseTo(known, threads_[thread].lanes);
    });
    forEachLane(lanes, [&](int lane) { known[static_cast<std::size_t>(lane)] = time; });
    std::vector<std::uint32_t> members;
    forEachLane(lanes, [&](int lane) {
        const std::uint32_t thread = first + static_cast<std::uint32_t>(lane);
        bases_[thread] = base;
        threads_[thread].lanes = known;
        if (communicates_) members.push_back(thread);
    });
    joinOthers(members, members);
}

void BlockRaces::arrive(std::uint32_t barrier, std::uint32_t warp, std::uint32_t lanes, bool waits) {
    arrivals_[barrier].push_back({warp, lanes, launch_.now, waits});
    if (!waits) launch_.now++;
}

void BlockRaces::release(std::uint32_t barrier, bool all) {
    const std::uint32_t time = launch_.now++;
    std::vector<Arrival> arrivals;
    arrivals.swap(arrivals_[barrier]);
    for (const Arrival& arrival : arrivals) all = all && arrival.waits;
    std::vector<std::uint32_t> from;
    std::vector<std::uint32_t> to;
    std::uint32_t base = 0;
    for (const Arrival& arrival : arrivals) {
        forEachLane(arrival.lanes, [&](int lane) {
            const std::uint32_t thread = arrival.warp * LANES + static_cast<std::uint32_t>(lane);
            from.push_back(thread);
            if (arrival.waits) to.push_back(thread);
            base = std::max(base, bases_[thread]);
        });
    }
    if (all) base = time;
    for (const std::uint32_t thread : to) bases_[thread] = base;
    if (!all) {
        for (const Arrival& me : arrivals) {
            if (!me.waits) continue;
            for (const Arrival& other : arrivals) {
                const std::uint32_t until = other.waits ? time : other.time;
                std::uint32_t& known = known_[me.warp * warps_ + other.warp];
                if (me.warp != other.warp) known = std::max(known, until);
                if (me.warp != other.warp) continue;
                forEachLane(me.lanes, [&](int lane) {
                    Lanes& lanes = threads_[me.warp * LANES + static_cast<std::uint32_t>(lane)].lanes;
                    forEachLane(other.lanes, [&](int of) { lanes[static_cast<std::size_t>(of)] = until; });
                });
            }
        }
    }
    joinOthers(from, to);
}

}  // namespace quern::emulator
