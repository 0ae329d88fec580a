// What one launch did. Exact, and for kernels that do not wait for other blocks independent of how many host threads ran
// it and in which order.
//
// Memory counters are defined as Nsight Compute defines its own, so that the two can be set side by side; beside each
// stands the metric that it is to equal on a device (with .sum; X is ld or st). No GPU has confirmed that yet.
//
//   globalX.requests         l1tex__t_requests_pipe_lsu_mem_global_op_X
//   globalX.sectors          l1tex__t_sectors_pipe_lsu_mem_global_op_X
//   globalX.sectorBytes()    l1tex__t_bytes_pipe_lsu_mem_global_op_X
//   globalX.bytes            smsp__sass_data_bytes_mem_global_op_X
//   localX                   as globalX, with mem_local; a device also has the traffic of registers that ptxas spills
//   sharedX.requests         smsp__sass_inst_executed_op_shared_X
//   sharedX.wavefronts       l1tex__data_pipe_lsu_wavefronts_mem_shared_op_X; per line memory_l1_wavefronts_shared
//   sharedX.idealWavefronts  per line memory_l1_wavefronts_shared_ideal
//   sharedX.excess..()       l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_X
//   globalAtomics.requests   l1tex__t_requests_pipe_lsu_mem_global_op_atom and _op_red together
//   globalAtomics.sectors    l1tex__t_sectors_pipe_lsu_mem_global_op_atom and _op_red together
//   sharedAtomics.requests   smsp__sass_inst_executed_op_shared_atom; a device does some of them by compare-and-swap loops
//   divergentBranches        smsp__sass_branch_targets_threads_divergent
//   lanesPerInstruction()    smsp__thread_inst_executed_pred_on_per_inst_executed.ratio
//
// The last two depend on the machine code and are near at best. ptxInstructions and warpInstructions are our own, in PTX
// instructions: smsp__inst_executed counts machine instructions, and the two are not comparable.
#pragma once

#include <array>
#include <cstdint>
#include <string>

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

/// Traffic of one direction between warps and global or local memory, through whatever state space it was written.
struct SectorTraffic {
    std::uint64_t requests = 0;  // memory instructions of warps
    std::uint64_t sectors = 0;   // distinct pieces of 32 bytes that the active lanes of a request touch
    std::uint64_t bytes = 0;     // asked for by active lanes

    std::uint64_t sectorBytes() const { return 32 * sectors; }
    SectorTraffic& operator+=(const SectorTraffic& other);
    bool operator==(const SectorTraffic&) const = default;
};

/// Traffic of one direction between warps and shared memory.
struct SharedTraffic {
    std::uint64_t requests = 0;
    std::uint64_t wavefronts = 0;       // passes through the 32 banks
    std::uint64_t idealWavefronts = 0;  // what the same lanes need where no two words share a bank
    std::uint64_t bytes = 0;            // asked for by active lanes

    std::uint64_t excessWavefronts() const { return wavefronts - idealWavefronts; }
    SharedTraffic& operator+=(const SharedTraffic& other);
    bool operator==(const SharedTraffic&) const = default;
};

/// atom and red in one space.
struct AtomicTraffic {
    std::uint64_t requests = 0;
    std::uint64_t operations = 0;  // of active lanes
    std::uint64_t sectors = 0;     // of 32 bytes, as for loads
    std::uint64_t turns = 0;       // lanes of a request that want one address take turns: how many that makes

    /// Turns beyond the first: what lanes of one warp wait for each other.
    std::uint64_t contention() const { return turns - requests; }
    AtomicTraffic& operator+=(const AtomicTraffic& other);
    bool operator==(const AtomicTraffic&) const = default;
};

/// What one memory instruction of the program did. A generic address may lead to any space.
struct Traffic {
    SectorTraffic global;
    SectorTraffic local;
    SharedTraffic shared;
    AtomicTraffic globalAtomics;
    AtomicTraffic sharedAtomics;

    Traffic& operator+=(const Traffic& other);
};

/// How often one instruction of the program was executed.
struct Executions {
    std::uint64_t warps = 0;
    std::uint64_t threads = 0;    // lanes whose guard held
    std::uint64_t divergent = 0;  // branches: how often it parted the lanes of a warp

    void executedBy(std::uint32_t lanes) {
        warps++;
        threads += static_cast<unsigned>(__builtin_popcount(lanes));
    }
    Executions& operator+=(const Executions& other);
};

/// What one line of the PTX did: the sum over its instructions.
struct LineCounters {
    int line = 0;
    std::string text;    // of the PTX
    std::string source;  // the line of the CUDA source that it came from; empty: the PTX does not say
    Executions executions;
    Traffic traffic;
};

struct Counters {
    SectorTraffic globalLoads;
    SectorTraffic globalStores;
    SectorTraffic localLoads;
    SectorTraffic localStores;
    SharedTraffic sharedLoads;
    SharedTraffic sharedStores;
    AtomicTraffic globalAtomics;
    AtomicTraffic sharedAtomics;
    std::uint64_t matrixFlop = 0;         // additions and multiplications of mma and wmma, of every type
    std::uint64_t barriers = 0;           // arrivals of warps
    std::uint64_t branches = 0;           // branches that warps executed
    std::uint64_t divergentBranches = 0;  // those of them that parted the lanes
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
    /// Lanes that an average instruction of a warp is executed for: 32 without divergence, guards and partial warps.
    double lanesPerInstruction() const {
        return warpInstructions == 0
                   ? 0
                   : static_cast<double>(threadInstructions()) / static_cast<double>(warpInstructions);
    }

    /// Adds what one memory instruction did to the counters of its direction.
    void add(const Traffic& traffic, bool store);

    Counters& operator+=(const Counters& other);
    bool operator==(const Counters&) const = default;
};

/// Calls use(name, value) for each number that is a counter, in the order of reports, except instruction classes.
template <typename Use>
void forEachCounter(const Counters& counters, Use use) {
    const auto sectors = [&](const std::string& name, const SectorTraffic& traffic) {
        use(name + ".requests", traffic.requests);
        use(name + ".sectors", traffic.sectors);
        use(name + ".requestedBytes", traffic.bytes);
    };
    const auto wavefronts = [&](const std::string& name, const SharedTraffic& traffic) {
        use(name + ".requests", traffic.requests);
        use(name + ".wavefronts", traffic.wavefronts);
        use(name + ".idealWavefronts", traffic.idealWavefronts);
        use(name + ".requestedBytes", traffic.bytes);
    };
    const auto atomics = [&](const std::string& name, const AtomicTraffic& traffic) {
        use(name + ".requests", traffic.requests);
        use(name + ".operations", traffic.operations);
        use(name + ".sectors", traffic.sectors);
        use(name + ".turns", traffic.turns);
    };
    sectors("globalLoads", counters.globalLoads);
    sectors("globalStores", counters.globalStores);
    sectors("localLoads", counters.localLoads);
    sectors("localStores", counters.localStores);
    wavefronts("sharedLoads", counters.sharedLoads);
    wavefronts("sharedStores", counters.sharedStores);
    atomics("globalAtomics", counters.globalAtomics);
    atomics("sharedAtomics", counters.sharedAtomics);
    use("barriers", counters.barriers);
    use("branches", counters.branches);
    use("divergentBranches", counters.divergentBranches);
    use("warpInstructions", counters.warpInstructions);
    use("matrixFlop", counters.matrixFlop);
}

}  // namespace quern::emulator
