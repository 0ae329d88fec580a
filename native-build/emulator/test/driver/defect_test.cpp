// Seeded defects in the order of streams, each with its correct counterpart: since work happens as late as its order
// allows, a missing event or a memory that is freed too early shows every time.
#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class StreamDefects : public DriverTest {
  protected:
    /// One stream fills words with 1, the other adds 10. What is there afterwards.
    std::uint32_t acrossStreams(bool waits) {
        const CUdeviceptr words = zeros(64);
        EXPECT_OK(cuCtxSynchronize());  // a fill does not wait, and these streams do not wait for it
        const CUstream producer = newStream(), consumer = newStream();
        CUevent filled = nullptr;
        EXPECT_OK(cuEventCreate(&filled, CU_EVENT_DISABLE_TIMING));
        EXPECT_OK(cuMemsetD32Async(words, 1, 64, producer));
        EXPECT_OK(cuEventRecord(filled, producer));
        if (waits) {
            EXPECT_OK(cuStreamWaitEvent(consumer, filled, 0));
        }
        EXPECT_OK(add(words, 64, 10, consumer));
        EXPECT_OK(cuStreamSynchronize(consumer));
        EXPECT_OK(cuStreamSynchronize(producer));
        return wordsAt(words, 64)[63];
    }

    /// Adds to pooled memory that another stream frees, before it waits for the addition or after.
    CUresult freedAcrossStreams(bool waits) {
        const CUstream owner = newStream(), user = newStream();
        CUdeviceptr words = 0;
        CUevent ready = nullptr, used = nullptr;
        EXPECT_OK(cuEventCreate(&ready, CU_EVENT_DISABLE_TIMING));
        EXPECT_OK(cuEventCreate(&used, CU_EVENT_DISABLE_TIMING));
        EXPECT_OK(cuMemAllocAsync(&words, 256, owner));
        EXPECT_OK(cuMemsetD32Async(words, 0, 64, owner));
        EXPECT_OK(cuEventRecord(ready, owner));
        EXPECT_OK(cuStreamWaitEvent(user, ready, 0));
        EXPECT_OK(add(words, 64, 1, user));
        EXPECT_OK(cuEventRecord(used, user));
        if (waits) {
            EXPECT_OK(cuStreamWaitEvent(owner, used, 0));
        }
        EXPECT_OK(cuMemFreeAsync(words, owner));
        EXPECT_OK(cuStreamSynchronize(owner));
        return cuStreamSynchronize(user);
    }
};

TEST_F(StreamDefects, AMissingEventGivesWrongValues) {
    EXPECT_EQ(11u, acrossStreams(true));
    EXPECT_NE(11u, acrossStreams(false)) << "the consumer was not late enough to go first";
}

TEST_F(StreamDefects, UseAfterAsynchronousFreeIsFound) {
    EXPECT_OK(freedAcrossStreams(true));
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, freedAcrossStreams(false));
    EXPECT_NE(std::string::npos, report().find("kernel add")) << report();
    EXPECT_NE(std::string::npos, report().find("freed")) << report();
}

/// A host buffer that is filled again before the copy from it was waited for.
TEST_F(StreamDefects, AHostBufferReusedTooEarlyGivesWrongValues) {
    for (const bool waits : {true, false}) {
        const CUdeviceptr words = zeros(1);
        EXPECT_OK(cuCtxSynchronize());
        const CUstream stream = newStream();
        std::uint32_t* const host = pinned(1);
        *host = 5;
        EXPECT_OK(cuMemcpyHtoDAsync_v2(words, host, 4, stream));
        if (waits) {
            EXPECT_OK(cuStreamSynchronize(stream));
        }
        *host = 6;
        EXPECT_OK(cuStreamSynchronize(stream));
        EXPECT_EQ(waits ? 5u : 6u, wordsAt(words, 1)[0]);
    }
}

}  // namespace
}  // namespace quern::driver::test
