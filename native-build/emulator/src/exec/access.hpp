// From the addresses of a warp's memory instruction to host pointers: bounds, alignment, traffic. This is the general
// way, lane by lane; memory.cpp has the short ways for what coalesced code does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec/warp.hpp"

namespace quern::emulator {

/// Checks and counts the access of op.bytes at address[lane] for each lane of the mask, and sets its pointer.
/// Throws Fault for the first lane whose access is not allowed.
void resolveLanes(Warp& warp, const Op& op, const std::uint64_t* address, std::byte** pointer);

/// Shows a load or store of all lanes, side by side in global memory, to what watches the launch. False where it is to be
/// resolved lane by lane.
bool showTogether(Warp& warp, const Op& op, std::uint64_t first);

/// As resolveLanes for one lane, uncounted.
std::byte* resolveLane(Warp& warp, const Op& op, int lane, Space space, std::uint64_t address);

/// Looks the allocation of a global access up, puts it in the site, or throws.
void refillSite(Warp& warp, const Op& op, int lane, std::uint64_t address, std::uint64_t bytes);

inline bool covers(const Site& site, std::uint64_t address, std::uint64_t bytes) {
    return address >= site.begin && address < site.end && bytes <= site.end - address;
}

}  // namespace quern::emulator
