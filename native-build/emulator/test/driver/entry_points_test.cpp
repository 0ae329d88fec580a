#include "driver/entry_points.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

// The function that is exported as `name`, or nullptr.
void* exported(std::string_view name) {
    const auto table = entryPoints();
    const auto found = std::ranges::find(table, name, &EntryPoint::name);
    return found == table.end() ? nullptr : found->function;
}

TEST(EntryPoints, EveryFunctionThatJcudaImportsIsThere) {
    std::ifstream list(SYMBOLS);
    std::string name;
    int count = 0;
    for (; std::getline(list, name); ++count) EXPECT_NE(nullptr, exported(name)) << name;
    EXPECT_EQ(312, count);
    EXPECT_EQ(nullptr, exported("cuNoSuchFunction"));
}

TEST(EntryPoints, TheTableIsInTheOrderThatLookupsNeed) {
    const auto table = entryPoints();
    const auto key = [](const EntryPoint& form) { return std::pair(form.base, form.since); };
    EXPECT_EQ(table.end(), std::ranges::adjacent_find(table, std::ranges::greater_equal{}, key));
    for (const EntryPoint& form : table) EXPECT_LE(form.since, DRIVER_VERSION) << form.name;
}

TEST(EntryPoints, WhatIsNotImplementedSaysSo) {
    const auto create = reinterpret_cast<CUresult (*)(void*, const void*)>(exported("cuArrayCreate_v2"));
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, create(nullptr, nullptr));
}

// What cuda.h of each release makes of a name.
TEST(EntryPoints, TheVersionPicksTheForm) {
    const struct {
        const char* base;
        int version;
        void* form;
    } cases[] = {
        {"cuInit", 2000, reinterpret_cast<void*>(&cuInit)},
        {"cuMemAlloc", 3020, reinterpret_cast<void*>(&cuMemAlloc_v2)},
        {"cuMemAlloc", 13000, reinterpret_cast<void*>(&cuMemAlloc_v2)},
        {"cuLaunchKernelEx", 11060, reinterpret_cast<void*>(&cuLaunchKernelEx)},
        {"cuGetProcAddress", 11080, reinterpret_cast<void*>(&cuGetProcAddress)},
        {"cuGetProcAddress", 12000, reinterpret_cast<void*>(&cuGetProcAddress_v2)},
        {"cuCtxCreate", 11030, reinterpret_cast<void*>(&cuCtxCreate_v2)},
        {"cuCtxCreate", 11040, reinterpret_cast<void*>(&cuCtxCreate_v3)},
        {"cuCtxCreate", 12040, reinterpret_cast<void*>(&cuCtxCreate_v3)},
        {"cuCtxCreate", 12050, reinterpret_cast<void*>(&cuCtxCreate_v4)},
        {"cuCtxGetDevice", 12090, reinterpret_cast<void*>(&cuCtxGetDevice)},
        {"cuCtxGetDevice", 13000, reinterpret_cast<void*>(&cuCtxGetDevice_v2)},
        {"cuCtxSynchronize", 12090, reinterpret_cast<void*>(&cuCtxSynchronize)},
        {"cuCtxSynchronize", 13000, reinterpret_cast<void*>(&cuCtxSynchronize_v2)},
        {"cuEventElapsedTime", 12060, reinterpret_cast<void*>(&cuEventElapsedTime)},
        {"cuEventElapsedTime", 12080, reinterpret_cast<void*>(&cuEventElapsedTime_v2)},
        {"cuGraphAddDependencies", 12020, reinterpret_cast<void*>(&cuGraphAddDependencies)},
        {"cuGraphAddDependencies", 12030, reinterpret_cast<void*>(&cuGraphAddDependencies_v2)},
        {"cuGraphRemoveDependencies", 12020, reinterpret_cast<void*>(&cuGraphRemoveDependencies)},
        {"cuGraphRemoveDependencies", 12030, reinterpret_cast<void*>(&cuGraphRemoveDependencies_v2)},
        {"cuGraphGetEdges", 12020, reinterpret_cast<void*>(&cuGraphGetEdges)},
        {"cuGraphGetEdges", 12030, reinterpret_cast<void*>(&cuGraphGetEdges_v2)},
        {"cuGraphNodeGetDependencies", 12020, reinterpret_cast<void*>(&cuGraphNodeGetDependencies)},
        {"cuGraphNodeGetDependencies", 12030, reinterpret_cast<void*>(&cuGraphNodeGetDependencies_v2)},
        {"cuGraphNodeGetDependentNodes", 12020, reinterpret_cast<void*>(&cuGraphNodeGetDependentNodes)},
        {"cuGraphNodeGetDependentNodes", 12030, reinterpret_cast<void*>(&cuGraphNodeGetDependentNodes_v2)},
        {"cuGraphInstantiate", 11080, reinterpret_cast<void*>(&cuGraphInstantiate_v2)},
        {"cuGraphInstantiate", 12000, reinterpret_cast<void*>(&cuGraphInstantiateWithFlags)},
        {"cuGraphInstantiateWithFlags", 11040, reinterpret_cast<void*>(&cuGraphInstantiateWithFlags)},
        {"cuMemPrefetchAsync", 12010, reinterpret_cast<void*>(&cuMemPrefetchAsync)},
        {"cuMemPrefetchAsync", 12020, reinterpret_cast<void*>(&cuMemPrefetchAsync_v2)},
        {"cuMemAdvise", 12010, reinterpret_cast<void*>(&cuMemAdvise)},
        {"cuMemAdvise", 12020, reinterpret_cast<void*>(&cuMemAdvise_v2)},
        {"cuStreamGetCtx", 12040, reinterpret_cast<void*>(&cuStreamGetCtx)},
        {"cuStreamGetCtx", 12050, reinterpret_cast<void*>(&cuStreamGetCtx_v2)},
        {"cuStreamGetCaptureInfo", 11030, exported("cuStreamGetCaptureInfo_v2")},
    };
    for (const auto& [base, version, form] : cases) {
        void* function = nullptr;
        CUdriverProcAddressQueryResult status = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
        EXPECT_OK(cuGetProcAddress_v2(base, &function, version, 0, &status));
        EXPECT_EQ(form, function) << base << " of " << version;
        EXPECT_EQ(CU_GET_PROC_ADDRESS_SUCCESS, status);
        function = nullptr;
        EXPECT_OK(cuGetProcAddress(base, &function, version, 1));
        EXPECT_EQ(form, function) << base << " of " << version;
    }
}

TEST(EntryPoints, WhatAVersionLacksIsNotFound) {
    const auto ask = [](const char* symbol, int version, unsigned long long flags,
                        CUdriverProcAddressQueryResult expected) {
        void* function = const_cast<char*>(symbol);
        auto status = CU_GET_PROC_ADDRESS_SUCCESS;
        const CUresult result = cuGetProcAddress_v2(symbol, &function, version, flags, &status);
        EXPECT_EQ(nullptr, function) << symbol;
        EXPECT_EQ(expected, status) << symbol;
        return result;
    };
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, ask("cuNoSuch", 12000, 0, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, ask("cuMemAlloc_v2", 12000, 0, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND,
                  ask("cuLaunchKernelEx", 11050, 0, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT));
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND,
                  ask("cuMemAlloc", 3010, 0, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, ask("cuInit", 99000, 0, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, ask("cuInit", 12000, 3, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, ask("cuInit", 12000, 2, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND));
    void* function = nullptr;
    EXPECT_OK(cuGetProcAddress_v2("cuInit", &function, 12000, 0, nullptr));
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
