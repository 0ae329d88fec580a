// What the last launches did, for tests that hold kernels to their counters.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

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
    std::vector<emulator::LineCounters> lines;  // those of the kernel, where they were asked for
};

class LaunchLog {
  public:
    void add(LaunchRecord record);
    void clear();

    /// All kept launches, oldest first, as a JSON array.
    std::string json() const;

    /// The same as KernelCounters.parse reads it: a launch a line, fields divided by tabs.
    std::string lines() const;

    /// The PTX of a kernel with what its last launch that counted by lines did: a line of the PTX a line, fields divided by
    /// tabs. Empty where there was none.
    std::string listing(const std::string& kernel) const;

  private:
    static constexpr std::size_t KEPT =
        4096;  // a test looks at the last few; a long run must not fill memory
    std::deque<LaunchRecord> records_;
    std::map<std::string, std::vector<emulator::LineCounters>> listings_;
};

}  // namespace quern::driver
