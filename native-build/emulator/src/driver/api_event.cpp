// Events, and streams that wait for them.
#include <algorithm>
#include <chrono>

#include "driver/call.hpp"
#include "driver/event.hpp"

using namespace quern::driver;

namespace {

constexpr unsigned EVENT_FLAGS = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;

std::shared_ptr<Event> eventOf(const Call& call, CUevent handle) {
    auto event = call.driver.handles.get<Event>(handle);
    event->context->requireUsable();
    return event;
}

bool captured(const Event& event) { return !event.capture.expired(); }

// Joins `stream` to the capture that `event` was recorded in: its next operations depend on the event's nodes.
void joinCapture(Stream& stream, const std::shared_ptr<Stream>& self, const Event& event) {
    const auto capture = event.capture.lock();
    require(!stream.capture || stream.capture == capture, CUDA_ERROR_STREAM_CAPTURE_MERGE,
            "the event belongs to another capture than the stream");
    require(stream.kind != Stream::Kind::LEGACY, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
            "the legacy default stream cannot take part in a capture");
    if (!stream.capture) {
        stream.capture = capture;
        capture->streams.push_back(self);
        stream.captureTail.clear();
    }
    for (const GraphNodePtr& node : event.captureNodes) {
        if (std::find(stream.captureTail.begin(), stream.captureTail.end(), node) ==
            stream.captureTail.end()) {
            stream.captureTail.push_back(node);
        }
    }
}

void record(Call& call, CUevent eventHandle, CUstream streamHandle, unsigned flags) {
    require(flags <= 1, CUDA_ERROR_INVALID_VALUE, "unknown flags");
    const auto event = eventOf(call, eventHandle);
    const auto stream = call.stream(streamHandle);
    require(event->context == stream->context, CUDA_ERROR_INVALID_HANDLE,
            "the event and the stream belong to two contexts");
    if (stream->capture) {
        require(!stream->capture->invalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                "an earlier error invalidated the capture");
        event->capture = stream->capture;
        event->captureNodes = stream->captureTail;
        return;
    }
    event->capture.reset();
    event->captureNodes.clear();
    event->mark = std::make_shared<EventMark>();
    event->work = call.submit(stream, std::make_shared<EventRecordOperation>(event, event->mark));
}

bool done(const Event& event) { return event.work == nullptr || event.work->state == Work::State::DONE; }

CUresult elapsed(const Call& call, float* milliseconds, CUevent startHandle, CUevent endHandle) {
    requireNotNull(milliseconds, "pMilliseconds");
    const auto start = eventOf(call, startHandle);
    const auto end = eventOf(call, endHandle);
    require(start->timed() && end->timed(), CUDA_ERROR_INVALID_HANDLE,
            "an event was made with CU_EVENT_DISABLE_TIMING");
    require(start->mark && end->mark, CUDA_ERROR_INVALID_HANDLE, "an event has not been recorded");
    require(start->context == end->context, CUDA_ERROR_INVALID_HANDLE, "the events belong to two contexts");
    if (!done(*start) || !done(*end)) return CUDA_ERROR_NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(end->mark->passed - start->mark->passed).count();
    return CUDA_SUCCESS;
}

}  // namespace

QUERN_EXPORT CUresult cuEventCreate(CUevent* event, unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(event, "phEvent");
        require((flags & ~EVENT_FLAGS) == 0, CUDA_ERROR_INVALID_VALUE, "unknown event flags");
        require((flags & CU_EVENT_INTERPROCESS) == 0, CUDA_ERROR_NOT_SUPPORTED,
                "the emulator has no interprocess events");
        const auto context = call.context();
        call.countOrFail(CallKind::CREATION);
        const auto created = std::make_shared<Event>(context, flags);
        created->handle = call.driver.handles.add(created);
        *event = created->handle;
    });
}

QUERN_EXPORT CUresult cuEventDestroy_v2(CUevent handle) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<Event>(handle);
        call.driver.handles.remove(handle);
    });
}

QUERN_EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
    return entry(__func__, [&](Call& call) { record(call, event, stream, 0); });
}

QUERN_EXPORT CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
    return entry(__func__, [&](Call& call) { record(call, event, stream, flags); });
}

QUERN_EXPORT CUresult cuEventQuery(CUevent handle) {
    return entry(__func__, [&](Call& call) -> CUresult {
        const auto event = eventOf(call, handle);
        require(!captured(*event), CUDA_ERROR_CAPTURED_EVENT, "the event was last recorded in a capture");
        if (done(*event)) return CUDA_SUCCESS;
        call.driver.scheduler.step(call.lock, event->work->stream);
        event->context->requireUsable();
        return CUDA_ERROR_NOT_READY;
    });
}

QUERN_EXPORT CUresult cuEventSynchronize(CUevent handle) {
    return entry(__func__, [&](Call& call) {
        const auto event = eventOf(call, handle);
        require(!captured(*event), CUDA_ERROR_CAPTURED_EVENT, "the event was last recorded in a capture");
        call.countOrFail(CallKind::SYNCHRONIZE);
        if (const WorkPtr work = event->work) call.driver.scheduler.finish(call.lock, work);
        event->context->requireUsable();
    });
}

QUERN_EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
    return entry(__func__, [&](Call& call) { return elapsed(call, milliseconds, start, end); });
}

// This form need not report what pending work failed with; here both do.
QUERN_EXPORT CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
    return entry(__func__, [&](Call& call) { return elapsed(call, milliseconds, start, end); });
}

QUERN_EXPORT CUresult cuStreamWaitEvent(CUstream streamHandle, CUevent eventHandle, unsigned flags) {
    return entry(__func__, [&](Call& call) {
        require(flags <= 1, CUDA_ERROR_INVALID_VALUE, "unknown flags");
        const auto stream = call.stream(streamHandle);
        const auto event = eventOf(call, eventHandle);
        if (captured(*event)) {
            joinCapture(*stream, stream, *event);
            return;
        }
        if (stream->capture) {
            stream->capture->invalidated = true;
            throw Failure(CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                          "a captured stream would wait for work outside of the capture");
        }
        // An operation of its own, so that what is queued later, and what waits for the stream, waits for the event.
        if (!done(*event)) {
            call.driver.scheduler.enqueue(call.lock, stream, std::make_shared<EmptyOperation>(),
                                          {event->work});
        }
    });
}
