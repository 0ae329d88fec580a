// Streams and host callbacks.
#include <algorithm>

#include "driver/call.hpp"
#include "driver/capture.hpp"
#include "driver/device.hpp"
#include "driver/host_operation.hpp"

using namespace quern::driver;

namespace {

void createStream(Call& call, CUstream* stream, unsigned flags, int priority) {
    requireNotNull(stream, "phStream");
    require((flags & ~static_cast<unsigned>(CU_STREAM_NON_BLOCKING)) == 0, CUDA_ERROR_INVALID_VALUE,
            "unknown stream flags");
    const int clamped = std::clamp(priority, GREATEST_STREAM_PRIORITY, LEAST_STREAM_PRIORITY);
    const auto context = call.context();
    call.countOrFail(CallKind::CREATION);
    const auto created = context->addStream(Stream::Kind::CREATED, flags, clamped);
    created->handle = call.driver.handles.add(created);
    *stream = created->handle;
}

}  // namespace

QUERN_EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
    return entry(__func__, [&](Call& call) { createStream(call, stream, flags, LEAST_STREAM_PRIORITY); });
}

QUERN_EXPORT CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
    return entry(__func__, [&](Call& call) { createStream(call, stream, flags, priority); });
}

QUERN_EXPORT CUresult cuStreamDestroy_v2(CUstream handle) {
    return entry(__func__, [&](Call& call) {
        const auto stream =
            call.driver.handles.get<Stream>(handle);  // default streams are not destroyed by handle
        if (stream->capture) stream->capture->invalidated = true;
        call.driver.handles.remove(handle);
        // Its queued work still happens; the context keeps the stream until then.
        stream->destroyed = true;
        if (stream->queue.empty()) std::erase(stream->context->streams, stream);
    });
}

QUERN_EXPORT CUresult cuStreamSynchronize(CUstream handle) {
    return entry(__func__, [&](Call& call) {
        const auto stream = call.stream(handle);
        if (stream->capture) {
            stream->capture->invalidated = true;
            throw Failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                          "the stream captures: it has no work to wait for");
        }
        call.countOrFail(CallKind::SYNCHRONIZE);
        call.driver.scheduler.finish(call.lock, stream);
        stream->context->requireUsable();
    });
}

QUERN_EXPORT CUresult cuStreamQuery(CUstream handle) {
    return entry(__func__, [&](Call& call) -> CUresult {
        const auto stream = call.stream(handle);
        require(!stream->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the stream captures");
        if (stream->queue.empty()) return CUDA_SUCCESS;
        call.driver.scheduler.step(call.lock, stream);
        stream->context->requireUsable();
        return CUDA_ERROR_NOT_READY;
    });
}

QUERN_EXPORT CUresult cuStreamGetFlags(CUstream handle, unsigned* flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(flags, "flags");
        *flags = call.stream(handle)->flags;
    });
}

QUERN_EXPORT CUresult cuStreamGetPriority(CUstream handle, int* priority) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(priority, "priority");
        *priority = call.stream(handle)->priority;
    });
}

QUERN_EXPORT CUresult cuStreamGetId(CUstream handle, unsigned long long* id) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(id, "streamId");
        *id = call.stream(handle)->id;
    });
}

QUERN_EXPORT CUresult cuStreamGetCtx(CUstream handle, CUcontext* context) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(context, "pctx");
        *context = call.stream(handle)->context->handle;
    });
}

QUERN_EXPORT CUresult cuStreamGetCtx_v2(CUstream handle, CUcontext* context, CUgreenCtx* green) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(context, "pCtx");
        *context = call.stream(handle)->context->handle;
        if (green != nullptr) *green = nullptr;
    });
}

QUERN_EXPORT CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* userData) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(reinterpret_cast<const void*>(function), "fn");
        call.submit(call.stream(handle), std::make_shared<HostOperation>(function, userData));
    });
}

QUERN_EXPORT CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void* userData,
                                          unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(reinterpret_cast<const void*>(callback), "callback");
        require(flags == 0, CUDA_ERROR_INVALID_VALUE, "flags are reserved and must be 0");
        const auto stream = call.stream(handle);
        require(!stream->capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "the stream captures: use cuLaunchHostFunc");
        call.submit(stream, std::make_shared<StreamCallbackOperation>(callback, handle, userData));
    });
}
