// What an executing memory instruction counts; counters.hpp says what is counted.
#pragma once

#include <cstdint>

#include "exec/warp.hpp"

namespace quern::emulator {

/// The counters of a memory instruction. It must have a site of its own.
inline Traffic& trafficOf(const Warp& warp, const Op& op) { return warp.worker->traffic[op.site]; }

/// Distinct 32-byte sectors of accesses that do not cross one.
std::uint32_t countSectors(std::uint32_t mask, const std::uint64_t* address);

/// Adds a request for `bytes` at each lane's address in global memory.
void countGlobal(SectorTraffic& traffic, std::uint32_t mask, const std::uint64_t* address,
                 std::uint32_t bytes);

/// Adds a request for `bytes` at each lane's own offset in local memory, in which 32-bit words of the lanes of a warp lie
/// side by side: lanes that agree on the offset are coalesced.
void countLocal(SectorTraffic& traffic, std::uint32_t mask, const std::uint64_t* offset, std::uint32_t bytes);

/// Adds a shared request: how often the 32 banks of 4 bytes must be gone through, and how often at best.
void countShared(SharedTraffic& traffic, std::uint32_t mask, const std::uint64_t* offset,
                 std::uint32_t bytes);

/// Adds a request of atomic operations.
void countAtomics(AtomicTraffic& traffic, std::uint32_t mask, const std::uint64_t* address);

}  // namespace quern::emulator
