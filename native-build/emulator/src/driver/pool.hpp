// Memory pools: the accounts that cuMemAllocAsync draws on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "driver/cuda_types.hpp"

namespace quern::driver {

/// The emulator takes every pooled block from the device and gives it back at once, so that a use after free is seen;
/// a pool only counts. What it reports as reserved is therefore what is in use.
class MemoryPool {
  public:
    void took(std::uint64_t bytes) {
        used += bytes;
        usedHigh = std::max(usedHigh, used);
    }
    void gaveBack(std::uint64_t bytes) { used -= bytes; }

    CUmemoryPool handle = nullptr;
    std::uint64_t used = 0;
    std::uint64_t usedHigh = 0;
    std::uint64_t releaseThreshold = 0;  // noted, without effect
    int reuse[3] = {1, 1, 1};            // the three REUSE attributes: noted, without effect
};

}  // namespace quern::driver
