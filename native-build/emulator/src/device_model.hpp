// What a presented device can do: the limits that loading and launching are held to, by compute capability.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace quern::emulator {

struct DeviceModel {
    std::string name;
    int major = 0;
    int minor = 0;
    int multiprocessors = 0;
    int clockKilohertz = 0;
    int memoryClockKilohertz = 0;
    int memoryBusBits = 0;
    std::uint64_t totalMemoryBytes = 0;
    int l2CacheBytes = 0;
    int singleToDoubleRatio = 0;  // FP32 operations a clock for each FP64 one

    // Shared memory, bytes.
    int sharedPerBlock = 48 * 1024;
    int sharedPerBlockOptin = 0;
    int sharedPerMultiprocessor = 0;
    int sharedReservedPerBlock = 0;
    int sharedAllocationUnit = 128;  // per block

    // Registers, 32 bits each.
    int registersPerBlock = 64 * 1024;
    int registersPerMultiprocessor = 64 * 1024;
    int registersPerThread = 255;
    int registerAllocationUnit = 256;  // per warp
    int registerPartitions = 4;  // equal parts of a multiprocessor's; a warp has all of its registers in one

    // Shape of a launch.
    int threadsPerBlock = 1024;
    int threadsPerMultiprocessor = 0;
    int blocksPerMultiprocessor = 0;
    int blockX = 1024;
    int blockY = 1024;
    int blockZ = 64;
    int gridX = 0x7fffffff;
    int gridY = 65535;
    int gridZ = 65535;
    int parameterBytes = 4096;
    int constantBytes = 64 * 1024;

    static constexpr int warpSize = 32;

    /// Compute capability as PTX targets write it: 80 for sm_80.
    int capability() const { return 10 * major + minor; }

    /// The model of a compute capability (75, 80, 86, 89, 90), after a card that has it; empty for any other.
    static std::optional<DeviceModel> of(int capability);
};

}  // namespace quern::emulator
