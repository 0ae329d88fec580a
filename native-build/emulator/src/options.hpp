// How launches run: what a user of the emulator may choose, each with the value that suits a test run.
#pragma once

#include <cstdint>
#include <string>

#include "approximation.hpp"

namespace quern::emulator {

/// The order in which the warps of a block, and the blocks of a grid, get their turn.
/// PREEMPT: at random, and warps are interrupted before they touch memory.
enum class Schedule { FORWARD, REVERSE, RANDOM, PREEMPT };

struct Options {
    /// Host threads that run blocks; 0: one for each processor.
    int threads = 0;
    Schedule schedule = Schedule::FORWARD;
    std::uint64_t seed = 1;  // of Schedule::RANDOM and PREEMPT
    /// Bounds, alignment and use after free of every access. Without it a wild access may crash the process.
    bool checks = true;
    /// Data races in shared and global memory. A launch then runs on one host thread, at about a fifth of the speed.
    bool races = false;
    /// Uninitialised shared and device memory that decides an address or a branch, or is copied out. One host thread too.
    bool uninitialised = false;
    /// Adversarial: other blocks see a block's stores only after a fence, an atomic operation or its end.
    bool lateStores = false;
    /// Memory traffic, bank conflicts and instruction classes of each launch.
    bool counters = true;
    /// The same for each line of the PTX: LaunchResult::lines.
    bool lines = false;
    /// A launch that runs longer than this is ended as LAUNCH_TIMEOUT; 0: never.
    double timeoutSeconds = 120;
    /// A launch in which some block executes more warp instructions than this is ended as LAUNCH_TIMEOUT; 0: never.
    std::uint64_t instructionBudget = 0;

    /// Whether cp.async copies as late as its waits allow, or at once.
    bool lateCopies = true;
    /// Whether mma adds as tensor cores were found to (tensor_core.hpp), or exactly.
    bool truncatingMatrix = false;
    /// Where results of .approx instructions lie.
    Approximation approximation = Approximation::EXACT;

    /// The defaults, changed by QUERN_EMULATOR_THREADS, _SCHEDULE (forward, reverse, random, preempt, either with :SEED),
    /// _CHECKS (on, off, all, or some of memory, races, uninitialised), _STORES (early, late), _COUNTERS (on, off, lines),
    /// _TIMEOUT (seconds), _BUDGET (warp instructions a block), _COPIES (late, eager), _MATRIX (exact, truncating) and
    /// _APPROX (exact, low, high).
    /// Throws std::invalid_argument naming the variable and what it accepts.
    static Options fromEnvironment();
};

}  // namespace quern::emulator
