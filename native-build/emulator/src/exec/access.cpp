#include "exec/access.hpp"

#include <algorithm>

#include "exec/fault.hpp"
#include "exec/watch.hpp"

namespace quern::emulator {

namespace {

constexpr int SECTOR_SHIFT = 5;
constexpr std::uint32_t BANKS = 32;

Space spaceOfGeneric(std::uint64_t address) {
    switch (address >> WINDOW_SHIFT) {
        case SHARED_WINDOW >> WINDOW_SHIFT: return Space::SHARED;
        case LOCAL_WINDOW >> WINDOW_SHIFT: return Space::LOCAL;
        case PARAMETER_WINDOW >> WINDOW_SHIFT: return Space::PARAMETER;
        default: return Space::GLOBAL;
    }
}

void checkOffset(const Warp& warp, const Op& op, int lane, Space space, std::uint64_t offset,
                 std::uint64_t size) {
    if (offset > size || op.bytes > size - offset) raiseBounds(warp, op, lane, space, offset);
}

}  // namespace

void refillSite(Warp& warp, const Op& op, int lane, std::uint64_t address, std::uint64_t bytes) {
    const Allocation* allocation = warp.worker->memory->findLive(address, bytes);
    if (allocation == nullptr) raiseBounds(warp, op, lane, Space::GLOBAL, address);
    Site& site = warp.worker->sites[op.site];
    site.begin = allocation->base;
    site.end = allocation->end();
}

/// The place of one lane's access, which is allowed.
std::byte* locate(Warp& warp, const Op& op, int lane, Space space, std::uint64_t address) {
    if ((address & (op.bytes - 1U)) != 0) raiseMisaligned(op, lane, space, address);
    switch (space) {
        case Space::SHARED:
            checkOffset(warp, op, lane, space, address, warp.shared.size);
            return warp.shared.bytes + address;
        case Space::LOCAL:
            checkOffset(warp, op, lane, space, address, warp.localBytes);
            return warp.local + static_cast<std::size_t>(lane) * warp.localBytes + address;
        case Space::PARAMETER:
            checkOffset(warp, op, lane, space, address, warp.worker->parameterBytes);
            if (op.store) raiseBounds(warp, op, lane, space, address);
            return const_cast<std::byte*>(warp.worker->parameters) + address;
        default:
            if (warp.worker->checks && !covers(warp.worker->sites[op.site], address, op.bytes)) {
                refillSite(warp, op, lane, address, op.bytes);
            }
            return reinterpret_cast<std::byte*>(address);
    }
}

std::byte* resolveLane(Warp& warp, const Op& op, int lane, Space space, std::uint64_t address) {
    if (space == Space::GENERIC) {
        space = spaceOfGeneric(address);
        if (space != Space::GLOBAL) address &= WINDOW_OFFSET;
    }
    std::byte* place = locate(warp, op, lane, space, address);
    if (warp.watch == nullptr || (space != Space::GLOBAL && space != Space::SHARED)) return place;
    std::uint64_t addresses[LANES];
    std::byte* places[LANES];
    addresses[lane] = address;
    places[lane] = place;
    const std::uint32_t bit = 1U << lane;
    warp.watch->access(warp, op, space == Space::GLOBAL ? bit : 0, space == Space::SHARED ? bit : 0,
                       addresses, places);
    return places[lane];
}

std::uint32_t countSectors(std::uint32_t mask, const std::uint64_t* address) {
    std::uint64_t sector[LANES];
    int lanes = 0;
    bool ascending = true;
    forEachLane(mask, [&](int lane) {
        sector[lanes] = address[lane] >> SECTOR_SHIFT;
        if (lanes > 0 && sector[lanes] < sector[lanes - 1]) ascending = false;
        lanes++;
    });
    if (!ascending) std::sort(sector, sector + lanes);
    return static_cast<std::uint32_t>(std::unique(sector, sector + lanes) - sector);
}

void countWavefronts(SharedTraffic& traffic, std::uint32_t mask, const std::uint64_t* offset,
                     std::uint32_t bytes) {
    traffic.requests++;
    // Lanes are served in groups that together ask for 128 bytes: all 32 of them up to 4 bytes, then 16, then 8.
    const int group = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
    const std::uint32_t words = bytes <= 4 ? 1 : bytes / 4;
    for (int first = 0; first < LANES; first += group) {
        const std::uint32_t members = mask & (group == 32 ? ALL_LANES : ((1U << group) - 1) << first);
        if (members == 0) continue;
        // A bank gives one word a pass; lanes that ask for the same word share it.
        std::uint64_t word[BANKS];
        int count = 0;
        forEachLane(members, [&](int lane) {
            for (std::uint32_t k = 0; k < words && count < static_cast<int>(BANKS); k++) {
                word[count++] = (offset[lane] >> 2) + k;
            }
        });
        std::sort(word, word + count);
        count = static_cast<int>(std::unique(word, word + count) - word);
        std::uint32_t passes[BANKS] = {};
        std::uint32_t most = 0;
        for (int w = 0; w < count; w++) most = std::max(most, ++passes[word[w] % BANKS]);
        traffic.wavefronts += most;
        traffic.idealWavefronts++;
    }
}

void resolveLanes(Warp& warp, const Op& op, const std::uint64_t* address, std::byte** pointer) {
    std::uint32_t global = 0;
    std::uint32_t shared = 0;
    std::uint64_t plain[LANES];
    forEachLane(warp.mask, [&](int lane) {
        const Space space = op.space == Space::GENERIC ? spaceOfGeneric(address[lane]) : op.space;
        plain[lane] = op.space == Space::GENERIC && space != Space::GLOBAL ? address[lane] & WINDOW_OFFSET
                                                                           : address[lane];
        pointer[lane] = locate(warp, op, lane, space, plain[lane]);
        if (space == Space::GLOBAL) global |= 1U << lane;
        if (space == Space::SHARED) shared |= 1U << lane;
    });
    if (warp.watch != nullptr) warp.watch->access(warp, op, global, shared, plain, pointer);
    Worker& worker = *warp.worker;
    if (!worker.counters) return;
    if (global != 0) {
        GlobalTraffic& traffic = worker.traffic.global[op.store ? 1 : 0];
        traffic.requests++;
        traffic.sectors += countSectors(global, plain);
        traffic.bytes +=
            static_cast<std::uint64_t>(op.bytes) * static_cast<unsigned>(__builtin_popcount(global));
    }
    if (shared != 0) countWavefronts(worker.traffic.shared[op.store ? 1 : 0], shared, plain, op.bytes);
}

}  // namespace quern::emulator
