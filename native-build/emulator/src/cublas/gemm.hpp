// The products themselves: plain loops over column-major matrices, sums in FP64, rounded once to the type of the result.
// They prove that arguments are in order; the real library sums in another order and another precision.
#pragma once

#include <cstdint>

#include "cublas/cublas_types.hpp"

namespace quern::cublas {

/// alpha or beta: a value of the host, or where it lies on the device.
struct Scalar {
    double value = 0;
    std::uint64_t address = 0;  // 0: `value` counts
    cudaDataType type = CUDA_R_32F;

    double now() const;
};

struct Matrix {
    std::uint64_t address = 0;
    cudaDataType type = CUDA_R_32F;
    std::int64_t leading = 0;  // elements from one column to the next
    std::int64_t stride = 0;   // elements from one matrix of a batch to the next
    bool transposed = false;
};

/// C = alpha op(A) op(B) + beta C, for each of a batch. op(A) is [m][k], op(B) [k][n]. C is not read where beta is 0,
/// A and B are not where alpha is.
struct Gemm {
    std::int64_t m = 0, n = 0, k = 0;
    std::int64_t batch = 1;
    Matrix a, b, c;
    Scalar alpha, beta;

    static void perform(const void* gemm);
};

/// y = alpha op(A) x + beta y. op(A) is [rows][columns].
struct Gemv {
    std::int64_t rows = 0, columns = 0;
    Matrix a;
    std::uint64_t x = 0, y = 0;  // the elements with the lowest address
    std::int64_t stepX = 1, stepY = 1;
    Scalar alpha, beta;

    static void perform(const void* gemv);
};

std::size_t bytesOf(cudaDataType type);
double load(cudaDataType type, std::uint64_t address, std::int64_t index);

}  // namespace quern::cublas
