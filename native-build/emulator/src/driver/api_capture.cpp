// Stream capture.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "driver/call.hpp"
#include "driver/capture.hpp"

using namespace quern::driver;

namespace {

// Everything captured in another stream must lead back to the origin, or the graph's launch would not wait for it.
bool joined(const Capture& capture) {
    std::unordered_set<const GraphNode*> reachable;
    std::vector<const GraphNode*> open;
    for (const GraphNodePtr& node : capture.origin->captureTail) open.push_back(node.get());
    while (!open.empty()) {
        const GraphNode* const node = open.back();
        open.pop_back();
        if (!reachable.insert(node).second) continue;
        for (const GraphNodePtr& dependency : node->dependencies) open.push_back(dependency.get());
    }
    return std::all_of(capture.streams.begin(), capture.streams.end(), [&](const auto& stream) {
        return std::all_of(stream->captureTail.begin(), stream->captureTail.end(),
                           [&](const GraphNodePtr& node) { return reachable.count(node.get()) != 0; });
    });
}

void leaveCapture(Capture& capture) {
    for (const auto& stream : capture.streams) {
        stream->captureTail.clear();
        stream->capture.reset();
    }
    capture.streams.clear();
}

void dropGraph(Call& call, const Graph& graph) {
    for (const GraphNodePtr& node : graph.nodes) call.driver.handles.remove(node->handle);
    call.driver.handles.remove(graph.handle);
}

}  // namespace

QUERN_EXPORT CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
    return entry(__func__, [&](Call& call) {
        require(mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED,
                CUDA_ERROR_INVALID_VALUE, "unknown capture mode");
        const auto stream = call.stream(handle);
        require(stream->kind != Stream::Kind::LEGACY, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "the legacy default stream cannot capture");
        require(!stream->capture, CUDA_ERROR_ILLEGAL_STATE, "the stream captures already");
        call.countOrFail(CallKind::CREATION);
        const auto graph = addGraph(call.driver.handles);
        stream->capture = std::make_shared<Capture>(graph, stream.get(), mode);
        stream->capture->streams.push_back(stream);
        stream->captureTail.clear();
    });
}

QUERN_EXPORT CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(graph, "phGraph");
        *graph = nullptr;
        const auto stream = call.stream(handle);
        const auto capture = stream->capture;
        require(capture != nullptr, CUDA_ERROR_ILLEGAL_STATE, "the stream does not capture");
        require(capture->origin == stream.get(), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED,
                "the capture began in another stream");
        require(
            capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED || capture->thread == std::this_thread::get_id(),
            CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture began on another thread");
        const bool whole = joined(*capture);
        leaveCapture(*capture);
        if (capture->invalidated || !whole) {
            dropGraph(call, *capture->graph);
            require(!capture->invalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                    "an earlier error invalidated the capture");
            throw Failure(CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
                          "work captured in another stream was not joined to the first one");
        }
        *graph = capture->graph->handle;
    });
}

QUERN_EXPORT CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(status, "captureStatus");
        const auto stream = call.stream(handle);
        *status = !stream->capture               ? CU_STREAM_CAPTURE_STATUS_NONE
                  : stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                                 : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    });
}

QUERN_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
    return entry(__func__, [&](Call&) {
        requireNotNull(mode, "mode");
        require(*mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && *mode <= CU_STREAM_CAPTURE_MODE_RELAXED,
                CUDA_ERROR_INVALID_VALUE, "unknown capture mode");
        std::swap(*mode, threadCaptureMode());
    });
}
