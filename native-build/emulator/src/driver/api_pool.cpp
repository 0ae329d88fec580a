// Stream-ordered allocation.
#include <cstring>

#include "driver/call.hpp"
#include "driver/device.hpp"
#include "driver/pool.hpp"

using namespace quern::driver;

namespace {

// Gives the memory back when its turn in the stream has come: what uses it later is a use after free.
class FreeOperation final : public Operation {
  public:
    explicit FreeOperation(CUdeviceptr address) : address_(address) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_EMPTY; }
    void perform(Context&) const override {
        Driver& driver = Driver::instance();
        const std::lock_guard<std::mutex> guard(driver.mutex);
        const Block* const block = driver.allocations().find(address_);
        if (block == nullptr) return;
        if (block->pool) block->pool->gaveBack(block->bytes);
        driver.allocations().release(address_);
    }

  private:
    CUdeviceptr address_;
};

std::shared_ptr<MemoryPool> newPool(Call& call) {
    auto pool = std::make_shared<MemoryPool>();
    pool->handle = call.driver.handles.add(pool);
    return pool;
}

std::shared_ptr<MemoryPool> defaultPool(Call& call) {
    if (!call.driver.defaultPool) call.driver.defaultPool = newPool(call);
    return call.driver.defaultPool;
}

std::shared_ptr<MemoryPool> currentPool(Call& call) {
    return call.driver.currentPool ? call.driver.currentPool : defaultPool(call);
}

CUdeviceptr allocate(Call& call, std::size_t bytes, const std::shared_ptr<MemoryPool>& pool,
                     CUstream handle) {
    const auto stream = call.stream(handle);
    require(!stream->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
            "the emulator's graphs hold no allocation nodes");
    require(bytes != 0, CUDA_ERROR_INVALID_VALUE, "an allocation of 0 bytes");
    call.countOrFail(CallKind::ALLOCATION);
    const CUdeviceptr address = call.allocate(stream->context, bytes, Block::Kind::POOLED, pool);
    pool->took(bytes);
    return address;
}

// The REUSE attributes are ints, the others 64-bit counts.
bool isReuse(CUmemPool_attribute attribute) {
    return attribute >= CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES &&
           attribute <= CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES;
}

}  // namespace

QUERN_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* pointer, std::size_t bytes, CUstream stream) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "dptr");
        *pointer = allocate(call, bytes, currentPool(call), stream);
    });
}

QUERN_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* pointer, std::size_t bytes, CUmemoryPool pool,
                                              CUstream stream) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "dptr");
        *pointer = allocate(call, bytes, call.driver.handles.get<MemoryPool>(pool), stream);
    });
}

QUERN_EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream handle) {
    return entry(__func__, [&](Call& call) {
        const auto stream = call.stream(handle);
        require(!stream->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "the emulator's graphs hold no free nodes");
        Block& block = call.driver.allocations().startingAt(pointer);
        require(!block.onHost(), CUDA_ERROR_INVALID_VALUE,
                "pinned host memory is not freed by this function");
        if (block.freeQueued) throw Failure(CUDA_ERROR_INVALID_VALUE, block.describe() + " is freed twice");
        block.freeQueued = true;
        call.submit(stream, std::make_shared<FreeOperation>(pointer));
    });
}

QUERN_EXPORT CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* properties) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pool, "pool");
        requireNotNull(properties, "poolProps");
        require(properties->allocType == CU_MEM_ALLOCATION_TYPE_PINNED, CUDA_ERROR_INVALID_VALUE,
                "unknown allocation type");
        require(properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE, CUDA_ERROR_INVALID_VALUE,
                "a pool must be located on a device");
        require(properties->handleTypes == 0, CUDA_ERROR_NOT_SUPPORTED,
                "the emulator's pools cannot be shared");
        requireDevice(properties->location.id);
        *pool = newPool(call)->handle;
    });
}

QUERN_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool handle) {
    return entry(__func__, [&](Call& call) {
        const auto pool = call.driver.handles.get<MemoryPool>(handle);
        require(pool != call.driver.defaultPool, CUDA_ERROR_INVALID_VALUE,
                "the default pool cannot be destroyed");
        if (call.driver.currentPool == pool) call.driver.currentPool.reset();
        call.driver.handles.remove(handle);
    });
}

QUERN_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool handle, std::size_t) {
    return entry(__func__, [&](Call& call) { call.driver.handles.get<MemoryPool>(handle); });
}

QUERN_EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(value, "value");
        const auto pool = call.driver.handles.get<MemoryPool>(handle);
        const auto give = [&](auto number) { std::memcpy(value, &number, sizeof number); };
        if (isReuse(attribute)) return give(pool->reuse[attribute - 1]);
        switch (attribute) {
            case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: return give(pool->releaseThreshold);
            case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
            case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: return give(pool->used);
            case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
            case CU_MEMPOOL_ATTR_USED_MEM_HIGH: return give(pool->usedHigh);
            default:
                throw Failure(CUDA_ERROR_INVALID_VALUE,
                              "unknown pool attribute " + std::to_string(attribute));
        }
    });
}

QUERN_EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(value, "value");
        const auto pool = call.driver.handles.get<MemoryPool>(handle);
        if (isReuse(attribute)) {
            std::memcpy(&pool->reuse[attribute - 1], value, sizeof(int));
            return;
        }
        std::uint64_t number = 0;
        std::memcpy(&number, value, sizeof number);
        switch (attribute) {
            case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: pool->releaseThreshold = number; return;
            case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
            case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
                require(number == 0, CUDA_ERROR_INVALID_VALUE, "a high-water mark can only be set to 0");
                pool->usedHigh = pool->used;
                return;
            default:
                throw Failure(CUDA_ERROR_INVALID_VALUE,
                              "pool attribute " + std::to_string(attribute) + " cannot be set");
        }
    });
}

QUERN_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pool, "pool_out");
        requireDevice(device);
        *pool = defaultPool(call)->handle;
    });
}

QUERN_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pool, "pool");
        requireDevice(device);
        *pool = currentPool(call)->handle;
    });
}

QUERN_EXPORT CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
    return entry(__func__, [&](Call& call) {
        requireDevice(device);
        call.driver.currentPool = call.driver.handles.get<MemoryPool>(pool);
    });
}
