// One thing a device does: a kernel, a copy, a fill, a host call. The same object is queued on a stream or kept as a
// node of a graph, so that a captured call and a direct one cannot differ.
#pragma once

#include <memory>

#include "driver/cuda_types.hpp"

namespace quern::driver {

class Context;

class Operation {
  public:
    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    virtual ~Operation() = default;

    virtual CUgraphNodeType type() const = 0;

    /// Does it, on the calling thread and without the driver's mutex. Throws Failure; the stream makes that sticky.
    virtual void perform(Context& context) const = 0;
};

using OperationPtr = std::shared_ptr<const Operation>;

/// Nothing: what an empty graph node and a wait do once their dependencies are met.
class EmptyOperation final : public Operation {
  public:
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_EMPTY; }
    void perform(Context&) const override {}
};

}  // namespace quern::driver
