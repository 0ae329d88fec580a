#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class LaunchTest : public DriverTest {
  protected:
    CUresult launch(CUfunction kernel, unsigned grid, unsigned block, unsigned shared, void** arguments,
                    void** extra) {
        return cuLaunchKernel(kernel, grid, 1, 1, block, 1, 1, shared, nullptr, arguments, extra);
    }
};

TEST_F(LaunchTest, ArgumentsAsABlock) {
    struct {
        CUdeviceptr words;
        unsigned count, value;
    } block{zeros(64), 64, 3};
    std::size_t bytes = sizeof block;
    void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                     CU_LAUNCH_PARAM_END};
    EXPECT_OK(launch(function("add"), 1, 64, 0, nullptr, extra));
    EXPECT_EQ(3u, wordsAt(block.words, 64)[63]);
    void* arguments[] = {&block.words, &block.count, &block.value};
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, launch(function("add"), 1, 64, 0, arguments, extra));
    bytes = 12;
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, launch(function("add"), 1, 64, 0, nullptr, extra));
    EXPECT_NE(std::string::npos, report().find("12 bytes; the kernel takes 16")) << report();
}

TEST_F(LaunchTest, ArgumentsAreTakenWhenTheLaunchIsQueued) {
    CUdeviceptr words = zeros(64);
    unsigned count = 64, value = 3;
    void* arguments[] = {&words, &count, &value};
    const CUdeviceptr kept = words;
    EXPECT_OK(launch(function("add"), 1, 64, 0, arguments, nullptr));
    value = 1000;
    words = 0;
    EXPECT_EQ(3u, wordsAt(kept, 64)[0]);
}

TEST_F(LaunchTest, BadShapesAndArgumentsAreRefused) {
    CUdeviceptr words = zeros(64);
    unsigned count = 64, value = 3;
    void* arguments[] = {&words, &count, &value};
    void* missing[] = {&words, nullptr, &value};
    const CUfunction kernel = function("add");
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, launch(kernel, 0, 64, 0, arguments, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, launch(kernel, 1, 1025, 0, arguments, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, launch(kernel, 1, 64, 0, nullptr, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, launch(kernel, 1, 64, 0, missing, nullptr));
    EXPECT_NE(std::string::npos, report().find("argument 1")) << report();
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, launch(nullptr, 1, 64, 0, arguments, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, launch(kernel, 1, 64, 49153, arguments, nullptr));
    EXPECT_OK(cuFuncSetAttribute(kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100000));
    EXPECT_OK(launch(kernel, 1, 64, 100000, arguments, nullptr));
    EXPECT_RESULT(
        CUDA_ERROR_INVALID_VALUE,
        cuFuncSetAttribute(kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 163 * 1024 + 1));
    EXPECT_EQ(3u, wordsAt(words, 64)[0]);
}

TEST_F(LaunchTest, TheExtendedForm) {
    CUdeviceptr words = zeros(64);
    unsigned count = 64, value = 3;
    void* arguments[] = {&words, &count, &value};
    CUlaunchAttribute cluster{};
    cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    cluster.value.clusterDim = {1, 1, 1};
    CUlaunchConfig config{};
    config.gridDimX = config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = 64;
    config.blockDimY = config.blockDimZ = 1;
    config.attrs = &cluster;
    config.numAttrs = 1;
    EXPECT_OK(cuLaunchKernelEx(&config, function("add"), arguments, nullptr));
    EXPECT_EQ(3u, wordsAt(words, 64)[0]);
    cluster.value.clusterDim = {2, 1, 1};
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, cuLaunchKernelEx(&config, function("add"), arguments, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuLaunchKernelEx(nullptr, function("add"), arguments, nullptr));
}

TEST_F(LaunchTest, CooperativeGridsMustFit) {
    CUdeviceptr words = zeros(64);
    unsigned count = 64, value = 3;
    void* arguments[] = {&words, &count, &value};
    EXPECT_OK(cuLaunchCooperativeKernel(function("add"), 1, 1, 1, 64, 1, 1, 0, nullptr, arguments));
    EXPECT_RESULT(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                  cuLaunchCooperativeKernel(function("add"), 100000, 1, 1, 64, 1, 1, 0, nullptr, arguments));
}

TEST_F(LaunchTest, LaunchesLeaveTheirCounters) {
    const CUdeviceptr words = zeros(64);
    EXPECT_OK(add(words, 64, 1, nullptr));
    EXPECT_OK(cuCtxSynchronize());
    const std::string json = Driver::instance().launches.json();
    EXPECT_NE(std::string::npos, json.find("\"kernel\":\"add\"")) << json;
    EXPECT_NE(std::string::npos,
              json.find("\"globalLoads\":{\"requests\":2,\"sectors\":8,\"requestedBytes\":256"))
        << json;
}

TEST_F(LaunchTest, DiscardedLaunchesDoNothing) {
    const CUdeviceptr words = zeros(64);
    Driver::instance().discardLaunches = true;
    EXPECT_OK(cuLaunchKernel(nullptr, 0, 0, 0, 0, 0, 0, 0, nullptr, nullptr, nullptr));
    Driver::instance().discardLaunches = false;
    EXPECT_EQ(0u, wordsAt(words, 1)[0]);
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE,
                  cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
}

}  // namespace
}  // namespace quern::driver::test
