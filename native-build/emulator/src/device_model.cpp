#include "device_model.hpp"

namespace quern::emulator {

namespace {

constexpr std::uint64_t GIB = std::uint64_t{1} << 30;
constexpr int KIB = 1024;

// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"; units of allocation as CUDA's
// cuda_occupancy.h has them; clocks, memory and multiprocessors of one card each. The ratio of FP32 to FP64 is that of the
// guide's table "Throughput of Native Arithmetic Instructions": 64:2, 64:32, 128:2, 128:2, 128:64 results a clock. What a
// card's driver answers was not looked at.
DeviceModel turing() {
    DeviceModel model;
    model.name = "Quern Emulator (sm_75)";
    model.major = 7;
    model.minor = 5;
    model.multiprocessors = 40;
    model.clockKilohertz = 1'590'000;
    model.memoryClockKilohertz = 5'001'000;
    model.memoryBusBits = 256;
    model.totalMemoryBytes = 16 * GIB;
    model.l2CacheBytes = 4 * KIB * KIB;
    model.singleToDoubleRatio = 32;
    model.sharedPerBlockOptin = 64 * KIB;
    model.sharedPerMultiprocessor = 64 * KIB;
    model.sharedReservedPerBlock = 0;
    model.sharedAllocationUnit = 256;
    model.threadsPerMultiprocessor = 1024;
    model.blocksPerMultiprocessor = 16;
    return model;
}

DeviceModel ampereData() {
    DeviceModel model;
    model.name = "Quern Emulator (sm_80)";
    model.major = 8;
    model.minor = 0;
    model.multiprocessors = 108;
    model.clockKilohertz = 1'410'000;
    model.memoryClockKilohertz = 1'593'000;
    model.memoryBusBits = 5120;
    model.totalMemoryBytes = 80 * GIB;
    model.l2CacheBytes = 40 * KIB * KIB;
    model.singleToDoubleRatio = 2;
    model.sharedPerBlockOptin = 163 * KIB;
    model.sharedPerMultiprocessor = 164 * KIB;
    model.sharedReservedPerBlock = 1 * KIB;
    model.threadsPerMultiprocessor = 2048;
    model.blocksPerMultiprocessor = 32;
    return model;
}

DeviceModel ampereGraphics() {
    DeviceModel model = ampereData();
    model.name = "Quern Emulator (sm_86)";
    model.minor = 6;
    model.multiprocessors = 84;
    model.clockKilohertz = 1'740'000;
    model.memoryClockKilohertz = 8'001'000;
    model.memoryBusBits = 384;
    model.totalMemoryBytes = 48 * GIB;
    model.l2CacheBytes = 6 * KIB * KIB;
    model.singleToDoubleRatio = 64;
    model.sharedPerBlockOptin = 99 * KIB;
    model.sharedPerMultiprocessor = 100 * KIB;
    model.threadsPerMultiprocessor = 1536;
    model.blocksPerMultiprocessor = 16;
    return model;
}

DeviceModel ada() {
    DeviceModel model = ampereGraphics();
    model.name = "Quern Emulator (sm_89)";
    model.minor = 9;
    model.multiprocessors = 142;
    model.clockKilohertz = 2'505'000;
    model.memoryClockKilohertz = 9'001'000;
    model.l2CacheBytes = 96 * KIB * KIB;
    model.blocksPerMultiprocessor = 24;
    return model;
}

DeviceModel hopper() {
    DeviceModel model = ampereData();
    model.name = "Quern Emulator (sm_90)";
    model.major = 9;
    model.multiprocessors = 132;
    model.clockKilohertz = 1'980'000;
    model.memoryClockKilohertz = 2'619'000;
    model.l2CacheBytes = 50 * KIB * KIB;
    model.sharedPerBlockOptin = 227 * KIB;
    model.sharedPerMultiprocessor = 228 * KIB;
    return model;
}

}  // namespace

std::optional<DeviceModel> DeviceModel::of(int capability) {
    switch (capability) {
        case 75: return turing();
        case 80: return ampereData();
        case 86: return ampereGraphics();
        case 89: return ada();
        case 90: return hopper();
        default: return std::nullopt;
    }
}

}  // namespace quern::emulator
