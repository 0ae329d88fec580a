#include "run/launch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "exec/fault.hpp"
#include "exec/print.hpp"
#include "exec/watch.hpp"
#include "exec/workspace.hpp"
#include "ptx/lexer.hpp"
#include "run/block.hpp"

namespace quern::emulator {

namespace {

using Clock = std::chrono::steady_clock;

// A turn of one block where others wait for theirs: blocks may spin for each other.
constexpr std::uint64_t BLOCK_QUANTUM = 1 << 18;
// The same where blocks are interrupted on purpose.
constexpr std::uint64_t SHORT_QUANTUM = 1 << 4;
// The same in a cooperative launch, where they surely do: what a block spins for is done in another's turn.
constexpr std::uint64_t COOPERATIVE_QUANTUM = 1 << 13;
// How many blocks of a launch that does not ask for all of them a worker keeps going at most.
constexpr std::size_t RESIDENT_BLOCKS = 32;

// Frames here hold every parameter and local variable of PTX, of which a device keeps many in registers: a stack that
// suffices there must suffice here.
constexpr std::uint32_t STACK_FACTOR = 8;
// Arguments are written before the callee looks whether its frame fits.
constexpr std::uint32_t STACK_SLACK = 4352;

std::string text(const Dim3& d) {
    return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
}

LaunchStatus statusOf(FaultKind kind) {
    switch (kind) {
        case FaultKind::OUT_OF_BOUNDS:
        case FaultKind::FREED: return LaunchStatus::ILLEGAL_ADDRESS;
        case FaultKind::MISALIGNED: return LaunchStatus::MISALIGNED_ADDRESS;
        case FaultKind::ILLEGAL: return LaunchStatus::ILLEGAL_INSTRUCTION;
        case FaultKind::TIMEOUT: return LaunchStatus::LAUNCH_TIMEOUT;
        case FaultKind::ASSERT: return LaunchStatus::ASSERT;
        case FaultKind::STACK_OVERFLOW: return LaunchStatus::STACK_ERROR;
        default: return LaunchStatus::LAUNCH_FAILURE;
    }
}

/// The line of the source with this number, without blanks around it.
std::string_view sourceLine(const std::string& source, int line) {
    std::string_view rest = source;
    for (int at = 1; at < line; at++) {
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos) return {};
        rest.remove_prefix(end + 1);
    }
    return ptx::lineAround(source, rest.data());
}

/// Why the device or the kernel does not allow a launch; empty where they do.
std::string refusal(const Kernel& kernel, const LaunchConfig& config, const DeviceModel& device) {
    const Dim3& grid = config.grid;
    const Dim3& block = config.block;
    const auto above = [](std::uint32_t value, int limit) {
        return value == 0 || value > static_cast<unsigned>(limit);
    };
    if (above(grid.x, device.gridX) || above(grid.y, device.gridY) || above(grid.z, device.gridZ)) {
        return "grid " + text(grid) + ": the device allows 1 to " + std::to_string(device.gridX) + ", " +
               std::to_string(device.gridY) + ", " + std::to_string(device.gridZ);
    }
    if (above(block.x, device.blockX) || above(block.y, device.blockY) || above(block.z, device.blockZ)) {
        return "block " + text(block) + ": the device allows 1 to " + std::to_string(device.blockX) + ", " +
               std::to_string(device.blockY) + ", " + std::to_string(device.blockZ);
    }
    const std::uint32_t most = kernel.maxThreadsPerBlock(device);
    if (block.count() > most) {
        return "block of " + std::to_string(block.count()) + " threads: the kernel allows " +
               std::to_string(most);
    }
    const std::uint32_t* required = kernel.requiredThreads;
    if (required[0] != 0 && (block.x != required[0] || block.y != required[1] || block.z != required[2])) {
        return "block " + text(block) + ": the kernel requires " +
               text({required[0], required[1], required[2]});
    }
    const std::uint64_t shared = std::uint64_t{kernel.program->dynamicSharedBase} + config.sharedBytes;
    const int sharedLimit = std::max(device.sharedPerBlock, device.sharedPerBlockOptin);
    if (shared > static_cast<std::uint64_t>(sharedLimit)) {
        return std::to_string(shared) + " bytes of shared memory: the device has " +
               std::to_string(sharedLimit);
    }
    if (config.parameters.size() != kernel.parameterBytes) {
        return std::to_string(config.parameters.size()) + " bytes of parameters: the kernel takes " +
               std::to_string(kernel.parameterBytes);
    }
    if (config.cooperative) {
        const std::uint64_t warps = (block.count() + LANES - 1) / LANES;
        std::uint64_t perMultiprocessor =
            static_cast<std::uint64_t>(device.threadsPerMultiprocessor) / (warps * LANES);
        perMultiprocessor =
            std::min(perMultiprocessor, static_cast<std::uint64_t>(device.blocksPerMultiprocessor));
        if (shared > 0) {
            perMultiprocessor = std::min(perMultiprocessor,
                                         static_cast<std::uint64_t>(device.sharedPerMultiprocessor) / shared);
        }
        const std::uint64_t limit = perMultiprocessor * static_cast<std::uint64_t>(device.multiprocessors);
        if (grid.count() > limit) {
            return "cooperative launch of " + std::to_string(grid.count()) + " blocks: the device holds " +
                   std::to_string(limit) + " at once";
        }
    }
    return {};
}

/// The order in which blocks begin.
class BlockOrder {
  public:
    BlockOrder(const Options& options, std::uint64_t blocks) : schedule_(options.schedule), blocks_(blocks) {
        if (schedule_ < Schedule::RANDOM || blocks < 3) return;
        // Steps of a length that shares no factor with the number of blocks come by each of them once.
        step_ = (options.seed * 0x9e3779b97f4a7c15 >> 16) % blocks;
        while (step_ < 2 || std::gcd(step_, blocks) != 1)
            step_ = step_ % blocks + 1 == blocks ? 1 : step_ + 1;
        first_ = options.seed % blocks;
    }
    std::uint64_t at(std::uint64_t i) const {
        if (schedule_ == Schedule::REVERSE) return blocks_ - 1 - i;
        if (schedule_ < Schedule::RANDOM || step_ == 0) return i;
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(i) * step_ + first_) % blocks_);
    }

  private:
    Schedule schedule_;
    std::uint64_t blocks_;
    std::uint64_t step_ = 0;
    std::uint64_t first_ = 0;
};

class Run {
  public:
    Run(const Kernel& kernel, const LaunchConfig& config, const DeviceModel& device, DeviceMemory& memory,
        const Options& options)
        : config_(config),
          memory_(memory),
          options_(options),
          blocks_(config.grid.count()),
          printer_(config.printBytes),
          order_(options, blocks_) {
        static std::atomic<std::uint64_t> launches{0};
        grid_.kernel = &kernel;
        grid_.program = kernel.program.get();
        grid_.device = &device;
        grid_.options = &options;
        grid_.grid = config.grid;
        grid_.block = config.block;
        grid_.threads = static_cast<std::uint32_t>(config.block.count());
        grid_.warps = (grid_.threads + LANES - 1) / LANES;
        grid_.dynamicSharedBytes = config.sharedBytes;
        grid_.sharedBytes = grid_.program->dynamicSharedBase + config.sharedBytes;
        grid_.localBytes = grid_.program->localBytes;
        if (grid_.program->usesStack) {
            grid_.stackTop = grid_.localBytes + STACK_FACTOR * ((config.stackBytes + 15) & ~15U);
            grid_.localBytes = grid_.stackTop + STACK_SLACK;
        }
        addWorkspace();
        grid_.serial = ++launches;
    }

    LaunchResult all() {
        if (result_.status != LaunchStatus::OK) return std::move(result_);
        const auto begin = Clock::now();
        if (options_.timeoutSeconds > 0) {
            deadline_ = begin + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double>(std::min(options_.timeoutSeconds, 1e9)));
        }
        memory_.followInitialisation(options_.uninitialised);
        if (LaunchWatch::wanted(options_)) watch_.emplace(memory_, *grid_.program, options_);
        std::vector<std::thread> others;
        for (std::size_t i = 1; i < workers(); i++) others.emplace_back([this] { work(); });
        work();
        for (std::thread& other : others) other.join();
        result_.printed = printer_.take();
        result_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        if (options_.lines) list();
        return std::move(result_);
    }

    ~Run() {
        if (workspace_ != 0) memory_.free(workspace_);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

  private:
    /// What the blocks of a cooperative launch synchronise at: zeros at its begin.
    void addWorkspace() {
        constexpr std::uint64_t BYTES = 64;
        if (config_.cooperative) {
            workspace_ = memory_.allocate(BYTES, AllocationKind::DEVICE, "workspace of a cooperative launch");
            if (workspace_ == 0) {
                result_.status = LaunchStatus::OUT_OF_MEMORY;
                result_.report = std::string(nameOf(result_.status)) + " in kernel " + grid_.kernel->name +
                                 ": a cooperative launch needs " + std::to_string(BYTES) +
                                 " bytes of device memory, and there are none left";
                return;
            }
            std::memset(reinterpret_cast<void*>(workspace_), 0, BYTES);
            memory_.markInitialised(workspace_, BYTES);
        }
        const std::uint32_t at = workspaceOffset(static_cast<std::uint32_t>(config_.parameters.size()));
        parameters_.resize(at + sizeof workspace_);
        std::copy(config_.parameters.begin(), config_.parameters.end(), parameters_.begin());
        std::memcpy(parameters_.data() + at, &workspace_, sizeof workspace_);
    }

    std::size_t workers() const {
        // What watches a launch sees it in one order, the same each time.
        if (watch_) return 1;
        std::size_t wanted = static_cast<std::size_t>(std::max(options_.threads, 0));
        if (wanted == 0) wanted = std::max(1U, std::thread::hardware_concurrency());
        // Starting a thread takes as long as some hundred warps run.
        const std::uint64_t warps = blocks_ * grid_.warps;
        const std::uint64_t useful = config_.cooperative ? blocks_ : std::min(blocks_, warps / 64);
        return static_cast<std::size_t>(std::clamp<std::uint64_t>(useful, 1, wanted));
    }

    /// How many blocks in a row a worker takes. Neighbours mostly touch neighbouring memory, and two cores that take them by
    /// turns stream it badly: two threads step Lion of 2^21 elements 1.8 to 1.9 times as fast as one in rows, 1.6 to 1.8
    /// times block by block. Short rows where there are few blocks, so that the last workers do not wait long for each other.
    std::uint64_t blocksInARow() const {
        if (config_.cooperative) return 1;
        return std::clamp<std::uint64_t>(blocks_ / (8 * workers()), 1, 32);
    }

    std::uint64_t quantum() const {
        if (options_.schedule == Schedule::PREEMPT) return SHORT_QUANTUM;
        return config_.cooperative ? COOPERATIVE_QUANTUM : BLOCK_QUANTUM;
    }

    /// One worker: begins blocks, and lets those that it has begun take turns.
    void work() {
        Worker worker;
        worker.memory = &memory_;
        worker.heap = &memory_;
        worker.printer = &printer_;
        worker.parameters = parameters_.data();
        worker.parameterBytes = static_cast<std::uint32_t>(config_.parameters.size());
        worker.checks = options_.checks || watch_;
        worker.counters = options_.counters;
        worker.tensorCore = TensorCore::of(grid_.device->capability(), options_.truncatingMatrix);
        worker.approximation = options_.approximation;
        std::vector<Site> sites(grid_.program->sites);
        worker.sites = sites.data();
        std::vector<Traffic> traffic(grid_.program->sites);
        worker.traffic = traffic.data();
        std::vector<Executions> executions(grid_.program->code.size());
        Tally tally;
        tally.executions = executions.data();

        const std::uint64_t row = blocksInARow();
        std::uint64_t mine = 0;  // the next of this worker's row
        std::uint64_t end = 0;
        std::deque<std::unique_ptr<Block>> begun;
        std::vector<std::unique_ptr<Block>> idle;
        while (!stop_.load(std::memory_order_relaxed)) {
            const bool room = config_.cooperative || begun.size() < RESIDENT_BLOCKS;
            if (room && mine == end) {
                mine = next_.fetch_add(row);
                end = mine + row;
            }
            const std::uint64_t next = room ? mine++ : blocks_;
            std::unique_ptr<Block> block;
            if (next < blocks_) {
                if (idle.empty())
                    idle.push_back(
                        std::make_unique<Block>(grid_, worker, tally, watch_ ? &*watch_ : nullptr));
                block = std::move(idle.back());
                idle.pop_back();
                block->start(order_.at(next));
            } else if (!begun.empty()) {
                block = std::move(begun.front());
                begun.pop_front();
            } else {
                break;
            }
            try {
                if (block->run(quantum())) {
                    idle.push_back(std::move(block));
                } else {
                    checkTime(*block);
                    begun.push_back(std::move(block));
                }
            } catch (const Fault& fault) {
                report(fault, *block);
            }
        }
        collect(traffic, tally, executions);
    }

    void checkTime(const Block& block) const {
        const bool late = deadline_ && Clock::now() > *deadline_;
        const bool costly = options_.instructionBudget != 0 && block.executed() > options_.instructionBudget;
        if (!late && !costly) return;
        Fault fault;
        fault.kind = FaultKind::TIMEOUT;
        fault.message =
            late ? "the launch ran longer than " + std::to_string(options_.timeoutSeconds) + " seconds"
                 : "the block executed more than " + std::to_string(options_.instructionBudget) +
                       " warp instructions";
        throw fault;
    }

    /// The line of an instruction in the PTX and in the CUDA source.
    std::string describe(const Op& op) const {
        const std::string source = grid_.program->describeSource(op);
        return "PTX line " + std::to_string(op.line) + ": " +
               std::string(sourceLine(*grid_.program->source, op.line)) +
               (source.empty() ? "" : "; " + source);
    }

    void report(const Fault& fault, const Block& block) {
        stop_ = true;
        const std::lock_guard lock(mutex_);
        // Of several faults, that of the first block: the same in every run that finds it.
        if (result_.status != LaunchStatus::OK && faultyBlock_ <= block.number()) return;
        faultyBlock_ = block.number();
        result_.status = statusOf(fault.kind);
        result_.address = fault.address;
        result_.block = block.position();
        result_.line = fault.op == nullptr ? 0 : fault.op->line;
        std::string& report = result_.report;
        report = std::string(nameOf(result_.status)) + " in kernel " + grid_.kernel->name + ", block " +
                 text(result_.block);
        if (fault.lane >= 0) {
            result_.thread = block.threadAt(block.currentWarp(), fault.lane);
            report += ", thread " + text(result_.thread);
        } else if (fault.op != nullptr) {
            report += ", warp " + std::to_string(block.currentWarp());
        }
        report += ": " + fault.message;
        if (result_.line > 0) {
            report += "; " + describe(*fault.op);
        }
        if (fault.otherOp != nullptr) {
            const std::uint32_t thread = fault.other.thread();
            report += std::string(fault.kind == FaultKind::UNINITIALISED
                                      ? ". Nothing had written it when it was read: block "
                                      : ". The other: block ") +
                      text(fault.kind == FaultKind::UNINITIALISED ? result_.block
                                                                  : block.positionOf(fault.other.block)) +
                      ", thread " + text(block.threadAt(thread / LANES, static_cast<int>(thread % LANES))) +
                      "; " + describe(*fault.otherOp);
        }
    }

    void collect(const std::vector<Traffic>& traffic, const Tally& tally,
                 const std::vector<Executions>& executions) {
        if (!options_.counters) return;
        Counters counters;
        counters.barriers = tally.barriers;
        const std::vector<Op>& code = grid_.program->code;
        for (std::size_t pc = 0; pc < code.size(); pc++) {
            const Op& op = code[pc];
            const Executions& of = executions[pc];
            counters.warpInstructions += of.warps;
            counters.ptxInstructions[static_cast<std::size_t>(op.kind)] += of.threads;
            counters.divergentBranches += of.divergent;
            if (op.flow == Flow::BRANCH || op.flow == Flow::INDEX) counters.branches += of.warps;
            if (op.site != NO_SITE && !op.constant) counters.add(traffic[op.site], op.store);
            if (op.flow == Flow::WARP) counters.matrixFlop += of.warps * op.target;
        }
        for (const auto& second : grid_.program->seconds) {
            if (second->site != NO_SITE) counters.add(traffic[second->site], second->store);
        }
        const std::lock_guard lock(mutex_);
        result_.counters += counters;
        if (!options_.lines) return;
        for (std::size_t pc = 0; pc < code.size(); pc++) {
            const Op& op = code[pc];
            LineCounters& of = lines_[op.line];
            of.executions += executions[pc];
            if (op.site != NO_SITE && !op.constant) of.traffic += traffic[op.site];
            if (of.source.empty()) of.source = grid_.program->describeSource(op);
        }
        for (const auto& second : grid_.program->seconds) {
            if (second->site != NO_SITE) lines_[code[second->target].line].traffic += traffic[second->site];
        }
    }

    /// The lines with their texts. An instruction that the decoder added has no line.
    void list() {
        std::string_view rest = *grid_.program->source;
        int line = 0;
        for (auto& [number, of] : lines_) {
            if (number <= 0) continue;
            std::string_view text;
            for (; line < number; line++) {
                const std::size_t end = rest.find('\n');
                text = rest.substr(0, end);
                rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            }
            const std::size_t begin = text.find_first_not_of(" \t");
            of.line = number;
            of.text = begin == std::string_view::npos ? "" : text.substr(begin);
            result_.lines.push_back(std::move(of));
        }
    }

    const LaunchConfig& config_;
    DeviceMemory& memory_;
    const Options& options_;
    std::uint64_t blocks_;
    std::uint64_t workspace_ = 0;
    std::vector<std::byte> parameters_;  // those of the launch, and the workspace's address
    Printer printer_;
    BlockOrder order_;
    Grid grid_;
    std::optional<LaunchWatch> watch_;
    std::optional<Clock::time_point> deadline_;
    std::atomic<std::uint64_t> next_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::uint64_t faultyBlock_ = 0;
    LaunchResult result_;
    std::map<int, LineCounters> lines_;  // with Options::lines
};

}  // namespace

const char* nameOf(LaunchStatus status) {
    switch (status) {
        case LaunchStatus::OK: return "ok";
        case LaunchStatus::INVALID_CONFIGURATION: return "invalid configuration";
        case LaunchStatus::ILLEGAL_ADDRESS: return "illegal address";
        case LaunchStatus::MISALIGNED_ADDRESS: return "misaligned address";
        case LaunchStatus::ILLEGAL_INSTRUCTION: return "illegal instruction";
        case LaunchStatus::LAUNCH_FAILURE: return "launch failure";
        case LaunchStatus::LAUNCH_TIMEOUT: return "launch timeout";
        case LaunchStatus::ASSERT: return "assertion failed";
        case LaunchStatus::STACK_ERROR: return "stack error";
        case LaunchStatus::OUT_OF_MEMORY: return "out of memory";
    }
    return "unknown";
}

LaunchResult launch(const Kernel& kernel, const LaunchConfig& config, const DeviceModel& device,
                    DeviceMemory& memory, const Options& options) {
    const std::string refused = refusal(kernel, config, device);
    if (!refused.empty()) {
        LaunchResult result;
        result.status = LaunchStatus::INVALID_CONFIGURATION;
        result.report = std::string(nameOf(result.status)) + " of kernel " + kernel.name + ": " + refused;
        return result;
    }
    return Run(kernel, config, device, memory, options).all();
}

}  // namespace quern::emulator
