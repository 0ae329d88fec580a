// Graphs: operations with dependencies, edited as a Graph and launched as a GraphExec.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "driver/cuda_types.hpp"
#include "driver/handles.hpp"
#include "driver/operation.hpp"
#include "driver/stream.hpp"

namespace quern::driver {

class Graph;

struct GraphNode {
    OperationPtr operation;
    std::vector<std::shared_ptr<GraphNode>> dependencies;
    CUgraphNode handle = nullptr;
    std::weak_ptr<Graph> graph;
    CUgraphNode clonedFrom = nullptr;
};

using GraphNodePtr = std::shared_ptr<GraphNode>;

class Graph : public std::enable_shared_from_this<Graph> {
  public:
    ~Graph();

    /// Adds a node; its dependencies must be nodes of this graph. The caller registers its handle.
    GraphNodePtr add(OperationPtr operation, std::vector<GraphNodePtr> dependencies);

    void remove(const GraphNodePtr& node);
    bool owns(const GraphNode& node) const { return node.graph.lock().get() == this; }

    /// The nodes, each after everything it depends on; throws CUDA_ERROR_INVALID_VALUE for a cycle.
    std::vector<GraphNodePtr> inOrder() const;

    CUgraph handle = nullptr;
    std::vector<GraphNodePtr> nodes;
    bool child = false;  // belongs to a child-graph node: its handle must not be destroyed
};

/// What a graph was when it was instantiated: later edits of the graph do not reach it.
class GraphExec {
  public:
    struct Step {
        CUgraphNode origin;  // the node of the graph it was made from, for the Set*Params calls
        OperationPtr operation;
        std::vector<std::size_t> after;  // indices of earlier steps
    };

    explicit GraphExec(const Graph& graph);

    /// The step made from `node`, or nullptr.
    Step* find(CUgraphNode node);

    /// Replaces `step`'s operation without touching launches that are queued already.
    void replace(Step& step, OperationPtr operation);

    /// Takes over another's operations, step by step; both must have the same shape.
    void adopt(const GraphExec& other);

    /// The operation that runs all steps in order, as queued on a stream.
    OperationPtr launchOperation() const;

    const std::vector<Step>& steps() const { return *steps_; }

    CUgraphExec handle = nullptr;
    WorkPtr lastLaunch;  // one executable graph never runs beside itself

  private:
    std::shared_ptr<std::vector<Step>> steps_;  // shared with queued launches; copied before it is changed
};

/// A new, empty graph with a handle.
std::shared_ptr<Graph> addGraph(HandleTable& handles);

/// A copy with nodes and handles of its own; the operations never change and are shared.
std::shared_ptr<Graph> cloneGraph(HandleTable& handles, const Graph& original);

/// A graph inside a graph.
class ChildGraphOperation final : public Operation {
  public:
    explicit ChildGraphOperation(std::shared_ptr<Graph> graph) : graph_(std::move(graph)) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_GRAPH; }
    void perform(Context& context) const override;
    const std::shared_ptr<Graph>& graph() const { return graph_; }

  private:
    std::shared_ptr<Graph> graph_;
};

}  // namespace quern::driver
