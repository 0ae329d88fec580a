// Device, managed and pinned memory.
#include <cstdlib>

#include "driver/call.hpp"
#include "driver/device.hpp"

using namespace quern::driver;

namespace {

constexpr std::size_t PITCH_ALIGNMENT = 512;
constexpr std::size_t PAGE = 4096;
constexpr unsigned HOST_FLAGS =
    CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
constexpr unsigned REGISTER_FLAGS = 0xF;  // PORTABLE, DEVICEMAP, IOMEMORY, READ_ONLY

CUdeviceptr allocate(Call& call, std::size_t bytes, Block::Kind kind) {
    const auto context = call.context();
    call.refuseDuringCapture("memory is allocated");
    require(bytes != 0, CUDA_ERROR_INVALID_VALUE, "an allocation of 0 bytes");
    call.countOrFail(CallKind::ALLOCATION);
    return call.allocate(context, bytes, kind);
}

void freeNow(Call& call, CUdeviceptr address, bool host) {
    if (address == 0) return;  // as free(NULL)
    const Block& block = call.driver.allocations().startingAt(address);
    if (block.onHost() != host || block.kind == Block::Kind::REGISTERED_HOST) {
        throw Failure(CUDA_ERROR_INVALID_VALUE, block.describe() + " is not freed by this function");
    }
    if (block.freeQueued)
        throw Failure(CUDA_ERROR_INVALID_VALUE,
                      block.describe() + " is freed twice: cuMemFreeAsync was called before");
    call.refuseDuringCapture("memory is freed");
    // The driver waits for the device first: work queued before the free may still use the memory.
    const auto context = block.context->shared_from_this();
    call.driver.scheduler.finish(call.lock, *context);
    call.driver.allocations().release(address);
    context->requireUsable();
}

void allocateHost(Call& call, void** pointer, std::size_t bytes, unsigned flags) {
    requireNotNull(pointer, "pp");
    require((flags & ~HOST_FLAGS) == 0, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    require(bytes != 0, CUDA_ERROR_INVALID_VALUE, "an allocation of 0 bytes");
    const auto context = call.context();
    call.refuseDuringCapture("memory is allocated");
    call.countOrFail(CallKind::ALLOCATION);
    require(bytes <= SIZE_MAX - PAGE, CUDA_ERROR_OUT_OF_MEMORY, "the size overflows 64 bits");
    void* const memory = std::aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
    require(memory != nullptr, CUDA_ERROR_OUT_OF_MEMORY, "the host has no such amount of memory");
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    if (!call.driver.memory().registerHost(address, bytes)) {
        std::free(memory);
        throw Failure(CUDA_ERROR_UNKNOWN, "fresh host memory is registered already");
    }
    call.driver.allocations().add(
        {address, bytes, Block::Kind::PINNED_HOST, context.get(), flags, nullptr, false, 0});
    *pointer = memory;
}

void requireManaged(const Call& call, CUdeviceptr pointer, std::size_t bytes) {
    call.driver.allocations().requireRange(pointer, bytes, "managed memory");
    const Block* const block = call.driver.allocations().find(pointer);
    require(block != nullptr && block->kind == Block::Kind::MANAGED, CUDA_ERROR_INVALID_VALUE,
            "the memory is not managed");
}

// Where managed memory should live is advice; here it lives in one place, reachable by all.
CUmemLocation locationOf(CUdevice device) {
    return device == CU_DEVICE_CPU ? CUmemLocation{CU_MEM_LOCATION_TYPE_HOST, 0}
                                   : CUmemLocation{CU_MEM_LOCATION_TYPE_DEVICE, device};
}

void requireLocation(CUmemLocation location) {
    switch (location.type) {
        case CU_MEM_LOCATION_TYPE_DEVICE: requireDevice(location.id); return;
        case CU_MEM_LOCATION_TYPE_HOST:
        case CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT: return;
        case CU_MEM_LOCATION_TYPE_HOST_NUMA:
            require(location.id == 0, CUDA_ERROR_INVALID_VALUE, "the emulator's host has one NUMA node, 0");
            return;
        default: throw Failure(CUDA_ERROR_INVALID_VALUE, "unknown type of location");
    }
}

void prefetch(const Call& call, CUdeviceptr pointer, std::size_t bytes, CUmemLocation location,
              CUstream stream) {
    requireLocation(location);
    call.stream(stream);
    requireManaged(call, pointer, bytes);
}

void advise(const Call& call, CUdeviceptr pointer, std::size_t bytes, CUmem_advise advice,
            CUmemLocation location) {
    switch (advice) {
        case CU_MEM_ADVISE_SET_READ_MOSTLY:
        case CU_MEM_ADVISE_UNSET_READ_MOSTLY:
        case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION: break;  // they ignore the location
        case CU_MEM_ADVISE_SET_PREFERRED_LOCATION: requireLocation(location); break;
        case CU_MEM_ADVISE_SET_ACCESSED_BY:
        case CU_MEM_ADVISE_UNSET_ACCESSED_BY:
            require(
                location.type == CU_MEM_LOCATION_TYPE_DEVICE || location.type == CU_MEM_LOCATION_TYPE_HOST,
                CUDA_ERROR_INVALID_VALUE, "who accesses is a device or the host");
            requireLocation(location);
            break;
        default: throw Failure(CUDA_ERROR_INVALID_VALUE, "unknown advice");
    }
    requireManaged(call, pointer, bytes);
}

}  // namespace

QUERN_EXPORT CUresult cuMemGetInfo_v2(std::size_t* freeBytes, std::size_t* totalBytes) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(freeBytes, "free");
        requireNotNull(totalBytes, "total");
        call.context();
        *freeBytes = call.driver.memory().freeBytes();
        *totalBytes = call.driver.memory().totalBytes();
    });
}

QUERN_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* pointer, std::size_t bytes) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "dptr");
        *pointer = allocate(call, bytes, Block::Kind::DEVICE);
    });
}

QUERN_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr* pointer, std::size_t* pitch, std::size_t width,
                                         std::size_t height, unsigned elementBytes) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "dptr");
        requireNotNull(pitch, "pPitch");
        require(elementBytes == 4 || elementBytes == 8 || elementBytes == 16, CUDA_ERROR_INVALID_VALUE,
                "the element must have 4, 8 or 16 bytes");
        std::size_t bytes = 0;
        const std::size_t row = (width + PITCH_ALIGNMENT - 1) / PITCH_ALIGNMENT * PITCH_ALIGNMENT;
        require(row >= width && !__builtin_mul_overflow(row, height, &bytes), CUDA_ERROR_INVALID_VALUE,
                "the size overflows 64 bits");
        *pointer = allocate(call, bytes, Block::Kind::DEVICE);
        *pitch = row;
    });
}

QUERN_EXPORT CUresult cuMemAllocManaged(CUdeviceptr* pointer, std::size_t bytes, unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "dptr");
        require(flags == 1 || flags == 2, CUDA_ERROR_INVALID_VALUE,
                "flags must be CU_MEM_ATTACH_GLOBAL or _HOST");
        *pointer = allocate(call, bytes, Block::Kind::MANAGED);
    });
}

QUERN_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
    return entry(__func__, [&](Call& call) { freeNow(call, pointer, false); });
}

QUERN_EXPORT CUresult cuMemAllocHost_v2(void** pointer, std::size_t bytes) {
    return entry(__func__, [&](Call& call) { allocateHost(call, pointer, bytes, 0); });
}

QUERN_EXPORT CUresult cuMemHostAlloc(void** pointer, std::size_t bytes, unsigned flags) {
    return entry(__func__, [&](Call& call) { allocateHost(call, pointer, bytes, flags); });
}

QUERN_EXPORT CUresult cuMemFreeHost(void* pointer) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "p");
        freeNow(call, reinterpret_cast<std::uintptr_t>(pointer), true);
    });
}

QUERN_EXPORT CUresult cuMemHostRegister_v2(void* pointer, std::size_t bytes, unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "p");
        require(bytes != 0, CUDA_ERROR_INVALID_VALUE, "a range of 0 bytes");
        require((flags & ~REGISTER_FLAGS) == 0, CUDA_ERROR_INVALID_VALUE, "unknown flags");
        const auto context = call.context();
        call.countOrFail(CallKind::ALLOCATION);
        const auto address = reinterpret_cast<std::uintptr_t>(pointer);
        require(call.driver.memory().registerHost(address, bytes), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
                "the range overlaps memory that the driver knows already");
        call.driver.allocations().add(
            {address, bytes, Block::Kind::REGISTERED_HOST, context.get(), flags, nullptr, false, 0});
    });
}

QUERN_EXPORT CUresult cuMemHostUnregister(void* pointer) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(pointer, "p");
        const auto address = reinterpret_cast<std::uintptr_t>(pointer);
        const Block* const block = call.driver.allocations().find(address);
        require(block != nullptr && block->address == address && block->kind == Block::Kind::REGISTERED_HOST,
                CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "no registered range begins there");
        const auto context = block->context->shared_from_this();
        call.driver.scheduler.finish(call.lock, *context);
        call.driver.allocations().release(address);
    });
}

QUERN_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* pointer, unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(device, "pdptr");
        require(flags == 0, CUDA_ERROR_INVALID_VALUE, "flags are reserved and must be 0");
        const auto address = reinterpret_cast<std::uintptr_t>(pointer);
        const Block* const block = call.driver.allocations().find(address);
        require(block != nullptr && block->onHost(), CUDA_ERROR_INVALID_VALUE,
                "the pointer is not pinned host memory");
        *device = address;
    });
}

QUERN_EXPORT CUresult cuMemHostGetFlags(unsigned* flags, void* pointer) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(flags, "pFlags");
        const Block* const block = call.driver.allocations().find(reinterpret_cast<std::uintptr_t>(pointer));
        require(block != nullptr && block->kind == Block::Kind::PINNED_HOST, CUDA_ERROR_INVALID_VALUE,
                "the pointer is not pinned host memory");
        *flags = block->flags | CU_MEMHOSTALLOC_DEVICEMAP;
    });
}

QUERN_EXPORT CUresult cuMemPrefetchAsync(CUdeviceptr pointer, std::size_t bytes, CUdevice device,
                                         CUstream stream) {
    return entry(__func__, [&](Call& call) { prefetch(call, pointer, bytes, locationOf(device), stream); });
}

QUERN_EXPORT CUresult cuMemPrefetchAsync_v2(CUdeviceptr pointer, std::size_t bytes, CUmemLocation location,
                                            unsigned flags, CUstream stream) {
    return entry(__func__, [&](Call& call) {
        require(flags == 0, CUDA_ERROR_INVALID_VALUE, "flags are reserved and must be 0");
        prefetch(call, pointer, bytes, location, stream);
    });
}

QUERN_EXPORT CUresult cuMemAdvise(CUdeviceptr pointer, std::size_t bytes, CUmem_advise advice,
                                  CUdevice device) {
    return entry(__func__, [&](Call& call) { advise(call, pointer, bytes, advice, locationOf(device)); });
}

QUERN_EXPORT CUresult cuMemAdvise_v2(CUdeviceptr pointer, std::size_t bytes, CUmem_advise advice,
                                     CUmemLocation location) {
    return entry(__func__, [&](Call& call) { advise(call, pointer, bytes, advice, location); });
}

QUERN_EXPORT CUresult cuStreamAttachMemAsync(CUstream stream, CUdeviceptr pointer, std::size_t,
                                             unsigned flags) {
    return entry(__func__, [&](Call& call) {
        require(flags == 1 || flags == 2 || flags == 4, CUDA_ERROR_INVALID_VALUE,
                "flags must be CU_MEM_ATTACH_GLOBAL, _HOST or _SINGLE");
        call.stream(stream);
        requireManaged(call, pointer, 1);
    });
}

QUERN_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, std::size_t* bytes, CUdeviceptr pointer) {
    return entry(__func__, [&](Call& call) {
        const auto* const record = call.driver.memory().findLive(pointer, 1);
        require(record != nullptr, CUDA_ERROR_NOT_FOUND, "no live allocation holds the address");
        if (base != nullptr) *base = record->base;
        if (bytes != nullptr) *bytes = record->bytes;
    });
}
