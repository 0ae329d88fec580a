// Running one kernel over a grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "counters.hpp"
#include "device_model.hpp"
#include "memory/device_memory.hpp"
#include "module/module.hpp"
#include "options.hpp"

namespace quern::emulator {

struct Dim3 {
    std::uint32_t x = 1;
    std::uint32_t y = 1;
    std::uint32_t z = 1;

    std::uint64_t count() const { return std::uint64_t{x} * y * z; }
};

struct LaunchConfig {
    Dim3 grid;
    Dim3 block;
    std::uint32_t sharedBytes = 0;          // dynamic, beyond the kernel's static ones
    std::span<const std::byte> parameters;  // kernel.parameterBytes, laid out as kernel.parameters says
    bool cooperative = false;               // all blocks make progress, so that they may wait for each other
    std::uint32_t stackBytes = 1024;        // of a thread: CU_LIMIT_STACK_SIZE
    std::uint64_t printBytes = 1 << 20;     // what printf keeps at most: CU_LIMIT_PRINTF_FIFO_SIZE
};

enum class LaunchStatus {
    OK,
    INVALID_CONFIGURATION,  // nothing ran: the device or the kernel does not allow this launch
    ILLEGAL_ADDRESS,        // out of bounds, or freed
    MISALIGNED_ADDRESS,
    ILLEGAL_INSTRUCTION,
    LAUNCH_FAILURE,  // trap, divergent barrier, lanes that never meet, deadlock
    LAUNCH_TIMEOUT,
    ASSERT,
    STACK_ERROR,    // a thread's stack overflowed
    OUT_OF_MEMORY,  // nothing ran: there is none for what the blocks of a cooperative launch synchronise at
};

const char* nameOf(LaunchStatus status);

struct LaunchResult {
    LaunchStatus status = LaunchStatus::OK;
    /// What went wrong, for a human: kernel, block, thread, address, allocation, PTX line. Empty when OK.
    std::string report;
    /// What the kernel printed, in order.
    std::string printed;
    Counters counters;
    std::vector<LineCounters> lines;  // with Options::lines: those of the kernel, in the order of the PTX
    double seconds = 0;
    /// Where it went wrong; line 0 when OK.
    Dim3 block{0, 0, 0};
    Dim3 thread{0, 0, 0};
    std::uint64_t address = 0;
    int line = 0;

    bool ok() const { return status == LaunchStatus::OK; }
};

/// Runs the kernel to its end or to its first fault, on the calling thread and options.threads - 1 others.
/// Several launches may run at once, on one memory too. Never throws for what a kernel does.
LaunchResult launch(const Kernel& kernel, const LaunchConfig& config, const DeviceModel& device,
                    DeviceMemory& memory, const Options& options);

}  // namespace quern::emulator
