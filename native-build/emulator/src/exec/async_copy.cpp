#include "exec/async_copy.hpp"

#include <cstring>

#include "exec/access.hpp"
#include "exec/fault.hpp"
#include "exec/lanes.hpp"
#include "exec/mbarrier.hpp"
#include "exec/traffic.hpp"
#include "exec/watch.hpp"

namespace quern::emulator {

AsyncCopies::Record& AsyncCopies::add(const Op& op, std::uint32_t mask, bool arrival) {
    // Records that are done make room where more would have to be allocated.
    if (empty() || (first_ > 0 && records_.size() == records_.capacity())) {
        records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
    Record& record = records_.emplace_back();
    record.op = &op;
    record.lanes = mask;
    record.arrival = arrival;
    record.group = group_;
    return record;
}

void AsyncCopies::begin(const Op& op, std::uint32_t mask, const std::uint64_t* source,
                        const std::uint64_t* destination, const std::uint8_t* bytes) {
    Record& record = add(op, mask, false);
    std::memcpy(record.source.data(), source, sizeof record.source);
    std::memcpy(record.destination.data(), destination, sizeof record.destination);
    std::memcpy(record.bytes.data(), bytes, sizeof record.bytes);
    if (warp_->watch != nullptr) warp_->watch->announce(*warp_, *op.second, mask, destination);
    if (!late_) waitAll(mask);
}

void AsyncCopies::beginArrival(const Op& op, std::uint32_t mask, const std::uint64_t* mbarrier) {
    Record& record = add(op, mask, true);
    std::memcpy(record.destination.data(), mbarrier, sizeof record.destination);
    if (!late_) waitAll(mask);
}

/// Does, in the order in which they began, what ready(record) says of each record's lanes.
template <typename Ready>
void AsyncCopies::finish(Ready ready) {
    std::uint32_t unfinished = 0;  // lanes that have an earlier copy
    for (std::size_t i = first_; i < records_.size(); i++) {
        Record& record = records_[i];
        std::uint32_t lanes = record.lanes & ready(record);
        if (record.arrival) lanes = record.lanes & ~unfinished;
        record.lanes &= ~lanes;
        unfinished |= record.arrival ? 0 : record.lanes;
        if (lanes == 0) continue;
        if (record.arrival) {
            arriveAsynchronously(*warp_, *record.op, lanes, record.destination.data());
        } else {
            copy(record, lanes);
        }
    }
    while (first_ < records_.size() && records_[first_].lanes == 0) first_++;
}

void AsyncCopies::wait(std::uint32_t mask, std::uint32_t pending) {
    if (empty()) return;
    finish([&](const Record& record) {
        std::uint32_t done = 0;
        for (std::size_t lane = 0; lane < LANES; lane++) {
            // Groups committed since the record's, its own among them; 0: it is not in a group yet.
            const std::uint32_t since = group_[lane] - record.group[lane];
            done |= since > pending ? 1U << lane : 0;
        }
        return done & mask;
    });
}

void AsyncCopies::waitAll(std::uint32_t mask) {
    if (empty()) return;
    finish([&](const Record&) { return mask; });
}

void AsyncCopies::completeArrivals(std::uint64_t mbarrier) {
    for (std::size_t i = first_; i < records_.size(); i++) {
        Record& record = records_[i];
        if (!record.arrival) continue;
        std::uint32_t lanes = 0;
        forEachLane(record.lanes, [&](int lane) {
            lanes |= record.destination[static_cast<std::size_t>(lane)] == mbarrier ? 1U << lane : 0;
        });
        if (lanes == 0) continue;
        // Later copies of these lanes are not what the arrival waits for.
        const Record* const last = &record;
        finish([&](const Record& other) { return &other < last ? lanes : 0; });
    }
}

void AsyncCopies::read(const Record& record, std::uint32_t lanes, std::byte** pointer) {
    Warp& warp = *warp_;
    const Op& op = *record.op;
    std::uint32_t reading = 0;
    std::uint32_t partial = 0;
    forEachLane(lanes, [&](int lane) {
        const std::uint8_t bytes = record.bytes[static_cast<std::size_t>(lane)];
        if (bytes != 0) reading |= 1U << lane;
        if (bytes != 0 && bytes != op.bytes) partial |= 1U << lane;
    });
    if (reading == 0) return;
    warp.mask = reading;
    if (partial == 0) return resolveLanes(warp, op, record.source.data(), pointer);

    // Bytes that are not read may lie beyond the allocation. What is read is looked at in aligned pieces.
    SectorTraffic& traffic = trafficOf(warp, op).global;
    forEachLane(reading, [&](int lane) {
        const std::size_t l = static_cast<std::size_t>(lane);
        Op piece = op;
        try {
            if (record.source[l] % op.bytes != 0) raiseMisaligned(op, lane, Space::GLOBAL, record.source[l]);
            std::uint32_t at = 0;
            for (std::uint32_t size = op.bytes; size != 0; size /= 2) {
                if ((record.bytes[l] & size) == 0) continue;
                piece.bytes = static_cast<std::uint8_t>(size);
                std::byte* const from = resolveLane(warp, piece, lane, Space::GLOBAL, record.source[l] + at);
                if (at == 0) pointer[lane] = from;
                at += size;
            }
        } catch (Fault& fault) {
            fault.op = &op;
            throw;
        }
        if (warp.worker->counters) traffic.bytes += record.bytes[l];
    });
    if (!warp.worker->counters) return;
    traffic.requests++;
    traffic.sectors += countSectors(reading, record.source.data());
}

void AsyncCopies::copy(const Record& record, std::uint32_t lanes) {
    Warp& warp = *warp_;
    const std::uint32_t before = warp.mask;
    std::byte* from[LANES];
    std::byte* to[LANES];
    read(record, lanes, from);
    warp.mask = lanes;
    resolveLanes(warp, *record.op->second, record.destination.data(), to);
    const std::size_t size = record.op->bytes;
    forEachLane(lanes, [&](int lane) {
        const std::size_t bytes = record.bytes[static_cast<std::size_t>(lane)];
        // 16 bytes at most: a copy of fixed size where all are read.
        alignas(16) std::byte values[16] = {};
        if (bytes == 16) {
            std::memcpy(values, from[lane], 16);
        } else if (bytes != 0) {
            std::memcpy(values, from[lane], bytes);
        }
        if (size == 16) {
            std::memcpy(to[lane], values, 16);
        } else {
            std::memcpy(to[lane], values, size);
        }
    });
    warp.mask = before;
}

namespace {

using namespace QUERN_LEVEL;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

void addressesOf(const Warp& warp, const Op& op, u64* address) {
    if (op.wide) {
        const u64* a = lanesOf<u64>(warp, op.a);
        QUERN_LANES address[i] = a[i] + static_cast<u64>(op.imm);
    } else {
        const u32* a = lanesOf<u32>(warp, op.a);
        const u32 displacement = static_cast<u32>(op.imm);
        QUERN_LANES address[i] = a[i] + displacement;
    }
}

/// op.b: bytes to read, where COPY_SIZED says so; op.c: predicate of lanes that read nothing.
void copyAsync(Warp& warp, const Op& op) {
    alignas(64) u64 source[LANES];
    alignas(64) u64 destination[LANES];
    std::uint8_t bytes[LANES];
    addressesOf(warp, op, source);
    addressesOf(warp, *op.second, destination);
    if ((op.flags & COPY_SIZED) != 0) {
        const u32* const wanted = lanesOf<u32>(warp, op.b);
        forEachLane(warp.mask, [&](int lane) {
            if (wanted[lane] > op.bytes) {
                raise(FaultKind::ILLEGAL, op, lane,
                      "cp.async reads " + std::to_string(wanted[lane]) + " bytes of " +
                          std::to_string(op.bytes));
            }
            bytes[lane] = static_cast<std::uint8_t>(wanted[lane]);
        });
    } else {
        const u32 ignored = predicateOf(warp, op.c);
        for (int i = 0; i < LANES; i++) bytes[i] = (ignored >> i & 1) != 0 ? 0 : op.bytes;
    }
    warp.copies->begin(op, warp.mask, source, destination, bytes);
}

void commitGroup(Warp& warp, const Op&) { warp.copies->commit(warp.mask); }

void waitGroup(Warp& warp, const Op& op) { warp.copies->wait(warp.mask, static_cast<u32>(op.imm)); }

void waitAll(Warp& warp, const Op&) { warp.copies->waitAll(warp.mask); }

constexpr InstructionClass MEMORY = InstructionClass::MEMORY;

constexpr Entry ASYNC_COPIES[] = {
    {"cp.async", nullptr, copyAsync, MEMORY},
    {"cp.async.commit_group", nullptr, commitGroup, MEMORY},
    {"cp.async.wait_group", nullptr, waitGroup, MEMORY},
    {"cp.async.wait_all", nullptr, waitAll, MEMORY},
};

}  // namespace

Entries asyncCopyTable() { return entries(ASYNC_COPIES); }

}  // namespace quern::emulator
