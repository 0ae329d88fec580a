// Host functions in stream order.
#pragma once

#include "driver/call.hpp"
#include "driver/operation.hpp"

namespace quern::driver {

class HostOperation final : public Operation {
  public:
    HostOperation(CUhostFn function, void* userData) : function_(function), userData_(userData) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_HOST; }
    void perform(Context&) const override {
        const CallbackScope scope;
        function_(userData_);
    }
    CUDA_HOST_NODE_PARAMS parameters() const { return {function_, userData_}; }

  private:
    CUhostFn function_;
    void* userData_;
};

/// The older form, which is also told the stream and its state.
class StreamCallbackOperation final : public Operation {
  public:
    StreamCallbackOperation(CUstreamCallback callback, CUstream stream, void* userData)
        : callback_(callback), stream_(stream), userData_(userData) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_HOST; }
    void perform(Context&) const override {
        const CallbackScope scope;
        callback_(stream_, CUDA_SUCCESS, userData_);
    }

  private:
    CUstreamCallback callback_;
    CUstream stream_;
    void* userData_;
};

}  // namespace quern::driver
