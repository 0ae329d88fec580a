#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class ModuleTest : public DriverTest {};

TEST_F(ModuleTest, FunctionsAndVariablesByName) {
    const CUfunction add = function("add");
    EXPECT_EQ(add, function("add"));
    CUfunction none = nullptr;
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&none, module, "subtract"));
    EXPECT_NE(std::string::npos, report().find("no kernel subtract")) << report();
    CUdeviceptr answer = 0;
    std::size_t bytes = 0;
    EXPECT_OK(cuModuleGetGlobal_v2(&answer, &bytes, module, "answer"));
    EXPECT_EQ(4u, bytes);
    EXPECT_EQ(42u, wordsAt(answer, 1)[0]);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(answer));
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal_v2(&answer, &bytes, module, "question"));
    CUmodule owner = nullptr;
    EXPECT_OK(cuFuncGetModule(&owner, add));
    EXPECT_EQ(module, owner);
    EXPECT_OK(cuModuleUnload(module));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuFuncGetModule(&owner, add));
    EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
}

TEST_F(ModuleTest, WhatDoesNotLoadSaysWhereInTheLog) {
    const char* wrong =
        ".version 7.8\n.target sm_75\n.address_size 64\n.visible .entry k() {\n frobnicate.u32 %r1;\n "
        "ret;\n}\n";
    char log[200] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, CU_JIT_WALL_TIME};
    void* values[] = {log, reinterpret_cast<void*>(sizeof log), nullptr};
    CUmodule loaded = nullptr;
    EXPECT_RESULT(CUDA_ERROR_INVALID_PTX, cuModuleLoadDataEx(&loaded, wrong, 3, options, values));
    EXPECT_NE(nullptr, std::strstr(log, "frobnicate")) << log;
    EXPECT_NE(nullptr, std::strstr(log, "line 5")) << log;
    EXPECT_EQ(std::strlen(log) + 1, reinterpret_cast<std::size_t>(values[1]));
    char tiny[4] = "xyz";
    void* tinyValues[] = {tiny, reinterpret_cast<void*>(sizeof tiny), nullptr};
    EXPECT_RESULT(CUDA_ERROR_INVALID_PTX, cuModuleLoadDataEx(&loaded, wrong, 3, options, tinyValues));
    EXPECT_EQ(3u, std::strlen(tiny));
}

TEST_F(ModuleTest, NewerTargetsAndMachineCodeAreRefused) {
    CUmodule loaded = nullptr;
    const char* newer = ".version 7.8\n.target sm_90\n.address_size 64\n.visible .entry k() { ret; }\n";
    EXPECT_RESULT(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&loaded, newer));
    const char cubin[8] =
        "\x7f"
        "ELF";
    EXPECT_RESULT(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&loaded, cubin));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(&loaded, nullptr));
    EXPECT_RESULT(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&loaded, "/no/such/file.ptx"));
}

TEST_F(ModuleTest, AttributesAndOccupancy) {
    int value = 0;
    EXPECT_OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function("add")));
    EXPECT_EQ(1024, value);
    EXPECT_OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function("shared")));
    EXPECT_EQ(40000, value);
    int blocks = 0, minGrid = 0, block = 0;
    EXPECT_OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function("add"), 1024, 0));
    EXPECT_EQ(2, blocks) << "2,048 threads a multiprocessor on sm_80";
    EXPECT_OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function("shared"), 32, 0));
    EXPECT_EQ(4, blocks) << "164 KiB a multiprocessor; 40,000 bytes and 1 KiB of the system's for each block";
    EXPECT_OK(cuOccupancyMaxPotentialBlockSize(&minGrid, &block, function("add"), nullptr, 0, 0));
    EXPECT_EQ(1024, block);
    EXPECT_EQ(216, minGrid);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE,
                  cuFuncGetAttribute(&value, static_cast<CUfunction_attribute>(99), function("add")));
}

TEST_F(ModuleTest, RegisterCountsAreEstimatedUntilMeasured) {
    const CUfunction add = function("add");
    int estimate = 0, measured = 0, blocks = 0;
    EXPECT_OK(cuFuncGetAttribute(&estimate, CU_FUNC_ATTRIBUTE_NUM_REGS, add));
    EXPECT_GE(estimate, 5);
    EXPECT_LE(estimate, 12);
    const auto measure = [](const std::string& kernel, std::uint32_t registers) {
        const std::lock_guard<std::mutex> guard(Driver::instance().mutex);
        Driver::instance().registers.set(contentHash(KERNELS), kernel, registers);
    };
    measure("add", 128);
    EXPECT_OK(cuFuncGetAttribute(&measured, CU_FUNC_ATTRIBUTE_NUM_REGS, add));
    EXPECT_EQ(128, measured);
    EXPECT_OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add, 256, 0));
    EXPECT_EQ(2, blocks) << "65,536 registers, 32,768 a block";
    measure("add", 200);
    EXPECT_OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add, 160, 0));
    EXPECT_EQ(1, blocks) << "2 warps of 6,400 registers in each quarter of 16,384, 5 warps a block";
    measure("add", 128);
    CUdeviceptr words = zeros(64);
    unsigned count = 64, value = 3;
    void* arguments[] = {&words, &count, &value};
    EXPECT_OK(cuLaunchKernel(add, 1, 1, 1, 512, 1, 1, 0, nullptr, arguments, nullptr));
    EXPECT_RESULT(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                  cuLaunchKernel(add, 1, 1, 1, 513, 1, 1, 0, nullptr, arguments, nullptr));
    EXPECT_NE(std::string::npos, report().find("too many resources requested")) << report();
    char info[400] = "";
    CUmodule loaded = nullptr;
    CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_INFO_LOG_BUFFER, CU_JIT_LOG_VERBOSE};
    void* values[] = {reinterpret_cast<void*>(sizeof info), info, reinterpret_cast<void*>(1)};
    EXPECT_OK(cuModuleLoadDataEx(&loaded, KERNELS, 3, options, values));
    EXPECT_NE(nullptr, std::strstr(info, "add: 128 registers, ")) << info;
    EXPECT_NE(nullptr, std::strstr(info, " registers (estimated), 40000 bytes smem")) << info;
    measure("add", static_cast<std::uint32_t>(estimate));
}

TEST_F(ModuleTest, JitOptionsAreUnderstoodOrRefused) {
    char info[400] = "";
    CUmodule loaded = nullptr;
    CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_INFO_LOG_BUFFER, CU_JIT_LOG_VERBOSE,
                              CU_JIT_TARGET, CU_JIT_WALL_TIME};
    void* values[] = {reinterpret_cast<void*>(sizeof info), info, reinterpret_cast<void*>(1),
                      reinterpret_cast<void*>(80), nullptr};
    EXPECT_OK(cuModuleLoadDataEx(&loaded, KERNELS, 5, options, values));
    EXPECT_NE(nullptr, std::strstr(info, "shared: ")) << info;
    EXPECT_NE(nullptr, std::strstr(info, "40000 bytes smem")) << info;
    float milliseconds = 0;
    std::memcpy(&milliseconds, &values[4], sizeof milliseconds);
    EXPECT_GT(milliseconds, 0);
    values[3] = reinterpret_cast<void*>(90);
    EXPECT_RESULT(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadDataEx(&loaded, KERNELS, 5, options, values));
    CUjit_option names = CU_JIT_GLOBAL_SYMBOL_NAMES;
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, cuModuleLoadDataEx(&loaded, KERNELS, 1, &names, values));
    CUjit_option none = static_cast<CUjit_option>(99);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuModuleLoadDataEx(&loaded, KERNELS, 1, &none, values));
    for (int known : {0, 1, 7, 8, 10, 11, 13, 14, 16, 30}) {
        CUjit_option option = static_cast<CUjit_option>(known);
        EXPECT_OK(cuModuleLoadDataEx(&loaded, KERNELS, 1, &option, values)) << known;
    }
}

}  // namespace
}  // namespace quern::driver::test
