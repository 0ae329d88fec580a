#include "driver/device.hpp"

namespace quern::driver {

namespace {

constexpr int LAST_ATTRIBUTE = 132;  // of CUDA 12.6

}  // namespace

// The numbers are CUdevice_attribute's.
bool deviceAttribute(const emulator::DeviceModel& model, int attribute, int& value) {
    if (attribute < 1 || attribute > LAST_ATTRIBUTE) return false;
    value = [&]() -> int {
        switch (attribute) {
            case 1: return model.threadsPerBlock;
            case 2: return model.blockX;
            case 3: return model.blockY;
            case 4: return model.blockZ;
            case 5: return model.gridX;
            case 6: return model.gridY;
            case 7: return model.gridZ;
            case 8: return model.sharedPerBlock;
            case 9: return model.constantBytes;
            case 10: return emulator::DeviceModel::warpSize;
            case 11: return 0x7fffffff;  // max pitch
            case 12: return model.registersPerBlock;
            case 13: return model.clockKilohertz;
            case 14: return 512;  // texture alignment
            case 15: return 1;    // copies overlap with kernels
            case 16: return model.multiprocessors;
            case 19: return 1;    // maps host memory
            case 30: return 512;  // surface alignment
            case 31: return 1;    // concurrent kernels
            case 36: return model.memoryClockKilohertz;
            case 37: return model.memoryBusBits;
            case 38: return model.l2CacheBytes;
            case 39: return model.threadsPerMultiprocessor;
            case 40: return 2;   // copy engines
            case 41: return 1;   // unified addressing
            case 51: return 32;  // texture pitch alignment
            case 75: return model.major;
            case 76: return model.minor;
            case 78: return 1;  // stream priorities
            case 79: return 1;  // caches globals in L1
            case 80: return 1;  // caches locals in L1
            case 81: return model.sharedPerMultiprocessor;
            case 82: return model.registersPerMultiprocessor;
            case 83: return 1;                                              // managed memory
            case 87: return model.major == 7 || model.minor != 0 ? 32 : 2;  // FP32 to FP64 rate
            case 90: return 1;                                              // compute preemption
            case 91: return 1;  // host pointers of registered memory serve the device
            case 95: return 1;  // cooperative launch
            case 97: return model.sharedPerBlockOptin;
            case 99: return 1;  // host memory can be registered
            case 106: return model.blocksPerMultiprocessor;
            case 111: return model.sharedReservedPerBlock;
            case 115: return 1;  // memory pools
            default: return 0;
        }
    }();
    return true;
}

}  // namespace quern::driver
