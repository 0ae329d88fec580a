#include "driver/entry_points.hpp"

#include <fstream>

#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

TEST(EntryPoints, EveryFunctionThatJcudaImportsIsThere) {
    std::ifstream list(SYMBOLS);
    std::string name;
    int count = 0;
    for (; std::getline(list, name); ++count) EXPECT_NE(nullptr, entryPointNamed(name)) << name;
    EXPECT_EQ(312, count);
    EXPECT_EQ(nullptr, entryPointNamed("cuNoSuchFunction"));
}

TEST(EntryPoints, WhatIsNotImplementedSaysSo) {
    const auto create =
        reinterpret_cast<CUresult (*)(void*, const void*)>(entryPointNamed("cuArrayCreate_v2"));
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, create(nullptr, nullptr));
}

TEST(EntryPoints, NamesResolveToTheirNewestForm) {
    void* function = nullptr;
    CUdriverProcAddressQueryResult status{};
    EXPECT_OK(cuGetProcAddress_v2("cuMemAlloc", &function, 12000, 0, &status));
    EXPECT_EQ(reinterpret_cast<void*>(&cuMemAlloc_v2), function);
    EXPECT_EQ(CU_GET_PROC_ADDRESS_SUCCESS, status);
    EXPECT_OK(cuGetProcAddress("cuLaunchKernelEx", &function, 12000, 0));
    EXPECT_EQ(reinterpret_cast<void*>(&cuLaunchKernelEx), function);
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, cuGetProcAddress_v2("cuNoSuch", &function, 12000, 0, &status));
    EXPECT_EQ(CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND, status);
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, cuGetProcAddress_v2("cuInit", &function, 99000, 0, &status));
    EXPECT_EQ(CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT, status);
}

TEST(EntryPoints, ResultsHaveNamesAndTexts) {
    const char* text = nullptr;
    EXPECT_OK(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
    EXPECT_STREQ("CUDA_ERROR_ILLEGAL_ADDRESS", text);
    EXPECT_OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
    EXPECT_STREQ("out of memory", text);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(static_cast<CUresult>(12345), &text));
    EXPECT_EQ(nullptr, text);
}

}  // namespace
}  // namespace quern::driver::test
