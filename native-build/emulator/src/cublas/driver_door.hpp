// The emulator's driver, found in the process: it was loaded before, by whoever wanted an emulator.
#pragma once

#include "driver/library_call.hpp"

namespace quern::cublas {

struct DriverDoor {
    decltype(&quernEmulatorSubmit) submit = nullptr;
    decltype(&quernEmulatorReport) report = nullptr;
    CUresult (*currentContext)(CUcontext*) = nullptr;

    /// Whether this process's libcuda.so.1 is the emulator.
    bool open() const { return submit != nullptr && report != nullptr && currentContext != nullptr; }

    /// Looked up once.
    static const DriverDoor& instance();
};

}  // namespace quern::cublas
