#include <atomic>
#include <thread>

#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class ThreadTest : public DriverTest {
  protected:
    // Adds 2 to 64 words; the function is looked up beforehand, since the fixture belongs to one thread.
    void SetUp() override {
        DriverTest::SetUp();
        kernel = function("add");
    }

    CUresult addHere(CUdeviceptr words, CUstream stream) const {
        unsigned count = 64, value = 2;
        void* arguments[] = {&words, &count, &value};
        return cuLaunchKernel(kernel, 1, 1, 1, 64, 1, 1, 0, stream, arguments, nullptr);
    }

    CUfunction kernel = nullptr;
};

TEST_F(ThreadTest, ManyThreadsOneContext) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([this] {
            EXPECT_OK(cuCtxSetCurrent(context));
            const CUstream stream = newStream();
            for (int round = 0; round < 20; ++round) {
                const CUdeviceptr words = allocate(256);
                EXPECT_OK(cuMemsetD32Async(words, 1, 64, stream));
                EXPECT_OK(addHere(words, stream));
                std::vector<std::uint32_t> back(64);
                EXPECT_OK(cuMemcpyDtoHAsync_v2(back.data(), words, 256, stream));
                EXPECT_EQ(3u, back[63]);
                EXPECT_OK(cuMemFree_v2(words));
            }
            EXPECT_OK(cuStreamDestroy_v2(stream));
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST_F(ThreadTest, SeveralThreadsWaitForOneStream) {
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream();
    EXPECT_OK(cuCtxSynchronize());
    for (int i = 0; i < 50; ++i) EXPECT_OK(addHere(words, stream));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([=] { EXPECT_OK(cuStreamSynchronize(stream)); });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(100u, wordsAt(words, 64)[0]);
}

TEST_F(ThreadTest, ACallbackMayWaitForAnotherThreadThatCallsTheDriver) {
    struct Meeting {
        std::atomic<bool> reached{false}, release{false};
    } meeting;
    const CUstream stream = newStream();
    EXPECT_OK(cuLaunchHostFunc(
        stream,
        [](void* data) {
            auto& here = *static_cast<Meeting*>(data);
            here.reached = true;
            while (!here.release) std::this_thread::yield();
        },
        &meeting));
    std::thread waiter([=] { EXPECT_OK(cuStreamSynchronize(stream)); });
    while (!meeting.reached) std::this_thread::yield();
    EXPECT_OK(cuMemFree_v2(0));
    CUevent event = nullptr;
    EXPECT_OK(cuEventCreate(&event, 0));
    meeting.release = true;
    waiter.join();
}

}  // namespace
}  // namespace quern::driver::test
