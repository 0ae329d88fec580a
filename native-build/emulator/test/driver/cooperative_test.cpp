// Cooperative launches: CUDA's own grid barrier, from the PTX that nvcc made of it.
#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

constexpr unsigned THREADS = 64, ROUNDS = 5;

class CooperativeTest : public DriverTest, public ::testing::WithParamInterface<const char*> {
  protected:
    CUfunction program(const char* kernel) {
        CUmodule loaded = nullptr;
        EXPECT_OK(cuModuleLoad(&loaded,
                               (std::string(QUERN_PROGRAMS "/") + GetParam() + "/grid_barrier.ptx").c_str()));
        CUfunction result = nullptr;
        EXPECT_OK(cuModuleGetFunction(&result, loaded, kernel));
        return result;
    }

    static CUresult cooperate(CUfunction kernel, unsigned blocks, void** arguments) {
        return cuLaunchCooperativeKernel(kernel, blocks, 1, 1, THREADS, 1, 1, 0, nullptr, arguments);
    }
};

INSTANTIATE_TEST_SUITE_P(Programs, CooperativeTest, ::testing::Values("compute_75", "compute_80"));

TEST_P(CooperativeTest, EveryBlockSeesWhatAllDidBeforeTheBarrier) {
    const CUfunction kernel = program("sum_rounds");
    for (const unsigned blocks : {1u, 2u, 33u, 108u}) {
        CUdeviceptr sums = zeros(ROUNDS), out = zeros(ROUNDS * blocks);
        unsigned rounds = ROUNDS;
        void* arguments[] = {&sums, &out, &rounds};
        EXPECT_OK(cooperate(kernel, blocks, arguments));
        const auto seen = wordsAt(out, ROUNDS * blocks);
        for (unsigned i = 0; i < seen.size(); ++i)
            ASSERT_EQ(blocks * (blocks + 1) / 2 + i / blocks * blocks, seen[i])
                << blocks << " blocks, place " << i;
    }
}

TEST_P(CooperativeTest, ArrivingAndWaitingMayBeApart) {
    constexpr unsigned BLOCKS = 40;
    CUdeviceptr sum = zeros(1), out = zeros(BLOCKS);
    void* arguments[] = {&sum, &out};
    EXPECT_OK(cooperate(program("arrive_and_wait"), BLOCKS, arguments));
    for (const std::uint32_t seen : wordsAt(out, BLOCKS)) EXPECT_EQ(BLOCKS * (BLOCKS + 1) / 2, seen);
}

TEST_P(CooperativeTest, AnOrdinaryLaunchHasNoGridBarrier) {
    const CUfunction kernel = program("is_valid");
    CUdeviceptr out = zeros(1);
    void* arguments[] = {&out};
    EXPECT_OK(cooperate(kernel, 1, arguments));
    EXPECT_EQ(1u, wordsAt(out, 1)[0]);
    EXPECT_OK(cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, arguments, nullptr));
    EXPECT_EQ(0u, wordsAt(out, 1)[0]);
    CUdeviceptr sums = zeros(ROUNDS);
    unsigned rounds = ROUNDS;
    void* more[] = {&sums, &out, &rounds};
    EXPECT_OK(cuLaunchKernel(program("sum_rounds"), 1, 1, 1, 1, 1, 1, 0, nullptr, more, nullptr));
    EXPECT_RESULT(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize()) << "cooperative groups trap";
}

TEST_P(CooperativeTest, TheExtendedLaunchCooperatesToo) {
    constexpr unsigned BLOCKS = 20;
    CUdeviceptr sum = zeros(1), out = zeros(BLOCKS);
    void* arguments[] = {&sum, &out};
    CUlaunchAttribute attributes[2]{};
    attributes[0].id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attributes[0].value.cooperative = 1;
    attributes[1].id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    CUlaunchConfig config{};
    config.gridDimX = BLOCKS;
    config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = THREADS;
    config.blockDimY = config.blockDimZ = 1;
    config.attrs = attributes;
    config.numAttrs = 2;
    const CUfunction kernel = program("arrive_and_wait");
    EXPECT_OK(cuLaunchKernelEx(&config, kernel, arguments, nullptr));
    EXPECT_EQ(BLOCKS * (BLOCKS + 1) / 2, wordsAt(out, BLOCKS)[BLOCKS - 1]);
    config.gridDimX = 100000;
    EXPECT_RESULT(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                  cuLaunchKernelEx(&config, kernel, arguments, nullptr));
}

}  // namespace
}  // namespace quern::driver::test
