#include <atomic>
#include <thread>

#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class StreamTest : public DriverTest {};

TEST_F(StreamTest, NothingRunsBeforeSomebodyWaits) {
    std::uint32_t* const host = pinned(1);
    host[0] = 0;
    const CUstream stream = newStream();
    EXPECT_OK(cuLaunchHostFunc(
        stream, [](void* data) { ++*static_cast<std::uint32_t*>(data); }, host));
    EXPECT_EQ(0u, host[0]);
    EXPECT_RESULT(CUDA_ERROR_NOT_READY, cuStreamQuery(stream)) << "a query lets one step happen";
    EXPECT_EQ(1u, host[0]);
    EXPECT_OK(cuStreamQuery(stream));
}

TEST_F(StreamTest, WorkThatNobodyWaitsForHappensInTheEnd) {
    std::atomic<bool> done{false};
    const CUstream stream = newStream();
    EXPECT_OK(cuLaunchHostFunc(
        stream, [](void* data) { static_cast<std::atomic<bool>*>(data)->store(true); }, &done));
    for (int i = 0; i < 1000 && !done; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_TRUE(done);
}

TEST_F(StreamTest, OrderWithinAStream) {
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream();
    EXPECT_OK(cuCtxSynchronize());
    for (unsigned i = 1; i <= 10; ++i) EXPECT_OK(add(words, 64, i, stream));
    EXPECT_OK(cuMemsetD32Async(words, 5, 32, stream));
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_EQ(5u, wordsAt(words, 64)[31]);
    EXPECT_EQ(55u, wordsAt(words, 64)[32]);
}

TEST_F(StreamTest, BlockingStreamsTakeTurnsWithTheDefaultStream) {
    const CUdeviceptr words = zeros(64);
    const CUstream blocking = newStream(CU_STREAM_DEFAULT), free = newStream();
    EXPECT_OK(add(words, 64, 1, blocking));
    EXPECT_OK(add(words, 64, 1, nullptr));
    std::vector<std::uint32_t> seen(64);
    std::uint32_t* const host = pinned(64);
    // A stream that does not block sees none of it: it has not waited.
    EXPECT_OK(cuMemcpyDtoHAsync_v2(host, words, 256, free));
    EXPECT_OK(cuStreamSynchronize(free));
    EXPECT_NE(2u, host[0]);
    // A synchronous copy goes through the default stream, which waits for blocking ones.
    EXPECT_EQ(2u, wordsAt(words, 64)[0]);
}

TEST_F(StreamTest, DefaultStreamsHaveHandlesOfTheirOwn) {
    const CUdeviceptr words = zeros(64);
    EXPECT_OK(add(words, 64, 1, CU_STREAM_LEGACY));
    EXPECT_OK(add(words, 64, 1, CU_STREAM_PER_THREAD));
    EXPECT_OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
    EXPECT_EQ(2u, wordsAt(words, 64)[0]);
    unsigned long long legacy = 0, perThread = 0;
    EXPECT_OK(cuStreamGetId(nullptr, &legacy));
    EXPECT_OK(cuStreamGetId(CU_STREAM_PER_THREAD, &perThread));
    EXPECT_NE(legacy, perThread);
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(nullptr));
}

TEST_F(StreamTest, PropertiesAreThoseItWasMadeWith) {
    CUstream stream = nullptr;
    unsigned flags = 9;
    int priority = 9, least = 9, greatest = 9;
    CUcontext owner = nullptr;
    EXPECT_OK(cuCtxGetStreamPriorityRange(&least, &greatest));
    EXPECT_OK(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -100));
    EXPECT_OK(cuStreamGetPriority(stream, &priority));
    EXPECT_EQ(greatest, priority);
    EXPECT_OK(cuStreamGetFlags(stream, &flags));
    EXPECT_EQ(CU_STREAM_NON_BLOCKING, flags);
    EXPECT_OK(cuStreamGetCtx(stream, &owner));
    EXPECT_EQ(context, owner);
    auto green = reinterpret_cast<CUgreenCtx>(stream);
    owner = nullptr;
    EXPECT_OK(cuStreamGetCtx_v2(stream, &owner, &green));
    EXPECT_EQ(nullptr, green);
    EXPECT_EQ(context, owner);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&stream, 77));
    EXPECT_OK(cuStreamDestroy_v2(stream));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(stream));
}

TEST_F(StreamTest, ADestroyedStreamsWorkStillHappens) {
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream();
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_OK(add(words, 64, 3, stream));
    EXPECT_OK(cuStreamDestroy_v2(stream));
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_EQ(3u, wordsAt(words, 64)[0]);
}

TEST_F(StreamTest, CallbacksMayNotCallTheDriver) {
    CUresult seen = CUDA_SUCCESS;
    EXPECT_OK(cuLaunchHostFunc(
        nullptr, [](void* data) { *static_cast<CUresult*>(data) = cuCtxSynchronize(); }, &seen));
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_RESULT(CUDA_ERROR_NOT_PERMITTED, seen);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuLaunchHostFunc(nullptr, nullptr, nullptr));
}

TEST_F(StreamTest, ALongQueueDoesNotGrowWithoutEnd) {
    const CUdeviceptr words = zeros(1);
    const CUstream stream = newStream();
    EXPECT_OK(cuCtxSynchronize());
    for (unsigned i = 0; i < 5000; ++i) ASSERT_OK(cuMemsetD32Async(words, i, 1, stream));
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_EQ(4999u, wordsAt(words, 1)[0]);
}

TEST_F(StreamTest, AFailedKernelPoisonsItsContextUntilThatIsReset) {
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream();
    EXPECT_OK(fault(words, stream));
    EXPECT_OK(add(words, 64, 1, stream)) << "the launch itself cannot know";
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
    EXPECT_NE(std::string::npos, report().find("fault")) << report();
    CUdeviceptr more = 0;
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&more, 4));
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemFree_v2(words)) << "which frees all the same";
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(words));
    EXPECT_OK(cuDevicePrimaryCtxReset_v2(0));
    EXPECT_OK(cuDevicePrimaryCtxRetain(&context, 0));
    EXPECT_OK(cuMemAlloc_v2(&more, 4));
    EXPECT_OK(cuCtxSynchronize());
}

}  // namespace
}  // namespace quern::driver::test
