// What a user may choose about the driver, beside how launches run (options.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace quern::driver {

struct Settings {
    int capability = 80;                      // the device that is presented
    std::uint64_t memoryBytes = 0;            // its memory; 0: what that device has
    bool eagerStreams = false;                // work runs when it is queued, not when somebody waits for it
    std::chrono::milliseconds patience{100};  // after which work that nobody waits for runs anyway
    bool discardLaunches = false;             // cuLaunchKernel returns at once and does nothing at all
    bool log = false;                         // reports go to stderr as well
    std::string registers;                    // a file of register counts: RegisterTable::read
    std::string fail;                         // calls that shall fail: FaultInjection::order

    /// The defaults, changed by QUERN_EMULATOR_DEVICE (sm_75, sm_80, sm_86, sm_89, sm_90), _MEMORY (bytes; k, m, g
    /// or t may follow), _STREAMS (late, eager), _PATIENCE (milliseconds), _LAUNCH (run, discard), _LOG (on, off),
    /// _REGISTERS (a file) and _FAIL (KIND:N:RESULT, ...).
    /// Throws std::invalid_argument naming the variable and what it accepts.
    static Settings fromEnvironment();

    /// What `log` becomes, for where the other settings are refused.
    static bool logFromEnvironment();
};

}  // namespace quern::driver
