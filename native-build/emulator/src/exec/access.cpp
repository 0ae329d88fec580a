#include "exec/access.hpp"

#include "exec/fault.hpp"
#include "exec/traffic.hpp"
#include "exec/watch.hpp"

namespace quern::emulator {

namespace {

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

bool showTogether(Warp& warp, const Op& op, std::uint64_t first) {
    return warp.watch->accessTogether(warp, op, first);
}

void resolveLanes(Warp& warp, const Op& op, const std::uint64_t* address, std::byte** pointer) {
    std::uint32_t global = 0;
    std::uint32_t shared = 0;
    std::uint32_t local = 0;
    std::uint64_t plain[LANES];
    forEachLane(warp.mask, [&](int lane) {
        const Space space = op.space == Space::GENERIC ? spaceOfGeneric(address[lane]) : op.space;
        plain[lane] = op.space == Space::GENERIC && space != Space::GLOBAL ? address[lane] & WINDOW_OFFSET
                                                                           : address[lane];
        pointer[lane] = locate(warp, op, lane, space, plain[lane]);
        if (space == Space::GLOBAL) global |= 1U << lane;
        if (space == Space::SHARED) shared |= 1U << lane;
        if (space == Space::LOCAL) local |= 1U << lane;
    });
    if (warp.watch != nullptr) warp.watch->access(warp, op, global, shared, plain, pointer);
    if (!warp.worker->counters) return;
    Traffic& traffic = trafficOf(warp, op);
    if (global != 0) countGlobal(traffic.global, global, plain, op.bytes);
    if (shared != 0) countShared(traffic.shared, shared, plain, op.bytes);
    if (local != 0) countLocal(traffic.local, local, plain, op.bytes);
}

}  // namespace quern::emulator
