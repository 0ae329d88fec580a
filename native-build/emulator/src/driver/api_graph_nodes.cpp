// Graph nodes by type: adding them, reading and replacing their parameters.
#include <algorithm>

#include "driver/call.hpp"
#include "driver/copy.hpp"
#include "driver/copy_parameters.hpp"
#include "driver/event.hpp"
#include "driver/graph.hpp"
#include "driver/host_operation.hpp"
#include "driver/launch.hpp"

using namespace quern::driver;

namespace {

void addNode(Call& call, CUgraphNode* node, CUgraph graphHandle, const CUgraphNode* dependencies,
             std::size_t count, OperationPtr operation) {
    requireNotNull(node, "phGraphNode");
    const auto graph = call.driver.handles.get<Graph>(graphHandle);
    if (count != 0) requireNotNull(dependencies, "dependencies");
    std::vector<GraphNodePtr> needs;
    for (std::size_t i = 0; i < count; ++i)
        needs.push_back(call.driver.handles.get<GraphNode>(dependencies[i]));
    const GraphNodePtr added = graph->add(std::move(operation), std::move(needs));
    added->handle = call.driver.handles.add(added);
    *node = added->handle;
}

OperationPtr kernelOperation(const Call& call, const CUDA_KERNEL_NODE_PARAMS* p) {
    requireNotNull(p, "nodeParams");
    const LaunchShape shape{{p->gridDimX, p->gridDimY, p->gridDimZ},
                            {p->blockDimX, p->blockDimY, p->blockDimZ},
                            p->sharedMemBytes,
                            false};
    return makeKernelOperation(call, p->func, shape, p->kernelParams, p->extra);
}

OperationPtr copyOperation(const Call& call, const CUDA_MEMCPY3D* parameters) {
    const Copy copy = copyOf(call, parameters);
    copy.check(call.driver.allocations());
    return std::make_shared<CopyOperation>(copy);
}

OperationPtr fillOperation(const Call& call, const CUDA_MEMSET_NODE_PARAMS* p) {
    requireNotNull(p, "memsetParams");
    const Fill fill{p->dst, p->pitch, p->value, p->elementSize, p->width, p->height};
    fill.check(call.driver.allocations());
    return std::make_shared<FillOperation>(fill);
}

OperationPtr hostOperation(const CUDA_HOST_NODE_PARAMS* p) {
    requireNotNull(p, "nodeParams");
    requireNotNull(reinterpret_cast<const void*>(p->fn), "fn");
    return std::make_shared<HostOperation>(p->fn, p->userData);
}

OperationPtr recordOperation(const Call& call, CUevent event) {
    return std::make_shared<EventRecordOperation>(call.driver.handles.get<Event>(event),
                                                  std::make_shared<EventMark>());
}

// The operation of a node, which must be of the wanted class.
template <class Wanted>
const Wanted& operationOf(const Call& call, CUgraphNode handle) {
    const auto* const operation =
        dynamic_cast<const Wanted*>(call.driver.handles.get<GraphNode>(handle)->operation.get());
    require(operation != nullptr, CUDA_ERROR_INVALID_VALUE, "the node is of another type");
    return *operation;
}

template <class Wanted>
void setNode(const Call& call, CUgraphNode handle, OperationPtr operation) {
    operationOf<Wanted>(call, handle);
    call.driver.handles.get<GraphNode>(handle)->operation = std::move(operation);
}

template <class Wanted>
void setStep(const Call& call, CUgraphExec handle, CUgraphNode node, OperationPtr operation) {
    const auto exec = call.driver.handles.get<GraphExec>(handle);
    GraphExec::Step* const step = exec->find(node);
    require(step != nullptr, CUDA_ERROR_INVALID_VALUE,
            "the executable graph was not made from a graph with this node");
    require(dynamic_cast<const Wanted*>(step->operation.get()) != nullptr, CUDA_ERROR_INVALID_VALUE,
            "the node is of another type");
    exec->replace(*step, std::move(operation));
}

}  // namespace

QUERN_EXPORT CUresult cuGraphAddKernelNode_v2(CUgraphNode* node, CUgraph graph,
                                              const CUgraphNode* dependencies, std::size_t count,
                                              const CUDA_KERNEL_NODE_PARAMS* parameters) {
    return entry(__func__, [&](Call& call) {
        addNode(call, node, graph, dependencies, count, kernelOperation(call, parameters));
    });
}

QUERN_EXPORT CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS* parameters) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(parameters, "nodeParams");
        *parameters = operationOf<KernelOperation>(call, node).parameters();
    });
}

QUERN_EXPORT CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node,
                                                    const CUDA_KERNEL_NODE_PARAMS* parameters) {
    return entry(__func__, [&](Call& call) {
        setNode<KernelOperation>(call, node, kernelOperation(call, parameters));
    });
}

QUERN_EXPORT CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                        const CUDA_KERNEL_NODE_PARAMS* parameters) {
    return entry(__func__, [&](Call& call) {
        setStep<KernelOperation>(call, exec, node, kernelOperation(call, parameters));
    });
}

QUERN_EXPORT CUresult cuGraphAddMemcpyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                           std::size_t count, const CUDA_MEMCPY3D* parameters,
                                           CUcontext context) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<Context>(context);
        addNode(call, node, graph, dependencies, count, copyOperation(call, parameters));
    });
}

QUERN_EXPORT CUresult cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D* parameters) {
    return entry(__func__,
                 [&](Call& call) { setNode<CopyOperation>(call, node, copyOperation(call, parameters)); });
}

QUERN_EXPORT CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                     const CUDA_MEMCPY3D* parameters, CUcontext context) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<Context>(context);
        setStep<CopyOperation>(call, exec, node, copyOperation(call, parameters));
    });
}

QUERN_EXPORT CUresult cuGraphAddMemsetNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                           std::size_t count, const CUDA_MEMSET_NODE_PARAMS* parameters,
                                           CUcontext context) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<Context>(context);
        addNode(call, node, graph, dependencies, count, fillOperation(call, parameters));
    });
}

QUERN_EXPORT CUresult cuGraphMemsetNodeGetParams(CUgraphNode node, CUDA_MEMSET_NODE_PARAMS* parameters) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(parameters, "nodeParams");
        const Fill& fill = operationOf<FillOperation>(call, node).fill();
        *parameters = {fill.destination, fill.pitch, fill.value, fill.elementBytes, fill.width, fill.height};
    });
}

QUERN_EXPORT CUresult cuGraphMemsetNodeSetParams(CUgraphNode node,
                                                 const CUDA_MEMSET_NODE_PARAMS* parameters) {
    return entry(__func__,
                 [&](Call& call) { setNode<FillOperation>(call, node, fillOperation(call, parameters)); });
}

QUERN_EXPORT CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                     const CUDA_MEMSET_NODE_PARAMS* parameters,
                                                     CUcontext context) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<Context>(context);
        setStep<FillOperation>(call, exec, node, fillOperation(call, parameters));
    });
}

QUERN_EXPORT CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                         std::size_t count, const CUDA_HOST_NODE_PARAMS* parameters) {
    return entry(__func__, [&](Call& call) {
        addNode(call, node, graph, dependencies, count, hostOperation(parameters));
    });
}

QUERN_EXPORT CUresult cuGraphHostNodeGetParams(CUgraphNode node, CUDA_HOST_NODE_PARAMS* parameters) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(parameters, "nodeParams");
        *parameters = operationOf<HostOperation>(call, node).parameters();
    });
}

QUERN_EXPORT CUresult cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS* parameters) {
    return entry(__func__,
                 [&](Call& call) { setNode<HostOperation>(call, node, hostOperation(parameters)); });
}

QUERN_EXPORT CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                   const CUDA_HOST_NODE_PARAMS* parameters) {
    return entry(__func__,
                 [&](Call& call) { setStep<HostOperation>(call, exec, node, hostOperation(parameters)); });
}

QUERN_EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                          std::size_t count) {
    return entry(__func__, [&](Call& call) {
        addNode(call, node, graph, dependencies, count, std::make_shared<EmptyOperation>());
    });
}

QUERN_EXPORT CUresult cuGraphAddEventRecordNode(CUgraphNode* node, CUgraph graph,
                                                const CUgraphNode* dependencies, std::size_t count,
                                                CUevent event) {
    return entry(__func__, [&](Call& call) {
        addNode(call, node, graph, dependencies, count, recordOperation(call, event));
    });
}

QUERN_EXPORT CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent* event) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(event, "event_out");
        *event = operationOf<EventRecordOperation>(call, node).event()->handle;
    });
}

QUERN_EXPORT CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event) {
    return entry(__func__, [&](Call& call) {
        setNode<EventRecordOperation>(call, node, recordOperation(call, event));
    });
}

QUERN_EXPORT CUresult cuGraphAddChildGraphNode(CUgraphNode* node, CUgraph graph,
                                               const CUgraphNode* dependencies, std::size_t count,
                                               CUgraph child) {
    return entry(__func__, [&](Call& call) {
        const auto original = call.driver.handles.get<Graph>(child);
        require(original != call.driver.handles.get<Graph>(graph), CUDA_ERROR_INVALID_VALUE,
                "a graph cannot contain itself");
        const auto copy = cloneGraph(call.driver.handles, *original);
        copy->child = true;
        addNode(call, node, graph, dependencies, count, std::make_shared<ChildGraphOperation>(copy));
    });
}

QUERN_EXPORT CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph* graph) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(graph, "phGraph");
        *graph = operationOf<ChildGraphOperation>(call, node).graph()->handle;
    });
}
