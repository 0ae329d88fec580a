// The options of cuModuleLoadDataEx and cuLink*: logs go out through them; how to optimise is nothing to an interpreter.
#pragma once

#include <string>

#include "driver/cuda_types.hpp"
#include "module/load_error.hpp"

namespace quern::driver {

/// A log buffer: its size arrives as a value in the option's slot and leaves there as the bytes written.
struct LogBuffer {
    char* buffer = nullptr;
    void** size = nullptr;
    std::size_t room = 0;  // as it arrived: the slot is overwritten

    void write(const std::string& text) const;
};

struct JitOptions {
    LogBuffer info;
    LogBuffer error;
    void** wallTime = nullptr;
    bool verbose = false;
    int target = 0;  // capability; 0: that of the device

    /// Throws CUDA_ERROR_INVALID_VALUE for an option that does not exist, CUDA_ERROR_NOT_SUPPORTED for one whose effect
    /// a program would miss.
    static JitOptions of(unsigned count, const CUjit_option* options, void** values);

    /// Refuses code for another device than the presented one.
    void requireTarget(int capability) const;
};

CUresult resultOf(emulator::LoadErrorKind kind);

/// Refuses machine code (cubin, fat binary) with a sentence that says what to do.
void requirePtx(const char* image);

}  // namespace quern::driver
