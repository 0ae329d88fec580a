#include "driver/device.hpp"

namespace quern::driver {

namespace {

constexpr int LAST_ATTRIBUTE = 147;  // of CUDA 13.0

// Textures and surfaces, the same for all presented devices: CUDA C++ Programming Guide, "Technical Specifications per
// Compute Capability". They are the device's; the emulator refuses to make an array.
bool textureAttribute(int attribute, int& value) {
    switch (attribute) {
        case 21: value = 131072; return true;  // 1D
        case 22: value = 131072; return true;  // 2D
        case 23: value = 65536; return true;
        case 24:
        case 25:
        case 26: value = 16384; return true;  // 3D
        case 27:
        case 28: value = 32768; return true;  // layers of 2D
        case 29: value = 2048; return true;
        case 42: value = 32768; return true;  // layers of 1D
        case 43: value = 2048; return true;
        case 44: value = 1; return true;  // gather
        case 45:
        case 46: value = 32768; return true;
        case 52:
        case 53: value = 32768; return true;  // cube maps
        case 54: value = 2046; return true;
        case 55: value = 32768; return true;  // surfaces, as the textures above
        case 56: value = 131072; return true;
        case 57: value = 65536; return true;
        case 58:
        case 59:
        case 60: value = 16384; return true;
        case 61: value = 32768; return true;
        case 62: value = 2048; return true;
        case 63:
        case 64: value = 32768; return true;
        case 65: value = 2048; return true;
        case 66:
        case 67: value = 32768; return true;
        case 68: value = 2046; return true;
        case 69: value = 1 << 28; return true;  // 1D in linear memory
        case 70: value = 131072; return true;   // 2D in linear memory
        case 71: value = 65000; return true;
        case 72: value = 2097120; return true;
        case 73:
        case 74:
        case 77: value = 32768; return true;  // mipmaps
        default: return false;
    }
}

}  // namespace

// The numbers are CUdevice_attribute's.
bool deviceAttribute(const emulator::DeviceModel& model, int attribute, int& value) {
    if (attribute < 1 || attribute > LAST_ATTRIBUTE) return false;
    if (textureAttribute(attribute, value)) return true;
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
            case 33: return 1;    // PCI bus, as cuDeviceGetPCIBusId has it
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
            case 83: return 1;  // managed memory
            case 87: return model.singleToDoubleRatio;
            case 89: return 1;  // managed memory is shared at all times
            case 90: return 1;  // compute preemption
            case 91: return 1;  // host pointers of registered memory serve the device
            case 95: return 1;  // cooperative launch
            case 97: return model.sharedPerBlockOptin;
            case 99: return 1;  // host memory can be registered
            case 106: return model.blocksPerMultiprocessor;
            case 111: return model.sharedReservedPerBlock;
            case 115: return 1;                         // memory pools
            case 126: return model.major >= 9 ? 4 : 1;  // memory synchronisation domains
            default: return 0;
        }
    }();
    return true;
}

}  // namespace quern::driver
