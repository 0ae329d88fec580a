// The stand-in for cuBLAS, through its own ABI: argument order, bounds, stream order, capture.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "cublas/cublas_types.hpp"
#include "driver/cuda_api.hpp"

extern "C" {
cublasStatus_t cublasCreate_v2(cublasHandle_t* handle);
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle);
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, CUstream stream);
cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, CUstream* stream);
cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode);
const char* cublasGetStatusName(cublasStatus_t status);
cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                              int m, int n, int k, const float* alpha, const float* a, int lda,
                              const float* b, int ldb, const float* beta, float* c, int ldc);
cublasStatus_t cublasDgemv_v2(cublasHandle_t handle, cublasOperation_t trans, int m, int n,
                              const double* alpha, const double* a, int lda, const double* x, int incx,
                              const double* beta, double* y, int incy);
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                            int n, int k, const void* alpha, const void* a, cudaDataType typeA, int lda,
                            const void* b, cudaDataType typeB, int ldb, const void* beta, void* c,
                            cudaDataType typeC, int ldc, cublasComputeType_t compute, int algorithm);
cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa,
                                          cublasOperation_t transb, int m, int n, int k, const void* alpha,
                                          const void* a, cudaDataType typeA, int lda, long long strideA,
                                          const void* b, cudaDataType typeB, int ldb, long long strideB,
                                          const void* beta, void* c, cudaDataType typeC, int ldc,
                                          long long strideC, int batchCount, cublasComputeType_t compute,
                                          int algorithm);
cublasStatus_t cublasStrsm_v2();
}

namespace {

#define EXPECT_STATUS(CODE, CALL) EXPECT_STREQ(#CODE, cublasGetStatusName(CALL))

class CublasTest : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(CUDA_SUCCESS, cuInit(0));
        ASSERT_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxRetain(&context, 0));
        ASSERT_EQ(CUDA_SUCCESS, cuCtxSetCurrent(context));
        ASSERT_EQ(CUBLAS_STATUS_SUCCESS, cublasCreate_v2(&handle));
    }
    void TearDown() override {
        EXPECT_EQ(CUBLAS_STATUS_SUCCESS, cublasDestroy_v2(handle));
        EXPECT_EQ(CUDA_SUCCESS, cuDevicePrimaryCtxReset_v2(0));
        cuCtxSetCurrent(nullptr);
    }

    template <class T>
    static T* upload(const std::vector<T>& values) {
        CUdeviceptr address = 0;
        EXPECT_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&address, values.size() * sizeof(T)));
        EXPECT_EQ(CUDA_SUCCESS, cuMemcpyHtoD_v2(address, values.data(), values.size() * sizeof(T)));
        return reinterpret_cast<T*>(address);
    }
    template <class T>
    static std::vector<T> download(const T* from, std::size_t count) {
        std::vector<T> values(count);
        EXPECT_EQ(CUDA_SUCCESS,
                  cuMemcpyDtoH_v2(values.data(), reinterpret_cast<CUdeviceptr>(from), count * sizeof(T)));
        return values;
    }
    // Small whole numbers: every order of summation gives the same.
    template <class T>
    static std::vector<T> numbers(int count, int seed) {
        std::vector<T> values;
        for (int i = 0; i < count; ++i) values.push_back(static_cast<T>((i * 7 + seed * 13) % 11 - 5));
        return values;
    }

    CUcontext context = nullptr;
    cublasHandle_t handle = nullptr;
};

TEST_F(CublasTest, EveryTranspositionAndLeadingDimension) {
    constexpr int M = 5, N = 3, K = 4, LDC = 8;
    for (const auto opA : {CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C}) {
        for (const auto opB : {CUBLAS_OP_N, CUBLAS_OP_T}) {
            const int lda = 7, ldb = 6;
            const auto a = numbers<float>(lda * 5, 1), b = numbers<float>(ldb * 4, 2),
                       c = numbers<float>(LDC * N, 3);
            float* const device = upload(c);
            const float alpha = 2, beta = -3;
            EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, cublasSgemm_v2(handle, opA, opB, M, N, K, &alpha, upload(a),
                                                                lda, upload(b), ldb, &beta, device, LDC));
            const auto result = download(device, c.size());
            for (int i = 0; i < LDC * N; ++i) {
                const int row = i % LDC, column = i / LDC;
                float expected = c[i];
                if (row < M) {
                    float sum = 0;
                    for (int p = 0; p < K; ++p) {
                        sum += a[opA == CUBLAS_OP_N ? row + p * lda : p + row * lda] *
                               b[opB == CUBLAS_OP_N ? p + column * ldb : column + p * ldb];
                    }
                    expected = alpha * sum + beta * c[i];
                }
                EXPECT_EQ(expected, result[i]) << "row " << row << ", column " << column;
            }
        }
    }
}

TEST_F(CublasTest, BetaOfZeroDoesNotReadTheResult) {
    float* const c = upload(std::vector<float>(4, NAN));
    const float one = 1, zero = 0;
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS,
                  cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 1, &one, upload<float>({2, 3}), 2,
                                 upload<float>({5, 7}), 1, &zero, c, 2));
    EXPECT_EQ((std::vector<float>{10, 15, 14, 21}), download(c, 4));
}

TEST_F(CublasTest, NarrowTypesAreReadAndRounded) {
    const std::vector<std::uint16_t> ones{0x3f80}, value{0x3f81};
    auto* const c = upload<std::uint16_t>({0});
    auto* const wide = upload<float>({0});
    const float alpha = 1, zero = 0, half = 0.5F;
    const auto run = [&](const float* scale, cudaDataType type, void* to) {
        return cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, scale, upload(value), CUDA_R_16BF, 1,
                            upload(ones), CUDA_R_16BF, 1, &zero, to, type, 1, CUBLAS_COMPUTE_32F, -1);
    };
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, run(&alpha, CUDA_R_32F, wide));
    EXPECT_EQ(1.0078125F, download(wide, 1)[0]);
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, run(&half, CUDA_R_16BF, c));
    EXPECT_EQ(0x3f01, download(c, 1)[0]);
    // FP16: 2048 + 1 lies between 2048 and 2050; 65519 rounds down, 65520 to infinity; the smallest subnormal halved is 0.
    const auto inHalf = [&](std::uint16_t x, float scale) {
        EXPECT_STATUS(CUBLAS_STATUS_SUCCESS,
                      cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &scale,
                                   upload<std::uint16_t>({x}), CUDA_R_16F, 1, upload<std::uint16_t>({0x3c00}),
                                   CUDA_R_16F, 1, &zero, c, CUDA_R_16F, 1, CUBLAS_COMPUTE_32F, -1));
        return download(c, 1)[0];
    };
    EXPECT_EQ(0x6800, inHalf(0x3c00, 2049));
    EXPECT_EQ(0x7bff, inHalf(0x3c00, 65519));
    EXPECT_EQ(0x7c00, inHalf(0x3c00, 65520));
    EXPECT_EQ(0x0000, inHalf(0x0001, 0.5F));
    EXPECT_EQ(0x0002, inHalf(0x0003, 0.5F)) << "one and a half of the smallest: to even";
    EXPECT_EQ(0x8400, inHalf(0x0400, -1));
    EXPECT_EQ(0xfc00, inHalf(0xfc00, 1));
    EXPECT_STATUS(CUBLAS_STATUS_NOT_SUPPORTED,
                  cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &alpha, c, CUDA_R_16F, 1, c,
                               CUDA_R_16BF, 1, &zero, c, CUDA_R_16F, 1, CUBLAS_COMPUTE_32F, -1));
}

TEST_F(CublasTest, BatchesAreAStrideApartAndScalarsMayLieOnTheDevice) {
    const auto a = numbers<double>(12, 1), b = numbers<double>(4, 2);
    double* const c = upload(std::vector<double>(20, -1.0));
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, cublasSetPointerMode_v2(handle, CUBLAS_POINTER_MODE_DEVICE));
    EXPECT_STATUS(
        CUBLAS_STATUS_SUCCESS,
        cublasGemmStridedBatchedEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, upload<double>({3}), upload(a),
                                   CUDA_R_64F, 2, 4, upload(b), CUDA_R_64F, 2, 0, upload<double>({1}), c,
                                   CUDA_R_64F, 2, 8, 3, CUBLAS_COMPUTE_64F, -1));
    const auto result = download(c, 20);
    for (int i = 0; i < 20; ++i) {
        const int batch = i / 8, row = i % 2, column = i % 8 / 2;
        double expected = -1;
        if (i % 8 < 4)
            expected += 3 * (a[4 * batch + row] * b[2 * column] + a[4 * batch + row + 2] * b[2 * column + 1]);
        EXPECT_EQ(expected, result[i]) << i;
    }
}

TEST_F(CublasTest, VectorsMayBeWalkedBackwards) {
    const auto a = numbers<double>(6, 1);  // [2][3]
    double* const y = upload<double>({100, 0, 200, 0});
    const double alpha = 1, beta = 1;
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, cublasDgemv_v2(handle, CUBLAS_OP_N, 2, 3, &alpha, upload(a), 2,
                                                        upload<double>({1, 10, 100}), -1, &beta, y, 2));
    EXPECT_EQ(
        (std::vector<double>{100 + a[0] * 100 + a[2] * 10 + a[4], 0, 200 + a[1] * 100 + a[3] * 10 + a[5], 0}),
        download(y, 4));
}

TEST_F(CublasTest, WorkIsQueuedInTheHandlesStreamAndCaptured) {
    CUstream stream = nullptr, asked = nullptr;
    ASSERT_EQ(CUDA_SUCCESS, cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, cublasSetStream_v2(handle, stream));
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, cublasGetStream_v2(handle, &asked));
    EXPECT_EQ(stream, asked);
    float* const c = upload<float>({0});
    float *const a = upload<float>({2}), *const b = upload<float>({3});
    const float one = 1;
    ASSERT_EQ(CUDA_SUCCESS, cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS,
                  cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, a, 1, b, 1, &one, c, 1));
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    ASSERT_EQ(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
    EXPECT_EQ(0, download(c, 1)[0]);
    ASSERT_EQ(CUDA_SUCCESS, cuGraphInstantiateWithFlags(&exec, graph, 0));
    for (int i = 0; i < 3; ++i) ASSERT_EQ(CUDA_SUCCESS, cuGraphLaunch(exec, stream));
    ASSERT_EQ(CUDA_SUCCESS, cuStreamSynchronize(stream));
    EXPECT_EQ(18, download(c, 1)[0]);
}

TEST_F(CublasTest, WhatLiesOutsideAnAllocationIsAnIllegalAddress) {
    const float one = 1;
    float* const c = upload<float>({1, 2, 3, 4});
    EXPECT_STATUS(CUBLAS_STATUS_SUCCESS, cublasSgemm_v2(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one,
                                                        upload<float>({1, 2, 3}), 2, c, 2, &one, c, 2))
        << "found when it runs, as on a device";
    EXPECT_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}

TEST_F(CublasTest, BadArgumentsAreRefused) {
    const float one = 1;
    float* const c = upload<float>({1, 2, 3, 4});
    const auto run = [&](int m, int lda, int opA, const float* alpha) {
        return cublasSgemm_v2(handle, static_cast<cublasOperation_t>(opA), CUBLAS_OP_N, m, 2, 2, alpha, c,
                              lda, c, 2, &one, c, 2);
    };
    EXPECT_STATUS(CUBLAS_STATUS_INVALID_VALUE, run(-1, 2, 0, &one));
    EXPECT_STATUS(CUBLAS_STATUS_INVALID_VALUE, run(2, 1, 0, &one));
    EXPECT_STATUS(CUBLAS_STATUS_INVALID_VALUE, run(2, 2, 9, &one));
    EXPECT_STATUS(CUBLAS_STATUS_INVALID_VALUE, run(2, 2, 0, nullptr));
    EXPECT_STATUS(CUBLAS_STATUS_NOT_INITIALIZED,
                  cublasSetStream_v2(reinterpret_cast<cublasHandle_t>(std::uintptr_t{12345}), nullptr));
    EXPECT_STATUS(CUBLAS_STATUS_NOT_SUPPORTED, cublasStrsm_v2());
    EXPECT_EQ((std::vector<float>{1, 2, 3, 4}), download(c, 4));
}

}  // namespace
