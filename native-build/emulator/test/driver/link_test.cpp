#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

// A kernel that calls a function of another input, and that input, which also names a variable of the first.
constexpr const char* CALLER = R"(
.version 7.8
.target sm_75
.address_size 64
.extern .func (.param .b32 result) scaled(.param .b32 value);
.visible .global .align 4 .u32 factor = 7;
.visible .entry apply(.param .u64 apply_p)
{
    .reg .b32 %r<3>;
    .reg .b64 %rd<2>;
    ld.param.u64 %rd1, [apply_p];
    ld.global.u32 %r1, [%rd1];
    { 
    .param .b32 in;
    .param .b32 out;
    st.param.b32 [in], %r1;
    call.uni (out), scaled, (in);
    ld.param.b32 %r2, [out];
    }
    st.global.u32 [%rd1], %r2;
    ret;
}
)";
constexpr const char* CALLEE = R"(
.version 8.0
.target sm_80
.address_size 64
.extern .global .align 4 .u32 factor;
.visible .func (.param .b32 result) scaled(.param .b32 value)
{
    .reg .b32 %r<4>;
    ld.param.b32 %r1, [value];
    ld.global.u32 %r2, [factor];
    mul.lo.u32 %r3, %r1, %r2;
    st.param.b32 [result], %r3;
    ret;
}
)";

class LinkTest : public DriverTest {
  protected:
    void SetUp() override {
        DriverTest::SetUp();
        ASSERT_OK(cuLinkCreate_v2(2, options, values, &link));
    }
    CUresult input(const char* text, CUjitInputType type = CU_JIT_INPUT_PTX) {
        return cuLinkAddData_v2(link, type, const_cast<char*>(text), std::strlen(text) + 1, "input.ptx", 0,
                                nullptr, nullptr);
    }

    char log[256] = "";
    CUjit_option options[2] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void* values[2] = {log, reinterpret_cast<void*>(sizeof log)};
    CUlinkState link = nullptr;
    void* image = nullptr;
    std::size_t bytes = 0;
};

TEST_F(LinkTest, InputsFindEachOther) {
    for (const bool callerFirst : {true, false}) {
        CUlinkState state = nullptr;
        ASSERT_OK(cuLinkCreate_v2(0, nullptr, nullptr, &state));
        for (const char* text : {callerFirst ? CALLER : CALLEE, callerFirst ? CALLEE : CALLER}) {
            EXPECT_OK(cuLinkAddData_v2(state, CU_JIT_INPUT_PTX, const_cast<char*>(text), std::strlen(text),
                                       nullptr, 0, nullptr, nullptr));
        }
        ASSERT_OK(cuLinkComplete(state, &image, &bytes));
        CUmodule linked = nullptr;
        ASSERT_OK(cuModuleLoadData(&linked, image));
        EXPECT_OK(cuLinkDestroy(state));
        CUfunction apply = nullptr;
        ASSERT_OK(cuModuleGetFunction(&apply, linked, "apply"));
        CUdeviceptr word = zeros(1);
        EXPECT_OK(cuMemsetD32_v2(word, 6, 1));
        void* arguments[] = {&word};
        EXPECT_OK(cuLaunchKernel(apply, 1, 1, 1, 1, 1, 1, 0, nullptr, arguments, nullptr));
        EXPECT_EQ(42u, wordsAt(word, 1)[0]);
    }
}

TEST_F(LinkTest, WhatIsWrongIsInTheLog) {
    EXPECT_RESULT(CUDA_ERROR_INVALID_PTX, input(".version 7.8\n.target sm_75\n.address_size 64\n(\n"));
    EXPECT_NE(nullptr, std::strstr(log, "input.ptx: line 4")) << log;
    EXPECT_OK(input(CALLER));
    EXPECT_RESULT(CUDA_ERROR_INVALID_PTX, cuLinkComplete(link, &image, &bytes));
    EXPECT_NE(nullptr, std::strstr(log, "scaled")) << log;
    EXPECT_OK(input(CALLEE));
    EXPECT_OK(cuLinkComplete(link, &image, &bytes));
    EXPECT_EQ(std::strlen(static_cast<char*>(image)) + 1, bytes);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, input(CALLEE)) << "the link is complete";
}

TEST_F(LinkTest, OtherInputsAreRefused) {
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuLinkComplete(link, &image, &bytes));
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, input("\x7f"
                                                  "ELF",
                                                  CU_JIT_INPUT_CUBIN));
    EXPECT_NE(std::string::npos, report().find("links PTX")) << report();
    EXPECT_RESULT(CUDA_ERROR_NO_BINARY_FOR_GPU, input("\x7f"
                                                      "ELF"));
    EXPECT_RESULT(CUDA_ERROR_FILE_NOT_FOUND,
                  cuLinkAddFile_v2(link, CU_JIT_INPUT_PTX, "/no/such/file.ptx", 0, nullptr, nullptr));
    EXPECT_OK(cuLinkDestroy(link));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuLinkDestroy(link));
}

}  // namespace
}  // namespace quern::driver::test
