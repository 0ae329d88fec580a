// What the last launches did, for tests that hold kernels to their counters.
#pragma once

#include <deque>
#include <string>

#include "run/launch.hpp"

namespace quern::driver {

struct LaunchRecord {
    std::string kernel;
    emulator::Dim3 grid;
    emulator::Dim3 block;
    std::uint32_t sharedBytes = 0;
    std::string status;
    double seconds = 0;
    emulator::Counters counters;
};

class LaunchLog {
  public:
    void add(LaunchRecord record);
    void clear() { records_.clear(); }

    /// All kept launches, oldest first, as a JSON array.
    std::string json() const;

    /// The same as KernelCounters.parse reads it: a launch a line, fields divided by tabs.
    std::string lines() const;

  private:
    static constexpr std::size_t KEPT =
        4096;  // a test looks at the last few; a long run must not fill memory
    std::deque<LaunchRecord> records_;
};

}  // namespace quern::driver
