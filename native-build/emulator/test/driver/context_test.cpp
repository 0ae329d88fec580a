#include <thread>

#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class ContextTest : public DriverTest {};

TEST_F(ContextTest, DeviceIsTheModelThatWasAskedFor) {
    int count = 0, major = 0, minor = 0, warp = 0, version = 0;
    EXPECT_OK(cuDeviceGetCount(&count));
    EXPECT_EQ(1, count);
    EXPECT_OK(cuDeviceGetAttribute(&major, 75, 0));
    EXPECT_OK(cuDeviceGetAttribute(&minor, 76, 0));
    EXPECT_EQ(80, 10 * major + minor);
    EXPECT_OK(cuDeviceGetAttribute(&warp, 10, 0));
    EXPECT_EQ(32, warp);
    EXPECT_OK(cuDriverGetVersion(&version));
    EXPECT_EQ(13000, version);
    char name[100];
    EXPECT_OK(cuDeviceGetName(name, sizeof name, 0));
    EXPECT_NE(nullptr, std::strstr(name, "Emulator")) << "a report must not pass for a GPU's";
    CUdevice device = -1;
    EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 1));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&warp, 100000, 0));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuDeviceGetCount(nullptr));
}

TEST_F(ContextTest, StackIsPerThread) {
    CUcontext inner = nullptr, seen = nullptr;
    EXPECT_OK(cuCtxCreate_v2(&inner, 0, 0));
    EXPECT_OK(cuCtxGetCurrent(&seen));
    EXPECT_EQ(inner, seen);
    std::thread([&] {
        CUcontext elsewhere = inner;
        EXPECT_OK(cuCtxGetCurrent(&elsewhere));
        EXPECT_EQ(nullptr, elsewhere);
        CUdeviceptr address = 0;
        EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&address, 4));
    }).join();
    EXPECT_OK(cuCtxPopCurrent_v2(&seen));
    EXPECT_EQ(inner, seen);
    EXPECT_OK(cuCtxGetCurrent(&seen));
    EXPECT_EQ(context, seen);
    EXPECT_OK(cuCtxPushCurrent_v2(inner));
    EXPECT_OK(cuCtxDestroy_v2(inner));
    EXPECT_OK(cuCtxGetCurrent(&seen));
    EXPECT_EQ(context, seen) << "destroying the current context pops it";
    EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(inner));
    EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(inner));
}

TEST_F(ContextTest, EveryFormOfCreationMakesAContext) {
    CUcontext inner = nullptr, seen = nullptr;
    EXPECT_OK(cuCtxCreate_v3(&inner, nullptr, 0, 0, 0));
    EXPECT_OK(cuCtxGetCurrent(&seen));
    EXPECT_EQ(inner, seen);
    EXPECT_OK(cuCtxDestroy_v2(inner));
    EXPECT_RESULT(CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY, cuCtxCreate_v3(&inner, nullptr, 1, 0, 0));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuCtxCreate_v3(&inner, nullptr, -1, 0, 0));

    CUctxCreateParams parameters{};
    for (CUctxCreateParams* const given : {static_cast<CUctxCreateParams*>(nullptr), &parameters}) {
        EXPECT_OK(cuCtxCreate_v4(&inner, given, CU_CTX_SCHED_SPIN, 0));
        unsigned flags = 0;
        EXPECT_OK(cuCtxGetFlags(&flags));
        EXPECT_EQ(CU_CTX_SCHED_SPIN, flags);
        EXPECT_OK(cuCtxDestroy_v2(inner));
    }
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuCtxCreate_v4(nullptr, &parameters, 0, 0));
    EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, cuCtxCreate_v4(&inner, &parameters, 0, 1));
    parameters.cigParams = reinterpret_cast<CUctxCigParam*>(&inner);
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, cuCtxCreate_v4(&inner, &parameters, 0, 0));
    parameters = {reinterpret_cast<CUexecAffinityParam*>(&inner), 1, nullptr};
    EXPECT_RESULT(CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY, cuCtxCreate_v4(&inner, &parameters, 0, 0));
    EXPECT_OK(cuCtxGetCurrent(&seen));
    EXPECT_EQ(context, seen) << "what was refused is not current";
}

TEST_F(ContextTest, AContextThatIsNotCurrentIsAskedByItsHandle) {
    CUcontext inner = nullptr;
    const CUdeviceptr words = zeros(64);
    const CUstream stream = newStream();
    std::uint32_t* const host = pinned(1);
    *host = 0;
    EXPECT_OK(add(words, 64, 7, stream));
    EXPECT_OK(cuMemcpyDtoHAsync_v2(host, words, 4, stream));
    EXPECT_OK(cuCtxCreate_v4(&inner, nullptr, 0, 0));
    CUdevice device = -1;
    EXPECT_OK(cuCtxGetDevice_v2(&device, context));
    EXPECT_EQ(0, device);
    EXPECT_OK(cuCtxGetDevice_v2(&device, nullptr)) << "null: the current one";
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuCtxGetDevice_v2(nullptr, context));
    EXPECT_OK(cuCtxSynchronize_v2(nullptr));
    EXPECT_OK(cuCtxSynchronize_v2(context));
    EXPECT_EQ(7u, *host);
    EXPECT_OK(cuCtxDestroy_v2(inner));
    EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize_v2(inner));
    EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuCtxGetDevice_v2(&device, inner));
    EXPECT_OK(cuCtxSetCurrent(nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize_v2(nullptr));
    EXPECT_OK(cuCtxSetCurrent(context));
}

TEST_F(ContextTest, PrimaryContextCountsItsUsers) {
    CUcontext again = nullptr;
    unsigned flags = 7;
    int active = 0;
    EXPECT_OK(cuDevicePrimaryCtxRetain(&again, 0));
    EXPECT_EQ(context, again);
    EXPECT_OK(cuDevicePrimaryCtxRelease_v2(0));
    EXPECT_OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
    EXPECT_EQ(1, active);
    EXPECT_OK(cuDevicePrimaryCtxRelease_v2(0));
    EXPECT_OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
    EXPECT_EQ(0, active);
    EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
    EXPECT_RESULT(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
    EXPECT_OK(cuDevicePrimaryCtxRetain(&again, 0));
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(context));
}

TEST_F(ContextTest, WhatAContextStillHoldsIsALeak) {
    CUcontext inner = nullptr;
    ASSERT_OK(cuCtxCreate_v2(&inner, 0, 0));
    const CUdeviceptr kept = allocate(1000);
    EXPECT_OK(cuMemFree_v2(allocate(24)));
    EXPECT_OK(cuCtxDestroy_v2(inner));
    const auto leaks = Driver::instance().leaks();
    ASSERT_EQ(1u, leaks.size());
    EXPECT_NE(std::string::npos, leaks[0].find("1000 bytes at " + hex(kept))) << leaks[0];
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(kept));
}

TEST_F(ContextTest, ADestroyedContextTakesItsHandlesWithIt) {
    CUcontext inner = nullptr;
    ASSERT_OK(cuCtxCreate_v2(&inner, 0, 0));
    const CUstream stream = newStream();
    CUevent event = nullptr;
    ASSERT_OK(cuEventCreate(&event, 0));
    const CUfunction add = function("add");
    ASSERT_OK(cuCtxDestroy_v2(inner));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuEventSynchronize(event));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
    int value = 0;
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, add));
    EXPECT_NE(std::string::npos, report().find("has been destroyed")) << report();
}

TEST_F(ContextTest, AHandleOfAnotherKindIsNamed) {
    const CUstream stream = newStream();
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuEventSynchronize(reinterpret_cast<CUevent>(stream)));
    EXPECT_NE(std::string::npos, report().find("is a stream handle; expected: event")) << report();
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(reinterpret_cast<CUstream>(&module)));
    EXPECT_NE(std::string::npos, report().find("is not a handle of this driver")) << report();
}

}  // namespace
}  // namespace quern::driver::test
