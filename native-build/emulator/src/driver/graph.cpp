#include "driver/graph.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "driver/failure.hpp"

namespace quern::driver {

namespace {

using Steps = std::vector<GraphExec::Step>;

class GraphLaunchOperation final : public Operation {
  public:
    explicit GraphLaunchOperation(std::shared_ptr<const Steps> steps) : steps_(std::move(steps)) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_GRAPH; }
    void perform(Context& context) const override {
        for (const GraphExec::Step& step : *steps_) step.operation->perform(context);
    }

  private:
    std::shared_ptr<const Steps> steps_;
};

}  // namespace

Graph::~Graph() {
    // A chain of a hundred thousand nodes must not be freed by as deep a recursion.
    for (const GraphNodePtr& node : nodes) node->dependencies.clear();
}

GraphNodePtr Graph::add(OperationPtr operation, std::vector<GraphNodePtr> dependencies) {
    for (const GraphNodePtr& dependency : dependencies) {
        require(owns(*dependency), CUDA_ERROR_INVALID_VALUE, "a dependency is a node of another graph");
    }
    auto node = std::make_shared<GraphNode>();
    node->operation = std::move(operation);
    node->dependencies = std::move(dependencies);
    node->graph = weak_from_this();
    nodes.push_back(node);
    return node;
}

void Graph::remove(const GraphNodePtr& node) {
    for (const GraphNodePtr& other : nodes) std::erase(other->dependencies, node);
    std::erase(nodes, node);
}

std::vector<GraphNodePtr> Graph::inOrder() const {
    // Kahn's algorithm; among ready nodes the order of insertion, so that a launch is reproducible.
    std::unordered_map<const GraphNode*, std::size_t> open;
    std::unordered_map<const GraphNode*, std::vector<GraphNodePtr>> dependents;
    std::vector<GraphNodePtr> ordered;
    ordered.reserve(nodes.size());
    for (const GraphNodePtr& node : nodes) {
        open[node.get()] = node->dependencies.size();
        if (node->dependencies.empty()) ordered.push_back(node);
        for (const GraphNodePtr& dependency : node->dependencies)
            dependents[dependency.get()].push_back(node);
    }
    for (std::size_t i = 0; i < ordered.size(); ++i) {
        for (const GraphNodePtr& dependent : dependents[ordered[i].get()]) {
            if (--open[dependent.get()] == 0) ordered.push_back(dependent);
        }
    }
    require(ordered.size() == nodes.size(), CUDA_ERROR_INVALID_VALUE, "the graph has a cycle");
    return ordered;
}

GraphExec::GraphExec(const Graph& graph) : steps_(std::make_shared<Steps>()) {
    std::unordered_map<const GraphNode*, std::size_t> index;
    for (const GraphNodePtr& node : graph.inOrder()) {
        Step step{node->handle, node->operation, {}};
        for (const GraphNodePtr& dependency : node->dependencies)
            step.after.push_back(index.at(dependency.get()));
        if (const auto* child = dynamic_cast<const ChildGraphOperation*>(node->operation.get())) {
            step.operation = GraphExec(*child->graph()).launchOperation();
        }
        index[node.get()] = steps_->size();
        steps_->push_back(std::move(step));
    }
}

GraphExec::Step* GraphExec::find(CUgraphNode node) {
    const auto found =
        std::find_if(steps_->begin(), steps_->end(), [&](const Step& s) { return s.origin == node; });
    return found == steps_->end() ? nullptr : &*found;
}

void GraphExec::replace(Step& step, OperationPtr operation) {
    const auto index = static_cast<std::size_t>(&step - steps_->data());
    steps_ = std::make_shared<Steps>(*steps_);
    (*steps_)[index].operation = std::move(operation);
}

void GraphExec::adopt(const GraphExec& other) {
    auto steps = std::make_shared<Steps>(*steps_);
    for (std::size_t i = 0; i < steps->size(); ++i) (*steps)[i].operation = other.steps()[i].operation;
    steps_ = std::move(steps);
}

OperationPtr GraphExec::launchOperation() const { return std::make_shared<GraphLaunchOperation>(steps_); }

std::shared_ptr<Graph> addGraph(HandleTable& handles) {
    auto graph = std::make_shared<Graph>();
    graph->handle = handles.add(graph);
    return graph;
}

std::shared_ptr<Graph> cloneGraph(HandleTable& handles, const Graph& original) {
    auto copy = addGraph(handles);
    std::unordered_map<const GraphNode*, GraphNodePtr> twins;
    for (const GraphNodePtr& node : original.inOrder()) {
        std::vector<GraphNodePtr> needs;
        for (const GraphNodePtr& dependency : node->dependencies) needs.push_back(twins.at(dependency.get()));
        const GraphNodePtr twin = copy->add(node->operation, std::move(needs));
        twin->handle = handles.add(twin);
        twin->clonedFrom = node->handle;
        twins[node.get()] = twin;
    }
    return copy;
}

void ChildGraphOperation::perform(Context& context) const {
    GraphExec(*graph_).launchOperation()->perform(context);
}

}  // namespace quern::driver
