// The one device the emulator presents.
#pragma once

#include "device_model.hpp"
#include "driver/cuda_types.hpp"
#include "driver/failure.hpp"

namespace quern::driver {

inline constexpr int DEVICE_COUNT = 1;

// As on devices of today: 0 is the lowest priority, smaller numbers go first. The emulator notes and ignores them.
inline constexpr int LEAST_STREAM_PRIORITY = 0;
inline constexpr int GREATEST_STREAM_PRIORITY = -5;

inline void requireDevice(CUdevice device) {
    if (device < 0 || device >= DEVICE_COUNT) {
        throw Failure(CUDA_ERROR_INVALID_DEVICE,
                      "device " + std::to_string(device) + ": the emulator presents device 0 only");
    }
}

/// The value of a CUdevice_attribute; 0 for what the emulator does not have. False for one that does not exist.
bool deviceAttribute(const emulator::DeviceModel& model, int attribute, int& value);

}  // namespace quern::driver
