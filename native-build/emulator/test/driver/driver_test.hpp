// What the tests of the driver API share: a current primary context, fresh for every test, and a few kernels.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "driver/cuda_api.hpp"
#include "driver/driver.hpp"
#include "driver/results.hpp"

#define EXPECT_OK(CALL) \
    EXPECT_STREQ("CUDA_SUCCESS", ::quern::driver::nameOf(CALL)) << ::quern::driver::test::report()
#define ASSERT_OK(CALL) \
    ASSERT_STREQ("CUDA_SUCCESS", ::quern::driver::nameOf(CALL)) << ::quern::driver::test::report()
#define EXPECT_RESULT(CODE, CALL) EXPECT_STREQ(#CODE, ::quern::driver::nameOf(CALL))

namespace quern::driver::test {

inline std::string report() {
    const std::lock_guard<std::mutex> guard(Driver::instance().mutex);
    return Driver::instance().report();
}

// add(p, n, v): p[i] += v for i < n.  fault(p): writes far beyond p.  shared(p): 40,000 bytes of static shared memory.
inline constexpr const char* KERNELS = R"(
.version 7.8
.target sm_75
.address_size 64
.visible .global .align 4 .u32 answer = 42;
.visible .entry add(.param .u64 add_p, .param .u32 add_n, .param .u32 add_v)
{
    .reg .pred %p<2>;
    .reg .b32 %r<8>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [add_p];
    ld.param.u32 %r1, [add_n];
    ld.param.u32 %r2, [add_v];
    cvta.to.global.u64 %rd2, %rd1;
    mov.u32 %r3, %ctaid.x;
    mov.u32 %r4, %ntid.x;
    mov.u32 %r5, %tid.x;
    mad.lo.s32 %r6, %r3, %r4, %r5;
    setp.ge.u32 %p1, %r6, %r1;
    @%p1 bra $done;
    mul.wide.u32 %rd3, %r6, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.u32 %r7, [%rd4];
    add.s32 %r7, %r7, %r2;
    st.global.u32 [%rd4], %r7;
$done:
    ret;
}
.visible .entry fault(.param .u64 fault_p)
{
    .reg .b32 %r<2>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd1, [fault_p];
    add.s64 %rd2, %rd1, 1073741824;
    mov.u32 %r1, 1;
    st.global.u32 [%rd2], %r1;
    ret;
}
.visible .entry shared(.param .u64 shared_p)
{
    .shared .align 4 .b8 block[40000];
    ret;
}
)";

class DriverTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_OK(cuInit(0));
        ASSERT_OK(cuDevicePrimaryCtxRetain(&context, 0));
        ASSERT_OK(cuCtxSetCurrent(context));
    }

    void TearDown() override {
        EXPECT_OK(cuDevicePrimaryCtxReset_v2(0));
        EXPECT_OK(cuCtxSetCurrent(nullptr));
        const std::lock_guard<std::mutex> guard(Driver::instance().mutex);
        Driver::instance().forgetReports();
    }

    CUfunction function(const char* name) {
        if (module == nullptr) {
            EXPECT_OK(cuModuleLoadData(&module, KERNELS));
        }
        CUfunction result = nullptr;
        EXPECT_OK(cuModuleGetFunction(&result, module, name));
        return result;
    }

    static CUdeviceptr allocate(std::size_t bytes) {
        CUdeviceptr address = 0;
        EXPECT_OK(cuMemAlloc_v2(&address, bytes));
        return address;
    }

    // `count` words of 0 on the device.
    static CUdeviceptr zeros(unsigned count) {
        const CUdeviceptr address = allocate(4 * count);
        EXPECT_OK(cuMemsetD32_v2(address, 0, count));
        return address;
    }

    static std::vector<std::uint32_t> wordsAt(CUdeviceptr address, std::size_t count) {
        std::vector<std::uint32_t> words(count);
        EXPECT_OK(cuMemcpyDtoH_v2(words.data(), address, 4 * count));
        return words;
    }

    // Launches add over `count` words on a stream.
    CUresult add(CUdeviceptr address, unsigned count, unsigned value, CUstream stream) {
        void* arguments[] = {&address, &count, &value};
        return cuLaunchKernel(function("add"), (count + 63) / 64, 1, 1, 64, 1, 1, 0, stream, arguments,
                              nullptr);
    }

    CUresult fault(CUdeviceptr address, CUstream stream) {
        void* arguments[] = {&address};
        return cuLaunchKernel(function("fault"), 1, 1, 1, 1, 1, 1, 0, stream, arguments, nullptr);
    }

    // Pinned words, freed with the context.
    static std::uint32_t* pinned(std::size_t count) {
        void* memory = nullptr;
        EXPECT_OK(cuMemAllocHost_v2(&memory, 4 * count));
        return static_cast<std::uint32_t*>(memory);
    }

    static CUstream newStream(unsigned flags = CU_STREAM_NON_BLOCKING) {
        CUstream stream = nullptr;
        EXPECT_OK(cuStreamCreate(&stream, flags));
        return stream;
    }

    CUcontext context = nullptr;
    CUmodule module = nullptr;
};

}  // namespace quern::driver::test
