#include <stdexcept>

#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class FaultInjectionTest : public DriverTest {
  protected:
    static void failNext(CallKind kind, unsigned n, CUresult result) {
        const std::lock_guard<std::mutex> guard(Driver::instance().mutex);
        Driver::instance().faults.failNext(kind, n, result);
    }
    static void order(const std::string& text) {
        const std::lock_guard<std::mutex> guard(Driver::instance().mutex);
        Driver::instance().faults.order(text);
    }
    static std::uint64_t calls(CallKind kind) {
        const std::lock_guard<std::mutex> guard(Driver::instance().mutex);
        return Driver::instance().faults.calls(kind);
    }
};

TEST_F(FaultInjectionTest, TheNthAllocationFailsAndNothingIsTaken) {
    failNext(CallKind::ALLOCATION, 2, CUDA_ERROR_OUT_OF_MEMORY);
    allocate(64);
    std::size_t before = 0, after = 0, total = 0;
    EXPECT_OK(cuMemGetInfo_v2(&before, &total));
    CUdeviceptr untouched = 123;
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&untouched, 64));
    EXPECT_NE(std::string::npos, report().find("cuMemAlloc_v2")) << report();
    EXPECT_NE(std::string::npos, report().find("call 2 of kind ALLOCATION fails, as ordered")) << report();
    EXPECT_EQ(123u, untouched);
    EXPECT_OK(cuMemGetInfo_v2(&after, &total));
    EXPECT_EQ(before, after);
    allocate(64);
    EXPECT_EQ(3u, calls(CallKind::ALLOCATION));
}

TEST_F(FaultInjectionTest, CreationsFailAndLeaveNothing) {
    for (unsigned n = 1; n <= 5; ++n) failNext(CallKind::CREATION, n, CUDA_ERROR_OUT_OF_MEMORY);
    CUstream stream = nullptr;
    CUevent event = nullptr;
    CUgraph graph = nullptr;
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuEventCreate(&event, 0));
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuGraphCreate(&graph, 0));
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY,
                  cuStreamBeginCapture_v2(CU_STREAM_PER_THREAD, CU_STREAM_CAPTURE_MODE_RELAXED));
    EXPECT_TRUE(stream == nullptr && event == nullptr && graph == nullptr);
    failNext(CallKind::CREATION, 3, CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CUgraphExec exec = nullptr;
    EXPECT_OK(cuGraphCreate(&graph, 0));
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuGraphInstantiateWithFlags(&exec, graph, 0));
    EXPECT_OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    EXPECT_OK(cuGraphExecDestroy(exec));
    EXPECT_OK(cuGraphDestroy(graph));
}

TEST_F(FaultInjectionTest, StreamsAndEventsThatAreLeftAreLeaks) {
    newStream();
    const CUstream destroyed = newStream();
    EXPECT_OK(cuStreamDestroy_v2(destroyed));
    CUevent event = nullptr;
    EXPECT_OK(cuEventCreate(&event, 0));
    EXPECT_OK(cuDevicePrimaryCtxReset_v2(0));
    const std::lock_guard<std::mutex> guard(Driver::instance().mutex);
    const std::vector<std::string> expected{"a stream that was not destroyed",
                                            "an event that was not destroyed"};
    EXPECT_EQ(expected, Driver::instance().leaks());
}

TEST_F(FaultInjectionTest, EveryFormOfACallCounts) {
    const CUstream stream = newStream();
    void* host = nullptr;
    CUdeviceptr words = 0, managed = 0, pooled = 0;
    std::size_t pitch = 0;
    EXPECT_OK(cuMemAllocPitch_v2(&words, &pitch, 512, 2, 4));
    EXPECT_OK(cuMemAllocManaged(&managed, 64, 1));
    EXPECT_OK(cuMemAllocAsync(&pooled, 64, stream));
    EXPECT_OK(cuMemAllocHost_v2(&host, 64));
    EXPECT_EQ(4u, calls(CallKind::ALLOCATION));
    EXPECT_OK(cuMemsetD32Async(words, 1, 64, stream));
    EXPECT_OK(cuMemsetD2D8_v2(words, 512, 1, 64, 2));
    EXPECT_OK(cuMemcpyDtoH_v2(host, words, 64));
    EXPECT_OK(cuMemcpyDtoHAsync_v2(host, words, 64, stream));
    EXPECT_EQ(4u, calls(CallKind::COPY));
    EXPECT_OK(add(words, 16, 1, stream));
    EXPECT_EQ(1u, calls(CallKind::MODULE_LOAD));
    EXPECT_EQ(1u, calls(CallKind::LAUNCH));
    CUevent event = nullptr;
    EXPECT_OK(cuEventCreate(&event, 0));
    EXPECT_OK(cuEventRecord(event, stream));
    EXPECT_OK(cuEventSynchronize(event));
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_EQ(3u, calls(CallKind::SYNCHRONIZE));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&words, 0)) << "refused anyway: not counted";
    EXPECT_EQ(4u, calls(CallKind::ALLOCATION));
}

TEST_F(FaultInjectionTest, ALaunchThatFailsDoesNothing) {
    const CUdeviceptr words = zeros(64);
    failNext(CallKind::LAUNCH, 1, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    EXPECT_RESULT(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, add(words, 64, 1, nullptr));
    EXPECT_EQ(0u, wordsAt(words, 64)[0]);
    EXPECT_OK(add(words, 64, 1, nullptr));
    EXPECT_EQ(1u, wordsAt(words, 64)[0]);
}

TEST_F(FaultInjectionTest, AStickyResultPoisonsTheContext) {
    failNext(CallKind::SYNCHRONIZE, 1, CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    CUdeviceptr address = 0;
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&address, 64));
}

TEST_F(FaultInjectionTest, OrdersAsTextAreChecked) {
    order("ALLOCATION:1:CUDA_ERROR_OUT_OF_MEMORY, COPY:2:700");
    CUdeviceptr address = 0;
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&address, 64));
    const CUdeviceptr words = zeros(1);  // a fill: the first copy
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemsetD32_v2(words, 0, 1));
    for (const char* wrong : {"ALLOCATION", "ALLOCATION:0:2", "ALLOCATION:1:0", "FREE:1:2", "COPY:x:2",
                              "COPY:1:CUDA_ERROR_OF_MINE", "COPY:1:2:3", ","}) {
        EXPECT_THROW(order(wrong), std::invalid_argument) << wrong;
    }
}

}  // namespace
}  // namespace quern::driver::test
