// What a user may choose about the driver, beside how launches run (options.hpp).
#pragma once

#include <chrono>
#include <cstdint>

namespace quern::driver {

struct Settings {
    int capability = 80;                      // the device that is presented
    std::uint64_t memoryBytes = 0;            // its memory; 0: what that device has
    bool eagerStreams = false;                // work runs when it is queued, not when somebody waits for it
    std::chrono::milliseconds patience{100};  // after which work that nobody waits for runs anyway
    bool discardLaunches = false;             // cuLaunchKernel returns at once and does nothing at all
    bool log = false;                         // reports go to stderr as well

    /// The defaults, changed by QUERN_EMULATOR_DEVICE (sm_75, sm_80, sm_86, sm_89, sm_90), _MEMORY (bytes; k, m, g
    /// or t may follow), _STREAMS (late, eager), _PATIENCE (milliseconds), _LAUNCH (run, discard) and _LOG (on, off).
    /// Throws std::invalid_argument naming the variable and what it accepts.
    static Settings fromEnvironment();
};

}  // namespace quern::driver
