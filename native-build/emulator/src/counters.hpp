// What one launch did. Exact, and independent of how many host threads ran it.
//
// Memory counters are Nsight Compute's: a request is one memory instruction of one warp; sectors are the distinct
// 32-byte pieces that the warp's active lanes touch in it; wavefronts are the passes that shared memory needs for it.
// Instruction counters are our own, in PTX instructions: the machine code of a GPU counts otherwise.
#pragma once

#include <array>
#include <cstdint>

namespace quern::emulator {

/// What kind of work a PTX instruction is.
enum class InstructionClass : std::uint8_t {
    INTEGER,
    FP16,  // and BF16
    FP32,
    FP64,
    SPECIAL,  // approximations: ex2, lg2, sin, cos, rcp, rsqrt, sqrt, tanh
    CONVERT,
    COMPARE,  // setp, set, selp, slct, predicate logic
    LOGIC,    // bits, shifts, permutations
    MOVE,
    MEMORY,  // loads and stores of every space
    ATOMIC,
    CONTROL,
    WARP,  // shuffles, votes, matches, reductions across lanes
    BARRIER,
    MATRIX,  // ldmatrix, mma
    COUNT
};

constexpr std::size_t INSTRUCTION_CLASSES = static_cast<std::size_t>(InstructionClass::COUNT);

/// The name of a class in reports and JSON.
const char* nameOf(InstructionClass instructionClass);

/// Traffic of one direction between warps and global memory (through whatever state space the access was written).
struct GlobalTraffic {
    std::uint64_t requests = 0;
    std::uint64_t sectors = 0;
    std::uint64_t bytes = 0;  // asked for by active lanes

    std::uint64_t sectorBytes() const { return 32 * sectors; }
    bool operator==(const GlobalTraffic&) const = default;
};

struct SharedTraffic {
    std::uint64_t requests = 0;
    std::uint64_t wavefronts = 0;
    std::uint64_t idealWavefronts = 0;  // what the same bytes need without bank conflicts

    std::uint64_t excessWavefronts() const { return wavefronts - idealWavefronts; }
    bool operator==(const SharedTraffic&) const = default;
};

struct Counters {
    GlobalTraffic globalLoads;
    GlobalTraffic globalStores;
    SharedTraffic sharedLoads;
    SharedTraffic sharedStores;
    std::uint64_t atomicRequests = 0;     // atom and red, in every space
    std::uint64_t matrixFlop = 0;         // additions and multiplications of mma and wmma, of every type
    std::uint64_t barriers = 0;           // arrivals of warps
    std::uint64_t divergentBranches = 0;  // branches of a warp that part its lanes
    std::uint64_t warpInstructions = 0;
    std::array<std::uint64_t, INSTRUCTION_CLASSES> ptxInstructions{};  // executed by threads, by class

    std::uint64_t instructions(InstructionClass c) const {
        return ptxInstructions[static_cast<std::size_t>(c)];
    }
    /// PTX instructions executed by threads, of all classes.
    std::uint64_t threadInstructions() const {
        std::uint64_t sum = 0;
        for (std::uint64_t of : ptxInstructions) sum += of;
        return sum;
    }

    Counters& operator+=(const Counters& other);
    bool operator==(const Counters&) const = default;
};

}  // namespace quern::emulator
