// Graphs: building, instantiating, launching.
#include <algorithm>

#include "driver/call.hpp"
#include "driver/event.hpp"
#include "driver/graph.hpp"

using namespace quern::driver;

namespace {

std::vector<GraphNodePtr> nodesOf(const Call& call, const CUgraphNode* handles, std::size_t count) {
    if (count != 0) requireNotNull(handles, "the array of nodes");
    std::vector<GraphNodePtr> nodes;
    for (std::size_t i = 0; i < count; ++i) nodes.push_back(call.driver.handles.get<GraphNode>(handles[i]));
    return nodes;
}

// Two-step queries: with no array, the count; else as many as fit, the rest of the array cleared.
template <class Source, class HandleOf>
void list(const Source& source, CUgraphNode* handles, std::size_t* count, HandleOf handleOf) {
    requireNotNull(count, "the count");
    if (handles != nullptr) {
        for (std::size_t i = 0; i < *count; ++i)
            handles[i] = i < source.size() ? handleOf(source[i]) : nullptr;
        *count = std::min(*count, source.size());
    } else {
        *count = source.size();
    }
}

CUgraphNode handleOf(const GraphNodePtr& node) { return node->handle; }

std::vector<GraphNodePtr> dependents(const GraphNode& node) {
    std::vector<GraphNodePtr> found;
    const auto graph = node.graph.lock();
    for (const GraphNodePtr& other : graph->nodes) {
        const auto& needs = other->dependencies;
        if (std::any_of(needs.begin(), needs.end(), [&](const auto& d) { return d.get() == &node; }))
            found.push_back(other);
    }
    return found;
}

// Edges have no data but the default: a node waits for all of another.
void requireDefault(const CUgraphEdgeData* edges, std::size_t count) {
    if (edges == nullptr) return;
    for (std::size_t i = 0; i < count; ++i) {
        const CUgraphEdgeData& edge = edges[i];
        require(edge.to_port == 0 && std::ranges::all_of(edge.reserved, [](auto byte) { return byte == 0; }),
                CUDA_ERROR_INVALID_VALUE, "to_port and the reserved bytes of edge data must be 0");
        require(edge.from_port == 0 && edge.type == 0, CUDA_ERROR_NOT_SUPPORTED,
                "the emulator's graphs have no programmatic dependencies");
    }
}

void fillDefault(CUgraphEdgeData* edges, const CUgraphNode* nodes, std::size_t count) {
    if (edges == nullptr) return;
    requireNotNull(nodes, "the array of nodes that belongs to the edge data");
    std::fill_n(edges, count, CUgraphEdgeData{});
}

void addDependencies(const Call& call, CUgraph graphHandle, const CUgraphNode* from, const CUgraphNode* to,
                     const CUgraphEdgeData* edges, std::size_t count) {
    const auto graph = call.driver.handles.get<Graph>(graphHandle);
    const auto sources = nodesOf(call, from, count);
    const auto targets = nodesOf(call, to, count);
    requireDefault(edges, count);
    for (std::size_t i = 0; i < count; ++i) {
        require(graph->owns(*sources[i]) && graph->owns(*targets[i]), CUDA_ERROR_INVALID_VALUE,
                "a node belongs to another graph");
        require(sources[i] != targets[i], CUDA_ERROR_INVALID_VALUE, "a node cannot depend on itself");
        require(std::ranges::count(targets[i]->dependencies, sources[i]) == 0, CUDA_ERROR_INVALID_VALUE,
                "there is such a dependency already");
    }
    for (std::size_t i = 0; i < count; ++i) targets[i]->dependencies.push_back(sources[i]);
}

void removeDependencies(const Call& call, CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                        const CUgraphEdgeData* edges, std::size_t count) {
    call.driver.handles.get<Graph>(graph);
    const auto sources = nodesOf(call, from, count);
    const auto targets = nodesOf(call, to, count);
    requireDefault(edges, count);
    for (std::size_t i = 0; i < count; ++i) {
        require(std::erase(targets[i]->dependencies, sources[i]) != 0, CUDA_ERROR_INVALID_VALUE,
                "there is no such dependency");
    }
}

void listEdges(const Call& call, CUgraph graph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edges,
               std::size_t* count) {
    require((from == nullptr) == (to == nullptr), CUDA_ERROR_INVALID_VALUE, "one of the two arrays is null");
    requireNotNull(count, "numEdges");
    std::vector<std::pair<CUgraphNode, CUgraphNode>> found;
    for (const GraphNodePtr& node : call.driver.handles.get<Graph>(graph)->nodes) {
        for (const GraphNodePtr& dependency : node->dependencies)
            found.emplace_back(dependency->handle, node->handle);
    }
    std::size_t room = *count;
    list(found, from, &room, [](const auto& edge) { return edge.first; });
    list(found, to, count, [](const auto& edge) { return edge.second; });
    fillDefault(edges, from, *count);
}

void instantiate(Call& call, CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
    requireNotNull(exec, "phGraphExec");
    constexpr unsigned long long HINTS = 1 | 2 | 8;  // AUTO_FREE_ON_LAUNCH, UPLOAD, USE_NODE_PRIORITY
    require((flags & ~HINTS) == 0, CUDA_ERROR_NOT_SUPPORTED,
            "the emulator's graphs cannot be launched by the device");
    const auto source = call.driver.handles.get<Graph>(graph);
    call.countOrFail(CallKind::CREATION);
    const auto created = std::make_shared<GraphExec>(*source);
    created->handle = call.driver.handles.add(created);
    *exec = created->handle;
}

void launchGraph(Call& call, CUgraphExec handle, CUstream streamHandle) {
    const auto exec = call.driver.handles.get<GraphExec>(handle);
    const auto stream = call.stream(streamHandle);
    call.countOrFail(CallKind::LAUNCH);
    if (stream->capture) {
        call.submit(stream, exec->launchOperation());
        return;
    }
    std::vector<WorkPtr> after;
    if (exec->lastLaunch) after.push_back(exec->lastLaunch);
    exec->lastLaunch =
        call.driver.scheduler.enqueue(call.lock, stream, exec->launchOperation(), std::move(after));
    for (const GraphExec::Step& step : exec->steps()) {
        const auto* const record = dynamic_cast<const EventRecordOperation*>(step.operation.get());
        if (record == nullptr) continue;
        record->event()->mark = record->mark();
        record->event()->work = exec->lastLaunch;
    }
}

}  // namespace

QUERN_EXPORT CUresult cuGraphCreate(CUgraph* graph, unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(graph, "phGraph");
        require(flags == 0, CUDA_ERROR_INVALID_VALUE, "flags are reserved and must be 0");
        call.countOrFail(CallKind::CREATION);
        *graph = addGraph(call.driver.handles)->handle;
    });
}

QUERN_EXPORT CUresult cuGraphDestroy(CUgraph handle) {
    return entry(__func__, [&](Call& call) {
        const auto graph = call.driver.handles.get<Graph>(handle);
        require(!graph->child, CUDA_ERROR_INVALID_VALUE, "the graph belongs to a child-graph node");
        for (const GraphNodePtr& node : graph->nodes) call.driver.handles.remove(node->handle);
        call.driver.handles.remove(handle);
    });
}

QUERN_EXPORT CUresult cuGraphClone(CUgraph* copy, CUgraph original) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(copy, "phGraphClone");
        *copy = cloneGraph(call.driver.handles, *call.driver.handles.get<Graph>(original))->handle;
    });
}

QUERN_EXPORT CUresult cuGraphNodeFindInClone(CUgraphNode* node, CUgraphNode original, CUgraph cloned) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(node, "phNode");
        const auto graph = call.driver.handles.get<Graph>(cloned);
        const auto found =
            std::find_if(graph->nodes.begin(), graph->nodes.end(),
                         [&](const GraphNodePtr& candidate) { return candidate->clonedFrom == original; });
        require(found != graph->nodes.end(), CUDA_ERROR_INVALID_VALUE, "the graph has no copy of the node");
        *node = (*found)->handle;
    });
}

QUERN_EXPORT CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                             std::size_t count) {
    return entry(__func__, [&](Call& call) { addDependencies(call, graph, from, to, nullptr, count); });
}

QUERN_EXPORT CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                                const CUgraphEdgeData* edges, std::size_t count) {
    return entry(__func__, [&](Call& call) { addDependencies(call, graph, from, to, edges, count); });
}

QUERN_EXPORT CUresult cuGraphRemoveDependencies(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                                std::size_t count) {
    return entry(__func__, [&](Call& call) { removeDependencies(call, graph, from, to, nullptr, count); });
}

QUERN_EXPORT CUresult cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode* from,
                                                   const CUgraphNode* to, const CUgraphEdgeData* edges,
                                                   std::size_t count) {
    return entry(__func__, [&](Call& call) { removeDependencies(call, graph, from, to, edges, count); });
}

QUERN_EXPORT CUresult cuGraphDestroyNode(CUgraphNode handle) {
    return entry(__func__, [&](Call& call) {
        const auto node = call.driver.handles.get<GraphNode>(handle);
        node->graph.lock()->remove(node);
        call.driver.handles.remove(handle);
    });
}

QUERN_EXPORT CUresult cuGraphNodeGetType(CUgraphNode handle, CUgraphNodeType* type) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(type, "type");
        *type = call.driver.handles.get<GraphNode>(handle)->operation->type();
    });
}

QUERN_EXPORT CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, std::size_t* count) {
    return entry(__func__, [&](Call& call) {
        list(call.driver.handles.get<Graph>(graph)->nodes, nodes, count, handleOf);
    });
}

QUERN_EXPORT CUresult cuGraphGetRootNodes(CUgraph handle, CUgraphNode* nodes, std::size_t* count) {
    return entry(__func__, [&](Call& call) {
        std::vector<GraphNodePtr> roots;
        for (const GraphNodePtr& node : call.driver.handles.get<Graph>(handle)->nodes) {
            if (node->dependencies.empty()) roots.push_back(node);
        }
        list(roots, nodes, count, handleOf);
    });
}

QUERN_EXPORT CUresult cuGraphGetEdges(CUgraph graph, CUgraphNode* from, CUgraphNode* to, std::size_t* count) {
    return entry(__func__, [&](Call& call) { listEdges(call, graph, from, to, nullptr, count); });
}

QUERN_EXPORT CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode* from, CUgraphNode* to,
                                         CUgraphEdgeData* edges, std::size_t* count) {
    return entry(__func__, [&](Call& call) { listEdges(call, graph, from, to, edges, count); });
}

QUERN_EXPORT CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode* nodes, std::size_t* count) {
    return entry(__func__, [&](Call& call) {
        list(call.driver.handles.get<GraphNode>(node)->dependencies, nodes, count, handleOf);
    });
}

QUERN_EXPORT CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode* nodes,
                                                    CUgraphEdgeData* edges, std::size_t* count) {
    return entry(__func__, [&](Call& call) {
        list(call.driver.handles.get<GraphNode>(node)->dependencies, nodes, count, handleOf);
        fillDefault(edges, nodes, *count);
    });
}

QUERN_EXPORT CUresult cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode* nodes, std::size_t* count) {
    return entry(__func__, [&](Call& call) {
        list(dependents(*call.driver.handles.get<GraphNode>(node)), nodes, count, handleOf);
    });
}

QUERN_EXPORT CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode* nodes,
                                                      CUgraphEdgeData* edges, std::size_t* count) {
    return entry(__func__, [&](Call& call) {
        list(dependents(*call.driver.handles.get<GraphNode>(node)), nodes, count, handleOf);
        fillDefault(edges, nodes, *count);
    });
}

QUERN_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph,
                                                  unsigned long long flags) {
    return entry(__func__, [&](Call& call) { instantiate(call, exec, graph, flags); });
}

// The form before CUDA 12, which reports into a log; a failure is in the report instead.
QUERN_EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec* exec, CUgraph graph, CUgraphNode* errorNode,
                                            char* log, std::size_t logBytes) {
    return entry(__func__, [&](Call& call) {
        if (errorNode != nullptr) *errorNode = nullptr;
        if (log != nullptr && logBytes != 0) *log = '\0';
        instantiate(call, exec, graph, 0);
    });
}

QUERN_EXPORT CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<GraphExec>(exec);
        call.stream(stream);
    });
}

QUERN_EXPORT CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
    return entry(__func__, [&](Call& call) { launchGraph(call, exec, stream); });
}

QUERN_EXPORT CUresult cuGraphExecDestroy(CUgraphExec exec) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<GraphExec>(exec);
        call.driver.handles.remove(exec);  // launches that are queued keep what they need
    });
}

QUERN_EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graphHandle,
                                           CUgraphExecUpdateResultInfo* info) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(info, "resultInfo");
        *info = {CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr, nullptr};
        const auto exec = call.driver.handles.get<GraphExec>(handle);
        const GraphExec fresh(*call.driver.handles.get<Graph>(graphHandle));
        const auto& before = exec->steps();
        const auto& after = fresh.steps();
        require(before.size() == after.size(), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
                "the graph has more or fewer nodes than before");
        for (std::size_t i = 0; i < after.size(); ++i) {
            info->errorNode = after[i].origin;
            require(before[i].after == after[i].after, CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
                    "the graph's dependencies changed");
            if (before[i].operation->type() == after[i].operation->type()) continue;
            info->result = CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
            throw Failure(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "a node's type changed");
        }
        exec->adopt(fresh);
        *info = {CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr, nullptr};
    });
}
