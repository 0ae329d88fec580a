#include "driver/call.hpp"

#include "driver/capture.hpp"
#include "driver/results.hpp"

namespace quern::driver {

namespace {

thread_local int callbackDepth = 0;
thread_local CUstreamCaptureMode captureMode = CU_STREAM_CAPTURE_MODE_GLOBAL;

}  // namespace

CUstreamCaptureMode& threadCaptureMode() { return captureMode; }

bool insideCallback() { return callbackDepth > 0; }

CallbackScope::CallbackScope() { ++callbackDepth; }
CallbackScope::~CallbackScope() { --callbackDepth; }

CUresult refused(Driver& driver, const char* function, CUresult code, const std::string& message) noexcept {
    try {
        const std::lock_guard<std::mutex> guard(driver.mutex);
        driver.keepReport(std::string(function) + ": " + nameOf(code) + " (" + std::to_string(code) +
                          "): " + message);
    } catch (const std::exception&) {
        // Out of memory while writing the report: the code alone has to do.
    }
    return code;
}

std::shared_ptr<Context> Call::context() const {
    const auto& stack = contextStack();
    require(!stack.empty() && stack.back() != nullptr, CUDA_ERROR_INVALID_CONTEXT,
            "no context is current to this thread");
    stack.back()->requireUsable();
    return stack.back();
}

std::shared_ptr<Stream> Call::stream(CUstream handle) const {
    if (handle == nullptr || handle == CU_STREAM_LEGACY) return context()->legacy;
    if (handle == CU_STREAM_PER_THREAD) return context()->perThreadStream();
    auto stream = driver.handles.get<Stream>(handle);
    stream->context->requireUsable();
    return stream;
}

void Call::refuseDuringCapture(const char* what) const {
    if (captureMode == CU_STREAM_CAPTURE_MODE_RELAXED) return;
    for (const auto& stream : driver.handles.all<Stream>()) {
        if (!stream->capture || stream->capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
        const bool ours = stream->capture->thread == std::this_thread::get_id();
        if (stream->capture->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && !ours) continue;
        stream->capture->invalidated = true;
        throw Failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                      std::string(what) + " while a stream captures; the capture is now invalid");
    }
}

void Call::countOrFail(CallKind kind) const {
    const CUresult result = driver.faults.pass(kind);
    if (result == CUDA_SUCCESS) return;
    const std::string message = "call " + std::to_string(driver.faults.calls(kind)) + " of kind " +
                                nameOf(kind) + " fails, as ordered";
    const auto& stack = contextStack();
    if (isSticky(result) && !stack.empty() && stack.back() != nullptr) {
        stack.back()->error = result;
        stack.back()->errorMessage = message;
    }
    throw Failure(result, message);
}

WorkPtr Call::submit(const std::shared_ptr<Stream>& stream, OperationPtr operation) {
    if (stream->capture) {
        Capture& capture = *stream->capture;
        require(!capture.invalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                "an earlier error invalidated the capture");
        const GraphNodePtr node = capture.graph->add(std::move(operation), stream->captureTail);
        node->handle = driver.handles.add(node);
        stream->captureTail = {node};
        return nullptr;
    }
    if (stream->kind == Stream::Kind::LEGACY) {
        for (const auto& other : stream->context->streams) {
            if (!other->capture || !other->blocking() ||
                other->capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED)
                continue;
            other->capture->invalidated = true;
            throw Failure(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                          "the legacy default stream would wait for a stream that captures; the capture is "
                          "now invalid");
        }
    }
    return driver.scheduler.enqueue(lock, stream, std::move(operation));
}

CUdeviceptr Call::allocate(const std::shared_ptr<Context>& context, std::size_t bytes, Block::Kind kind,
                           std::shared_ptr<MemoryPool> pool) {
    emulator::DeviceMemory& memory = driver.memory();
    const auto memoryKind =
        kind == Block::Kind::MANAGED ? emulator::AllocationKind::MANAGED : emulator::AllocationKind::DEVICE;
    CUdeviceptr address = memory.allocate(bytes, memoryKind);
    if (address == 0) {
        driver.scheduler.finish(lock, *context);
        context->requireUsable();
        address = memory.allocate(bytes, memoryKind);
    }
    if (address == 0) {
        throw Failure(CUDA_ERROR_OUT_OF_MEMORY, std::to_string(bytes) + " bytes requested, " +
                                                    std::to_string(memory.freeBytes()) + " of " +
                                                    std::to_string(memory.totalBytes()) + " free");
    }
    driver.allocations().add({address, bytes, kind, context.get(), 0, std::move(pool), false, 0});
    return address;
}

void Call::perform(const std::shared_ptr<Context>& context, OperationPtr operation) {
    driver.scheduler.finish(lock, submit(context->legacy, std::move(operation)));
    context->requireUsable();
}

}  // namespace quern::driver
