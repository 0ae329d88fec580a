#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class GraphTest : public DriverTest {
  protected:
    static CUgraphExec instantiate(CUgraph graph) {
        CUgraphExec exec = nullptr;
        EXPECT_OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
        return exec;
    }

    CUDA_KERNEL_NODE_PARAMS addNode(void** arguments) {
        CUDA_KERNEL_NODE_PARAMS node{};
        node.func = function("add");
        node.gridDimX = node.gridDimY = node.gridDimZ = 1;
        node.blockDimX = 64;
        node.blockDimY = node.blockDimZ = 1;
        node.kernelParams = arguments;
        return node;
    }
};

TEST_F(GraphTest, CaptureAndReplay) {
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream();
    function("add");
    EXPECT_OK(cuCtxSynchronize());
    CUstreamCaptureStatus status{};
    CUgraph graph = nullptr;
    ASSERT_OK(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    EXPECT_OK(cuStreamIsCapturing(stream, &status));
    EXPECT_EQ(CU_STREAM_CAPTURE_STATUS_ACTIVE, status);
    for (unsigned i = 0; i < 3; ++i) EXPECT_OK(add(words, 64, 1, stream));
    ASSERT_OK(cuStreamEndCapture(stream, &graph));
    EXPECT_EQ(0u, wordsAt(words, 1)[0]) << "captured work does not run";
    std::size_t nodes = 0;
    EXPECT_OK(cuGraphGetNodes(graph, nullptr, &nodes));
    EXPECT_EQ(3u, nodes);
    const CUgraphExec exec = instantiate(graph);
    EXPECT_OK(cuGraphDestroy(graph));
    for (int i = 0; i < 4; ++i) EXPECT_OK(cuGraphLaunch(exec, stream));
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_EQ(12u, wordsAt(words, 64)[63]);
    EXPECT_OK(cuGraphLaunch(exec, stream));
    EXPECT_OK(cuGraphExecDestroy(exec)) << "a launch that is queued is not hurt";
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_EQ(15u, wordsAt(words, 64)[0]);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, stream));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(graph));
}

TEST_F(GraphTest, CaptureForksAndJoins) {
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream(), side = newStream();
    CUevent fork = nullptr, join = nullptr;
    ASSERT_OK(cuEventCreate(&fork, 0));
    ASSERT_OK(cuEventCreate(&join, 0));
    function("add");
    EXPECT_OK(cuCtxSynchronize());
    const auto capture = [&](bool joined) {
        EXPECT_OK(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
        EXPECT_OK(add(words, 64, 1, stream));
        EXPECT_OK(cuEventRecord(fork, stream));
        EXPECT_OK(cuStreamWaitEvent(side, fork, 0));
        EXPECT_OK(cuMemsetD32Async(words, 9, 8, side));
        EXPECT_OK(cuEventRecord(join, side));
        if (joined) {
            EXPECT_OK(cuStreamWaitEvent(stream, join, 0));
        }
        EXPECT_OK(add(words, 64, 1, stream));
    };
    CUgraph graph = nullptr;
    capture(true);
    EXPECT_RESULT(CUDA_ERROR_CAPTURED_EVENT, cuEventSynchronize(join));
    ASSERT_OK(cuStreamEndCapture(stream, &graph));
    std::size_t edges = 0;
    EXPECT_OK(cuGraphGetEdges(graph, nullptr, nullptr, &edges));
    EXPECT_EQ(3u, edges);
    EXPECT_OK(cuGraphLaunch(instantiate(graph), stream));
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_EQ(10u, wordsAt(words, 64)[0]);
    EXPECT_EQ(2u, wordsAt(words, 64)[8]);
    capture(false);
    EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(stream, &graph));
    EXPECT_EQ(nullptr, graph);
}

TEST_F(GraphTest, WhatMayNotBeCaptured) {
    const CUstream stream = newStream(), blocking = newStream(CU_STREAM_DEFAULT);
    const CUdeviceptr words = zeros(1);
    EXPECT_OK(cuCtxSynchronize());
    CUgraph graph = nullptr;
    EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                  cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(stream, &graph));

    EXPECT_OK(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    CUdeviceptr address = 0;
    EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc_v2(&address, 4));
    EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuMemsetD32Async(words, 1, 1, stream));
    EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));

    EXPECT_OK(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    EXPECT_OK(cuMemAlloc_v2(&address, 4)) << "relaxed: allowed";
    EXPECT_OK(cuStreamEndCapture(stream, &graph));

    EXPECT_OK(cuStreamBeginCapture_v2(blocking, CU_STREAM_CAPTURE_MODE_GLOBAL));
    EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuMemsetD32_v2(words, 1, 1));
    EXPECT_RESULT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, &graph));
    EXPECT_OK(cuMemsetD32_v2(words, 1, 1)) << "the stream is usable again";
}

TEST_F(GraphTest, BuiltByHandAndChanged) {
    CUdeviceptr words = zeros(64);
    unsigned count = 64, value = 5;
    void* arguments[] = {&words, &count, &value};
    CUDA_KERNEL_NODE_PARAMS kernel = addNode(arguments);
    CUDA_MEMSET_NODE_PARAMS fill{words, 0, 100, 4, 64, 1};
    CUgraph graph = nullptr;
    CUgraphNode fillNode = nullptr, kernelNode = nullptr, stray = nullptr;
    ASSERT_OK(cuGraphCreate(&graph, 0));
    ASSERT_OK(cuGraphAddKernelNode_v2(&kernelNode, graph, nullptr, 0, &kernel));
    ASSERT_OK(cuGraphAddMemsetNode(&fillNode, graph, nullptr, 0, &fill, context));
    EXPECT_OK(cuGraphAddDependencies(graph, &fillNode, &kernelNode, 1));
    CUgraphNodeType type{};
    EXPECT_OK(cuGraphNodeGetType(fillNode, &type));
    EXPECT_EQ(CU_GRAPH_NODE_TYPE_MEMSET, type);
    CUDA_KERNEL_NODE_PARAMS seen{};
    EXPECT_OK(cuGraphKernelNodeGetParams_v2(kernelNode, &seen));
    EXPECT_EQ(kernel.func, seen.func);
    EXPECT_EQ(5u, *static_cast<unsigned*>(seen.kernelParams[2]));

    const CUgraphExec exec = instantiate(graph);
    EXPECT_OK(cuGraphLaunch(exec, nullptr));
    EXPECT_EQ(105u, wordsAt(words, 64)[7]);
    value = 6;
    EXPECT_OK(cuGraphExecKernelNodeSetParams_v2(exec, kernelNode, &kernel));
    EXPECT_OK(cuGraphLaunch(exec, nullptr));
    EXPECT_EQ(106u, wordsAt(words, 64)[7]);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphExecKernelNodeSetParams_v2(exec, fillNode, &kernel));

    fill.value = 200;
    EXPECT_OK(cuGraphMemsetNodeSetParams(fillNode, &fill));
    CUgraphExecUpdateResultInfo info{};
    EXPECT_OK(cuGraphExecUpdate_v2(exec, graph, &info));
    EXPECT_OK(cuGraphLaunch(exec, nullptr));
    EXPECT_EQ(205u, wordsAt(words, 64)[7]) << "the graph's own kernel node still adds 5";
    EXPECT_OK(cuGraphAddEmptyNode(&stray, graph, nullptr, 0));
    EXPECT_RESULT(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, cuGraphExecUpdate_v2(exec, graph, &info));
    EXPECT_OK(cuGraphDestroyNode(stray));

    EXPECT_OK(cuGraphAddDependencies(graph, &kernelNode, &fillNode, 1));
    CUgraphExec none = nullptr;
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiateWithFlags(&none, graph, 0));
    EXPECT_NE(std::string::npos, report().find("cycle")) << report();
}

TEST_F(GraphTest, EdgesWithDataThatIsZero) {
    CUgraph graph = nullptr;
    CUgraphNode a = nullptr, b = nullptr, c = nullptr;
    ASSERT_OK(cuGraphCreate(&graph, 0));
    for (CUgraphNode* const node : {&a, &b, &c}) ASSERT_OK(cuGraphAddEmptyNode(node, graph, nullptr, 0));
    const CUgraphNode from[] = {a, b}, to[] = {b, c};
    const CUgraphEdgeData zero[2] = {};
    CUgraphEdgeData programmatic[2] = {}, reserved[2] = {}, port[2] = {};
    programmatic[1].from_port = programmatic[1].type = 1;
    reserved[1].reserved[4] = 1;
    port[0].to_port = 1;

    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, cuGraphAddDependencies_v2(graph, from, to, programmatic, 2));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphAddDependencies_v2(graph, from, to, reserved, 2));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphAddDependencies_v2(graph, from, to, port, 2));
    std::size_t count = 9;
    EXPECT_OK(cuGraphGetEdges_v2(graph, nullptr, nullptr, nullptr, &count));
    EXPECT_EQ(0u, count) << "what was refused added nothing";
    EXPECT_OK(cuGraphAddDependencies_v2(graph, from, to, zero, 2));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphAddDependencies_v2(graph, from, to, nullptr, 1))
        << "the dependency is there already";

    CUgraphNode sources[3], targets[3];
    CUgraphEdgeData data[3];
    std::memset(data, 0xFF, sizeof data);
    EXPECT_OK(cuGraphGetEdges_v2(graph, sources, targets, data, &(count = 3)));
    EXPECT_EQ(2u, count);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(from[i], sources[i]);
        EXPECT_EQ(to[i], targets[i]);
    }
    EXPECT_EQ(0, std::memcmp(data, zero, sizeof zero));
    EXPECT_EQ(nullptr, sources[2]);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphGetEdges_v2(graph, nullptr, nullptr, data, &count));

    std::memset(data, 0xFF, sizeof data);
    EXPECT_OK(cuGraphNodeGetDependencies_v2(c, sources, data, &(count = 3)));
    EXPECT_EQ(1u, count);
    EXPECT_EQ(b, sources[0]);
    EXPECT_EQ(0, std::memcmp(data, zero, sizeof zero[0]));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphNodeGetDependencies_v2(c, nullptr, data, &count));
    std::memset(data, 0xFF, sizeof data);
    EXPECT_OK(cuGraphNodeGetDependentNodes_v2(a, targets, data, &(count = 3)));
    EXPECT_EQ(1u, count);
    EXPECT_EQ(b, targets[0]);
    EXPECT_EQ(0, std::memcmp(data, zero, sizeof zero[0]));
    EXPECT_OK(cuGraphNodeGetDependentNodes_v2(c, nullptr, nullptr, &count));
    EXPECT_EQ(0u, count);

    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, cuGraphRemoveDependencies_v2(graph, from, to, programmatic, 2));
    EXPECT_OK(cuGraphRemoveDependencies_v2(graph, from, to, zero, 2));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphRemoveDependencies_v2(graph, from, to, nullptr, 1));
    EXPECT_OK(cuGraphGetEdges(graph, nullptr, nullptr, &count));
    EXPECT_EQ(0u, count);
}

TEST_F(GraphTest, ClonesAndChildren) {
    CUdeviceptr words = zeros(64);
    unsigned count = 64, value = 1;
    void* arguments[] = {&words, &count, &value};
    const CUDA_KERNEL_NODE_PARAMS kernel = addNode(arguments);
    CUgraph inner = nullptr, outer = nullptr, copy = nullptr, child = nullptr;
    CUgraphNode node = nullptr, twin = nullptr, first = nullptr, second = nullptr;
    ASSERT_OK(cuGraphCreate(&inner, 0));
    ASSERT_OK(cuGraphAddKernelNode_v2(&node, inner, nullptr, 0, &kernel));
    ASSERT_OK(cuGraphCreate(&outer, 0));
    ASSERT_OK(cuGraphAddChildGraphNode(&first, outer, nullptr, 0, inner));
    ASSERT_OK(cuGraphAddChildGraphNode(&second, outer, &first, 1, inner));
    EXPECT_OK(cuGraphClone(&copy, inner));
    EXPECT_OK(cuGraphNodeFindInClone(&twin, node, copy));
    EXPECT_NE(node, twin);
    EXPECT_OK(cuGraphDestroy(inner));
    EXPECT_OK(cuGraphChildGraphNodeGetGraph(first, &child));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(child));
    EXPECT_OK(cuGraphLaunch(instantiate(outer), nullptr));
    EXPECT_OK(cuGraphLaunch(instantiate(copy), nullptr));
    EXPECT_EQ(3u, wordsAt(words, 64)[0]);
}

}  // namespace
}  // namespace quern::driver::test
