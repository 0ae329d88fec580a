// Functions: attributes and occupancy.
#include <algorithm>

#include "driver/call.hpp"
#include "driver/launch.hpp"

using namespace quern::driver;

namespace {

constexpr unsigned OCCUPANCY_FLAGS = 1;  // CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE: a hint

int blocksFor(const Call& call, CUfunction handle, int threads, std::size_t dynamicSharedBytes,
              unsigned flags) {
    require((flags & ~OCCUPANCY_FLAGS) == 0, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    require(threads > 0, CUDA_ERROR_INVALID_VALUE, "the block size must be positive");
    const auto function = call.driver.handles.get<Function>(handle);
    return blocksPerMultiprocessor(call.driver, *function, threads, dynamicSharedBytes);
}

void bestBlock(Call& call, int* minGrid, int* blockSize, CUfunction handle, CUoccupancyB2DSize sharedOf,
               std::size_t dynamicSharedBytes, int limit, unsigned flags) {
    requireNotNull(minGrid, "minGridSize");
    requireNotNull(blockSize, "blockSize");
    require((flags & ~OCCUPANCY_FLAGS) == 0, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    require(limit >= 0, CUDA_ERROR_INVALID_VALUE, "the block size limit is negative");
    const auto function = call.driver.handles.get<Function>(handle);
    const auto& model = call.driver.model();
    const int most = std::min<int>(static_cast<int>(function->kernel.maxThreadsPerBlock(model)),
                                   limit == 0 ? 0x7fffffff : limit);
    call.lock.unlock();  // `sharedOf` is the program's
    int bestThreads = 0;
    int bestBlocks = 0;
    // Whole warps, the largest first: of equally full multiprocessors the one with fewer blocks.
    for (int threads = most; threads > 0; threads = (threads - 1) / model.warpSize * model.warpSize) {
        const std::size_t shared = sharedOf != nullptr ? sharedOf(threads) : dynamicSharedBytes;
        const Scheduler::Lock again(call.driver.mutex);
        const int blocks = blocksPerMultiprocessor(call.driver, *function, threads, shared);
        if (blocks * threads > bestBlocks * bestThreads) {
            bestThreads = threads;
            bestBlocks = blocks;
        }
    }
    require(bestThreads > 0, CUDA_ERROR_INVALID_VALUE, "no block size fits on the device");
    *blockSize = bestThreads;
    *minGrid = bestBlocks * model.multiprocessors;
}

}  // namespace

QUERN_EXPORT CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(value, "pi");
        const auto function = call.driver.handles.get<Function>(handle);
        const auto& kernel = function->kernel;
        const auto& model = call.driver.model();
        switch (attribute) {
            case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
                *value = int(kernel.maxThreadsPerBlock(model));
                return;
            case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = int(kernel.staticSharedBytes); return;
            case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: *value = int(kernel.constantBytes); return;
            case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = int(kernel.localBytes); return;
            case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = int(function->registers(call.driver.registers)); return;
            case CU_FUNC_ATTRIBUTE_PTX_VERSION:
            case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = model.capability(); return;
            case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA: *value = 0; return;
            case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
                *value = function->dynamicSharedLimit != 0
                             ? function->dynamicSharedLimit
                             : std::max(0, model.sharedPerBlock - int(kernel.staticSharedBytes));
                return;
            case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
                *value = function->sharedCarveout;
                return;
        }
        throw Failure(CUDA_ERROR_INVALID_VALUE, "unknown function attribute " + std::to_string(attribute));
    });
}

QUERN_EXPORT CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
    return entry(__func__, [&](Call& call) {
        const auto function = call.driver.handles.get<Function>(handle);
        if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
            require(value >= -1 && value <= 100, CUDA_ERROR_INVALID_VALUE,
                    "the carveout is a percentage, or -1");
            function->sharedCarveout = value;
            return;
        }
        require(attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, CUDA_ERROR_INVALID_VALUE,
                "the attribute cannot be set");
        const int most = call.driver.model().sharedPerBlockOptin - int(function->kernel.staticSharedBytes);
        if (value < 0 || value > most) {
            throw Failure(CUDA_ERROR_INVALID_VALUE,
                          function->kernel.name + ": " + std::to_string(value) +
                              " bytes of dynamic shared memory; the device allows " + std::to_string(most));
        }
        function->dynamicSharedLimit = value;
    });
}

QUERN_EXPORT CUresult cuFuncGetModule(CUmodule* module, CUfunction handle) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(module, "hmod");
        *module = call.driver.handles.get<Function>(handle)->module->handle;
    });
}

// Preferences of cache and banks have nothing to act on here.
QUERN_EXPORT CUresult cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache) {
    return entry(__func__, [&](Call& call) { call.driver.handles.get<Function>(handle); });
}

QUERN_EXPORT CUresult cuFuncSetSharedMemConfig(CUfunction handle, CUsharedconfig) {
    return entry(__func__, [&](Call& call) { call.driver.handles.get<Function>(handle); });
}

QUERN_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function,
                                                                  int threads,
                                                                  std::size_t dynamicSharedBytes) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(blocks, "numBlocks");
        *blocks = blocksFor(call, function, threads, dynamicSharedBytes, 0);
    });
}

QUERN_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction function,
                                                                           int threads,
                                                                           std::size_t dynamicSharedBytes,
                                                                           unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(blocks, "numBlocks");
        *blocks = blocksFor(call, function, threads, dynamicSharedBytes, flags);
    });
}

QUERN_EXPORT CUresult cuOccupancyMaxPotentialBlockSize(int* minGrid, int* blockSize, CUfunction function,
                                                       CUoccupancyB2DSize sharedOf,
                                                       std::size_t dynamicSharedBytes, int limit) {
    return entry(__func__, [&](Call& call) {
        bestBlock(call, minGrid, blockSize, function, sharedOf, dynamicSharedBytes, limit, 0);
    });
}

QUERN_EXPORT CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGrid, int* blockSize,
                                                                CUfunction function,
                                                                CUoccupancyB2DSize sharedOf,
                                                                std::size_t dynamicSharedBytes, int limit,
                                                                unsigned flags) {
    return entry(__func__, [&](Call& call) {
        bestBlock(call, minGrid, blockSize, function, sharedOf, dynamicSharedBytes, limit, flags);
    });
}

QUERN_EXPORT CUresult cuOccupancyAvailableDynamicSMemPerBlock(std::size_t* bytes, CUfunction handle,
                                                              int blocks, int threads) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(bytes, "dynamicSmemSize");
        require(blocks > 0 && threads > 0, CUDA_ERROR_INVALID_VALUE, "blocks and threads must be positive");
        const auto function = call.driver.handles.get<Function>(handle);
        const auto& model = call.driver.model();
        const int share = model.sharedPerMultiprocessor / blocks - model.sharedReservedPerBlock;
        const int most = std::min(share, model.sharedPerBlockOptin) - int(function->kernel.staticSharedBytes);
        *bytes = static_cast<std::size_t>(std::max(0, most));
    });
}
