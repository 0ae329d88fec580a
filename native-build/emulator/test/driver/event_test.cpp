#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class EventTest : public DriverTest {
  protected:
    static CUevent newEvent(unsigned flags = CU_EVENT_DEFAULT) {
        CUevent event = nullptr;
        EXPECT_OK(cuEventCreate(&event, flags));
        return event;
    }
};

TEST_F(EventTest, AStreamWaitsForAnother) {
    const CUdeviceptr words = zeros(64);
    const CUstream producer = newStream(), consumer = newStream();
    const CUevent ready = newEvent();
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_OK(add(words, 64, 7, producer));
    EXPECT_OK(cuEventRecord(ready, producer));
    EXPECT_OK(cuStreamWaitEvent(consumer, ready, 0));
    std::uint32_t* const host = pinned(64);
    EXPECT_OK(cuMemcpyDtoHAsync_v2(host, words, 256, consumer));
    EXPECT_OK(cuStreamSynchronize(consumer));
    EXPECT_EQ(7u, host[63]);
}

TEST_F(EventTest, WaitingIsForTheRecordAtTheTimeOfTheCall) {
    const CUdeviceptr words = zeros(64);
    const CUstream producer = newStream(), consumer = newStream();
    const CUevent event = newEvent();
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_OK(cuStreamWaitEvent(consumer, event, 0)) << "never recorded: no wait";
    EXPECT_OK(add(words, 64, 1, producer));
    EXPECT_OK(cuEventRecord(event, producer));
    EXPECT_OK(cuStreamWaitEvent(consumer, event, 0));
    EXPECT_OK(add(words, 64, 1, producer));
    EXPECT_OK(cuEventRecord(event, producer));
    std::uint32_t* const host = pinned(64);
    EXPECT_OK(cuMemcpyDtoHAsync_v2(host, words, 256, consumer));
    EXPECT_OK(cuStreamSynchronize(consumer));
    EXPECT_EQ(1u, host[0]);
}

TEST_F(EventTest, QueryAndTime) {
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream();
    const CUevent start = newEvent(), end = newEvent(), untimed = newEvent(CU_EVENT_DISABLE_TIMING);
    float milliseconds = -1;
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_OK(cuEventQuery(start)) << "an event that was never recorded has happened";
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, end));
    EXPECT_OK(cuEventRecord(start, stream));
    EXPECT_OK(add(words, 64, 1, stream));
    EXPECT_OK(cuEventRecord(end, stream));
    EXPECT_OK(cuEventRecord(untimed, stream));
    EXPECT_RESULT(CUDA_ERROR_NOT_READY, cuEventElapsedTime(&milliseconds, start, end));
    int polls = 0;
    while (cuEventQuery(end) == CUDA_ERROR_NOT_READY) ASSERT_LT(++polls, 100);
    EXPECT_GT(polls, 0);
    for (const auto elapsed : {cuEventElapsedTime, cuEventElapsedTime_v2}) {
        milliseconds = -1;
        EXPECT_OK(elapsed(&milliseconds, start, end));
        EXPECT_GE(milliseconds, 0);
        EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, elapsed(&milliseconds, start, untimed));
        EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, elapsed(nullptr, start, end));
    }
    EXPECT_OK(cuEventSynchronize(untimed));
}

TEST_F(EventTest, ADestroyedEventIsRefusedAndItsRecordStillCounts) {
    const CUdeviceptr words = zeros(64);
    const CUstream producer = newStream(), consumer = newStream();
    const CUevent event = newEvent();
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_OK(add(words, 64, 2, producer));
    EXPECT_OK(cuEventRecord(event, producer));
    EXPECT_OK(cuStreamWaitEvent(consumer, event, 0));
    EXPECT_OK(cuEventDestroy_v2(event));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, producer));
    EXPECT_OK(cuStreamSynchronize(consumer));
    std::uint32_t* const host = pinned(1);
    EXPECT_OK(cuMemcpyDtoHAsync_v2(host, words, 4, consumer));
    EXPECT_OK(cuStreamSynchronize(consumer));
    EXPECT_EQ(2u, host[0]);
    CUevent shared = nullptr;
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED,
                  cuEventCreate(&shared, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
}

}  // namespace
}  // namespace quern::driver::test
