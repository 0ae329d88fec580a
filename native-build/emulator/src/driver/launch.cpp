#include "driver/launch.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace quern::driver {

namespace {

CUresult resultOf(emulator::LaunchStatus status) {
    switch (status) {
        case emulator::LaunchStatus::OK: return CUDA_SUCCESS;
        case emulator::LaunchStatus::INVALID_CONFIGURATION: return CUDA_ERROR_INVALID_VALUE;
        case emulator::LaunchStatus::ILLEGAL_ADDRESS: return CUDA_ERROR_ILLEGAL_ADDRESS;
        case emulator::LaunchStatus::MISALIGNED_ADDRESS: return CUDA_ERROR_MISALIGNED_ADDRESS;
        case emulator::LaunchStatus::ILLEGAL_INSTRUCTION: return CUDA_ERROR_ILLEGAL_INSTRUCTION;
        case emulator::LaunchStatus::LAUNCH_FAILURE: return CUDA_ERROR_LAUNCH_FAILED;
        case emulator::LaunchStatus::LAUNCH_TIMEOUT: return CUDA_ERROR_LAUNCH_TIMEOUT;
        case emulator::LaunchStatus::ASSERT: return CUDA_ERROR_ASSERT;
        case emulator::LaunchStatus::STACK_ERROR: return CUDA_ERROR_HARDWARE_STACK_ERROR;
        case emulator::LaunchStatus::OUT_OF_MEMORY: return CUDA_ERROR_OUT_OF_MEMORY;
    }
    return CUDA_ERROR_UNKNOWN;
}

std::string describe(const emulator::Dim3& size) {
    return std::to_string(size.x) + "x" + std::to_string(size.y) + "x" + std::to_string(size.z);
}

[[noreturn]] void refuse(CUresult code, const Function& function, const std::string& why) {
    throw Failure(code, function.kernel.name + ": " + why);
}

bool within(const emulator::Dim3& size, int x, int y, int z) {
    return size.x >= 1 && size.y >= 1 && size.z >= 1 && size.x <= static_cast<unsigned>(x) &&
           size.y <= static_cast<unsigned>(y) && size.z <= static_cast<unsigned>(z);
}

std::uint64_t roundedUp(std::uint64_t value, int unit) {
    return (value + unsigned(unit) - 1) / unsigned(unit) * unsigned(unit);
}

// Registers are given out to warps in units.
std::uint64_t registersPerWarp(const emulator::DeviceModel& model, std::uint32_t perThread) {
    return roundedUp(std::uint64_t{perThread} * model.warpSize, model.registerAllocationUnit);
}

// Only counts that somebody measured refuse a launch: an estimate may be too high.
void checkRegisters(const Driver& driver, const Function& function, std::uint64_t threads) {
    const emulator::DeviceModel& model = driver.model();
    const auto measured = driver.registers.find(function.moduleHash, function.kernel.name);
    if (!measured) return;
    // The device looks as if each of its parts had as many warps of the block.
    const std::uint64_t warps =
        roundedUp((threads + model.warpSize - 1) / model.warpSize, model.registerPartitions);
    if (registersPerWarp(model, *measured) * warps <= unsigned(model.registersPerBlock)) return;
    refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, function,
           "too many resources requested: a block of " + std::to_string(threads) + " threads with " +
               std::to_string(*measured) + " registers each; a block has " +
               std::to_string(model.registersPerBlock));
}

void checkShape(const Driver& driver, const Function& function, const LaunchShape& shape) {
    const emulator::DeviceModel& model = driver.model();
    const emulator::Kernel& kernel = function.kernel;
    if (!within(shape.grid, model.gridX, model.gridY, model.gridZ)) {
        refuse(CUDA_ERROR_INVALID_VALUE, function,
               "a grid of " + describe(shape.grid) + " blocks; the device allows 1 to " +
                   describe({unsigned(model.gridX), unsigned(model.gridY), unsigned(model.gridZ)}));
    }
    const std::uint64_t threads = shape.block.count();
    if (!within(shape.block, model.blockX, model.blockY, model.blockZ) ||
        threads > unsigned(model.threadsPerBlock)) {
        refuse(CUDA_ERROR_INVALID_VALUE, function,
               "a block of " + describe(shape.block) + " threads; the device allows 1 to " +
                   std::to_string(model.threadsPerBlock));
    }
    if (threads > kernel.maxThreadsPerBlock(model)) {
        refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, function,
               "a block of " + std::to_string(threads) + " threads; the kernel allows " +
                   std::to_string(kernel.maxThreadsPerBlock(model)));
    }
    const std::uint64_t shared = std::uint64_t{kernel.staticSharedBytes} + shape.sharedBytes;
    const std::uint64_t limit =
        std::max<std::uint64_t>(model.sharedPerBlock, std::uint64_t{kernel.staticSharedBytes} +
                                                          unsigned(function.dynamicSharedLimit));
    if (shared > limit) {
        refuse(CUDA_ERROR_INVALID_VALUE, function,
               std::to_string(shared) + " bytes of shared memory a block; the limit is " +
                   std::to_string(limit) + " (see CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)");
    }
    checkRegisters(driver, function, threads);
    if (shape.cooperative) {
        const auto resident =
            std::uint64_t(model.multiprocessors) *
            unsigned(blocksPerMultiprocessor(driver, function, int(threads), shape.sharedBytes));
        if (shape.grid.count() > resident) {
            refuse(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, function,
                   "a cooperative grid of " + std::to_string(shape.grid.count()) + " blocks; " +
                       std::to_string(resident) + " fit on the device at once");
        }
    }
}

// `extra` is a list of markers, each but the last followed by its value.
std::vector<std::byte> fromExtra(const Function& function, void** extra) {
    const void* buffer = nullptr;
    const std::size_t* size = nullptr;
    for (std::size_t i = 0; extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
        if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER) {
            buffer = extra[i + 1];
        } else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE) {
            size = static_cast<const std::size_t*>(extra[i + 1]);
        } else {
            refuse(CUDA_ERROR_INVALID_VALUE, function, "`extra` holds an unknown marker");
        }
    }
    const std::size_t needed = function.kernel.parameterBytes;
    if (needed == 0) return {};
    if (buffer == nullptr || size == nullptr) {
        refuse(CUDA_ERROR_INVALID_VALUE, function, "`extra` names no parameter buffer or no size of it");
    }
    if (*size < needed) {
        refuse(CUDA_ERROR_INVALID_VALUE, function,
               "a parameter buffer of " + std::to_string(*size) + " bytes; the kernel takes " +
                   std::to_string(needed));
    }
    const auto* const bytes = static_cast<const std::byte*>(buffer);
    return {bytes, bytes + needed};
}

std::vector<std::byte> fromPointers(const Function& function, void** arguments) {
    const auto& parameters = function.kernel.parameters;
    std::vector<std::byte> block(function.kernel.parameterBytes);
    if (!parameters.empty() && arguments == nullptr) {
        refuse(CUDA_ERROR_INVALID_VALUE, function,
               "no arguments; the kernel takes " + std::to_string(parameters.size()));
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (arguments[i] == nullptr) {
            refuse(CUDA_ERROR_INVALID_VALUE, function,
                   "argument " + std::to_string(i) + " (" + parameters[i].name + ") is null");
        }
        std::memcpy(block.data() + parameters[i].offset, arguments[i], parameters[i].bytes);
    }
    return block;
}

}  // namespace

KernelOperation::KernelOperation(std::shared_ptr<Function> function, const LaunchShape& shape,
                                 std::vector<std::byte> parameters)
    : function_(std::move(function)), shape_(shape), parameters_(std::move(parameters)) {}

void KernelOperation::perform(Context& context) const {
    Driver& driver = Driver::instance();
    emulator::Options options;
    {
        const std::lock_guard<std::mutex> guard(driver.mutex);
        options = driver.options();
    }
    emulator::LaunchConfig config{shape_.grid, shape_.block, shape_.sharedBytes, parameters_,
                                  shape_.cooperative};
    // A device rounds these, and takes no more than it has.
    config.stackBytes = static_cast<std::uint32_t>(std::min<std::size_t>(context.stackBytes, 512 << 10));
    config.printBytes = context.printfBytes;
    emulator::LaunchResult result =
        launch(function_->kernel, config, driver.model(), driver.memory(), options);
    {
        const std::lock_guard<std::mutex> guard(driver.mutex);
        driver.launches.add({function_->kernel.name, shape_.grid, shape_.block, shape_.sharedBytes,
                             nameOf(result.status), result.seconds, result.counters,
                             std::move(result.lines)});
    }
    if (!result.printed.empty()) {
        std::fwrite(result.printed.data(), 1, result.printed.size(), stdout);
        std::fflush(stdout);
    }
    if (result.status == emulator::LaunchStatus::ASSERT) std::fprintf(stderr, "%s\n", result.report.c_str());
    if (!result.ok()) throw Failure(resultOf(result.status), result.report);
}

CUDA_KERNEL_NODE_PARAMS KernelOperation::parameters() const {
    argumentPointers_.clear();
    for (const emulator::Parameter& parameter : function_->kernel.parameters) {
        argumentPointers_.push_back(const_cast<std::byte*>(parameters_.data() + parameter.offset));
    }
    CUDA_KERNEL_NODE_PARAMS result{};
    result.func = function_->handle;
    result.gridDimX = shape_.grid.x;
    result.gridDimY = shape_.grid.y;
    result.gridDimZ = shape_.grid.z;
    result.blockDimX = shape_.block.x;
    result.blockDimY = shape_.block.y;
    result.blockDimZ = shape_.block.z;
    result.sharedMemBytes = shape_.sharedBytes;
    result.kernelParams = argumentPointers_.data();
    result.ctx = function_->context->handle;
    return result;
}

std::shared_ptr<KernelOperation> makeKernelOperation(const Call& call, CUfunction handle,
                                                     const LaunchShape& shape, void** kernelParams,
                                                     void** extra) {
    auto function = call.driver.handles.get<Function>(handle);
    checkShape(call.driver, *function, shape);
    if (kernelParams != nullptr && extra != nullptr) {
        refuse(CUDA_ERROR_INVALID_VALUE, *function, "both kernelParams and extra are given");
    }
    auto parameters = extra != nullptr ? fromExtra(*function, extra) : fromPointers(*function, kernelParams);
    return std::make_shared<KernelOperation>(std::move(function), shape, std::move(parameters));
}

int blocksPerMultiprocessor(const Driver& driver, const Function& function, int threads,
                            std::size_t dynamicSharedBytes) {
    const emulator::DeviceModel& model = driver.model();
    const emulator::Kernel& kernel = function.kernel;
    if (unsigned(threads) > kernel.maxThreadsPerBlock(model)) return 0;
    const int warps = (threads + model.warpSize - 1) / model.warpSize;
    std::uint64_t blocks = model.blocksPerMultiprocessor;
    blocks = std::min<std::uint64_t>(blocks, model.threadsPerMultiprocessor / (warps * model.warpSize));

    const std::uint64_t asked = kernel.staticSharedBytes + std::uint64_t{dynamicSharedBytes};
    if (asked > unsigned(model.sharedPerBlockOptin)) return 0;
    const std::uint64_t shared =
        roundedUp(asked + unsigned(model.sharedReservedPerBlock), model.sharedAllocationUnit);
    if (shared != 0)
        blocks = std::min<std::uint64_t>(blocks, unsigned(model.sharedPerMultiprocessor) / shared);

    const std::uint64_t perWarp = registersPerWarp(model, function.registers(driver.registers));
    if (perWarp != 0) {
        const auto parts = unsigned(model.registerPartitions);
        const std::uint64_t alive = unsigned(model.registersPerMultiprocessor) / parts / perWarp * parts;
        blocks = std::min(blocks, alive / unsigned(warps));
    }
    return static_cast<int>(blocks);
}

}  // namespace quern::driver
