// Copies. As the CUDA documentation's "API synchronization behavior" has it: between the device and pinned memory the
// asynchronous forms are asynchronous; from pageable memory the bytes are taken before the call returns; to pageable
// memory the call returns when they are there; copies within the device never wait.
#include <cstring>
#include <vector>

#include "driver/call.hpp"
#include "driver/copy.hpp"
#include "driver/copy_parameters.hpp"

using namespace quern::driver;

namespace {

using Space = CopySide::Space;

std::uint64_t addressOf(const void* host) { return reinterpret_cast<std::uintptr_t>(host); }

// A copy out of pageable memory, whose bytes were taken when it was queued.
class StagedCopyOperation final : public Operation {
  public:
    explicit StagedCopyOperation(const Copy& copy) {
        const Extent& extent = copy.extent;
        staged_.reserve(extent.width * extent.height * extent.depth);
        for (std::size_t z = 0; z < extent.depth; ++z) {
            for (std::size_t y = 0; y < extent.height; ++y) {
                const auto* const row = reinterpret_cast<const std::byte*>(
                    copy.source.address + z * copy.source.slicePitch + y * copy.source.rowPitch);
                staged_.insert(staged_.end(), row, row + extent.width);
            }
        }
        Copy fromStage = copy;
        fromStage.source = {Space::HOST, addressOf(staged_.data()), extent.width,
                            extent.width * extent.height};
        copy_ = std::make_shared<CopyOperation>(fromStage);
    }
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_MEMCPY; }
    void perform(Context& context) const override { copy_->perform(context); }

  private:
    std::vector<std::byte> staged_;
    OperationPtr copy_;
};

bool pageable(const Call& call, const CopySide& side) {
    if (side.space == Space::DEVICE) return false;
    return call.driver.allocations().find(side.address) == nullptr;
}

void copyLater(Call& call, CUstream handle, const Copy& copy) {
    const auto stream = call.stream(handle);
    copy.check(call.driver.allocations());
    call.countOrFail(CallKind::COPY);
    if (copy.extent.empty()) return;
    if (stream->capture || (!pageable(call, copy.source) && !pageable(call, copy.destination))) {
        call.submit(stream, std::make_shared<CopyOperation>(copy));
    } else if (pageable(call, copy.destination)) {
        call.driver.scheduler.finish(call.lock, call.submit(stream, std::make_shared<CopyOperation>(copy)));
        stream->context->requireUsable();
    } else {
        call.submit(stream, std::make_shared<StagedCopyOperation>(copy));
    }
}

void copyNow(Call& call, const Copy& copy) {
    const auto context = call.context();
    copy.check(call.driver.allocations());
    call.countOrFail(CallKind::COPY);
    if (copy.extent.empty()) return;
    auto operation = std::make_shared<CopyOperation>(copy);
    const bool withinDevice = copy.source.space == Space::DEVICE && copy.destination.space == Space::DEVICE;
    if (withinDevice) {
        call.submit(context->legacy, std::move(operation));
    } else {
        call.perform(context, std::move(operation));
    }
}

// Under unified addressing an address says by itself whether it is the device's.
Space spaceOf(const Call& call, CUdeviceptr address) {
    const auto* const record = call.driver.memory().find(address);
    const bool host = record == nullptr || record->kind == quern::emulator::AllocationKind::HOST_REGISTERED;
    return host ? Space::HOST : Space::DEVICE;
}

Copy unifiedCopy(const Call& call, CUdeviceptr destination, CUdeviceptr source, std::size_t bytes) {
    return Copy::linear(spaceOf(call, destination), destination, spaceOf(call, source), source, bytes);
}

// One device has no peers: the contexts only have to be contexts.
void requireContexts(const Call& call, CUcontext destination, CUcontext source) {
    call.driver.handles.get<Context>(destination);
    call.driver.handles.get<Context>(source);
}

}  // namespace

QUERN_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr destination, const void* source, std::size_t bytes) {
    return entry(__func__, [&](Call& call) {
        copyNow(call, Copy::linear(Space::DEVICE, destination, Space::HOST, addressOf(source), bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpyDtoH_v2(void* destination, CUdeviceptr source, std::size_t bytes) {
    return entry(__func__, [&](Call& call) {
        copyNow(call, Copy::linear(Space::HOST, addressOf(destination), Space::DEVICE, source, bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr destination, CUdeviceptr source, std::size_t bytes) {
    return entry(__func__, [&](Call& call) {
        copyNow(call, Copy::linear(Space::DEVICE, destination, Space::DEVICE, source, bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpy(CUdeviceptr destination, CUdeviceptr source, std::size_t bytes) {
    return entry(__func__, [&](Call& call) { copyNow(call, unifiedCopy(call, destination, source, bytes)); });
}

QUERN_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr destination, const void* source, std::size_t bytes,
                                           CUstream stream) {
    return entry(__func__, [&](Call& call) {
        copyLater(call, stream,
                  Copy::linear(Space::DEVICE, destination, Space::HOST, addressOf(source), bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpyDtoHAsync_v2(void* destination, CUdeviceptr source, std::size_t bytes,
                                           CUstream stream) {
    return entry(__func__, [&](Call& call) {
        copyLater(call, stream,
                  Copy::linear(Space::HOST, addressOf(destination), Space::DEVICE, source, bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr destination, CUdeviceptr source, std::size_t bytes,
                                           CUstream stream) {
    return entry(__func__, [&](Call& call) {
        copyLater(call, stream, Copy::linear(Space::DEVICE, destination, Space::DEVICE, source, bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpyAsync(CUdeviceptr destination, CUdeviceptr source, std::size_t bytes,
                                    CUstream stream) {
    return entry(__func__,
                 [&](Call& call) { copyLater(call, stream, unifiedCopy(call, destination, source, bytes)); });
}

QUERN_EXPORT CUresult cuMemcpyPeer(CUdeviceptr destination, CUcontext destinationContext, CUdeviceptr source,
                                   CUcontext sourceContext, std::size_t bytes) {
    return entry(__func__, [&](Call& call) {
        requireContexts(call, destinationContext, sourceContext);
        copyNow(call, Copy::linear(Space::DEVICE, destination, Space::DEVICE, source, bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpyPeerAsync(CUdeviceptr destination, CUcontext destinationContext,
                                        CUdeviceptr source, CUcontext sourceContext, std::size_t bytes,
                                        CUstream stream) {
    return entry(__func__, [&](Call& call) {
        requireContexts(call, destinationContext, sourceContext);
        copyLater(call, stream, Copy::linear(Space::DEVICE, destination, Space::DEVICE, source, bytes));
    });
}

QUERN_EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* parameters) {
    return entry(__func__, [&](Call& call) { copyNow(call, copyOf(call, parameters)); });
}

QUERN_EXPORT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* parameters) {
    return entry(__func__, [&](Call& call) { copyNow(call, copyOf(call, parameters)); });
}

QUERN_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* parameters, CUstream stream) {
    return entry(__func__, [&](Call& call) { copyLater(call, stream, copyOf(call, parameters)); });
}

QUERN_EXPORT CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* parameters) {
    return entry(__func__, [&](Call& call) { copyNow(call, copyOf(call, parameters)); });
}

QUERN_EXPORT CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* parameters, CUstream stream) {
    return entry(__func__, [&](Call& call) { copyLater(call, stream, copyOf(call, parameters)); });
}
