// mbarrier: barriers that are objects in shared memory.
#pragma once

#include <cstdint>

#include "exec/warp.hpp"

namespace quern::emulator {

/// The arrival of cp.async.mbarrier.arrive, once the copies before it are done: each lane of the mask arrives at the
/// mbarrier at offset[lane] of shared memory.
void arriveAsynchronously(Warp& warp, const Op& op, std::uint32_t mask, const std::uint64_t* offset);

}  // namespace quern::emulator
