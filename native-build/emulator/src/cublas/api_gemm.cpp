// Matrix products: arguments checked as cuBLAS does, then queued in the handle's stream.
#include <algorithm>
#include <new>

#include "cublas/driver_door.hpp"
#include "cublas/gemm.hpp"
#include "cublas/handle.hpp"

using namespace quern::cublas;

namespace {

struct Typed {
    const void* pointer;
    cudaDataType type;
    int leading;
    long long stride;
};

std::string text(long long number) { return std::to_string(number); }

bool isTransposed(cublasOperation_t operation, const char* name) {
    require(operation >= CUBLAS_OP_N && operation <= CUBLAS_OP_C, CUBLAS_STATUS_INVALID_VALUE,
            std::string(name) + " is no operation: " + text(operation));
    return operation != CUBLAS_OP_N;  // of real numbers the conjugate is the number
}

void requireCount(int value, const char* name) {
    require(value >= 0, CUBLAS_STATUS_INVALID_VALUE, std::string(name) + " is negative: " + text(value));
}

// Elements from the first to behind the last of a batch of matrices as they are stored.
std::size_t elements(int rows, int columns, int leading, long long stride, int batch) {
    if (rows == 0 || columns == 0 || batch == 0) return 0;
    return static_cast<std::size_t>(stride) * static_cast<std::size_t>(batch - 1) +
           static_cast<std::size_t>(leading) * static_cast<std::size_t>(columns - 1) +
           static_cast<std::size_t>(rows);
}

Matrix matrixOf(const Typed& given, bool transposed, int rows, const char* name) {
    require(given.leading >= std::max(1, rows), CUBLAS_STATUS_INVALID_VALUE,
            std::string("ld") + name + " is " + text(given.leading) + ", less than the matrix's " +
                text(rows) + " rows");
    require(given.stride >= 0, CUBLAS_STATUS_NOT_SUPPORTED,
            std::string("the stride of ") + name + " is negative");
    return {reinterpret_cast<std::uintptr_t>(given.pointer), given.type, given.leading, given.stride,
            transposed};
}

Scalar scalarOf(const Handle& handle, const void* pointer, cudaDataType type, const char* name) {
    require(pointer != nullptr, CUBLAS_STATUS_INVALID_VALUE, std::string(name) + " is null");
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    if (handle.pointerMode == CUBLAS_POINTER_MODE_DEVICE) return {0, address, type};
    return {load(type, address, 0), 0, type};
}

class Ranges {
  public:
    void add(const char* role, std::uint64_t address, std::size_t count, cudaDataType type,
             bool written = false) {
        if (count != 0) ranges_[count_++] = {role, address, count * bytesOf(type), bytesOf(type), written};
    }
    void add(const char* role, const Scalar& scalar) {
        if (scalar.address != 0) add(role, scalar.address, 1, scalar.type);
    }
    template <class Call>
    void submit(const Handle& handle, const char* name, const Call& call) const {
        const QuernLibraryCall libraryCall{name, ranges_, count_, &Call::perform, &call, sizeof call};
        const CUresult result = DriverDoor::instance().submit(handle.stream, &libraryCall);
        // The driver has written its report.
        if (result != CUDA_SUCCESS) throw Refusal{CUBLAS_STATUS_EXECUTION_FAILED, ""};
    }

  private:
    QuernRange ranges_[5];
    std::size_t count_ = 0;
};

cublasStatus_t gemm(const char* function, cublasHandle_t handle, cublasOperation_t opA, cublasOperation_t opB,
                    int m, int n, int k, const void* alpha, const Typed& a, const Typed& b, const void* beta,
                    const Typed& c, cudaDataType scale, int batch) {
    return entry(function, handle, [&](Handle& settings) {
        const bool transA = isTransposed(opA, "transa");
        const bool transB = isTransposed(opB, "transb");
        requireCount(m, "m");
        requireCount(n, "n");
        requireCount(k, "k");
        requireCount(batch, "batchCount");
        const int rowsA = transA ? k : m, columnsA = transA ? m : k;
        const int rowsB = transB ? n : k, columnsB = transB ? k : n;
        Gemm call;
        call.m = m;
        call.n = n;
        call.k = k;
        call.batch = batch;
        call.a = matrixOf(a, transA, rowsA, "a");
        call.b = matrixOf(b, transB, rowsB, "b");
        call.c = matrixOf(c, false, m, "c");
        call.alpha = scalarOf(settings, alpha, scale, "alpha");
        call.beta = scalarOf(settings, beta, scale, "beta");
        if (m == 0 || n == 0 || batch == 0) return;
        Ranges ranges;
        const bool product = k != 0 && (call.alpha.address != 0 || call.alpha.value != 0);
        if (product) {
            ranges.add("A", call.a.address, elements(rowsA, columnsA, a.leading, a.stride, batch), a.type);
            ranges.add("B", call.b.address, elements(rowsB, columnsB, b.leading, b.stride, batch), b.type);
        }
        ranges.add("C", call.c.address, elements(m, n, c.leading, c.stride, batch), c.type, true);
        ranges.add("alpha", call.alpha);
        ranges.add("beta", call.beta);
        ranges.submit(settings, function, call);
    });
}

// The combinations of cublasGemmEx's table that are real and not of 8 bits. Gives the type of alpha and beta.
bool scaleOf(cublasComputeType_t compute, cudaDataType a, cudaDataType b, cudaDataType c,
             cudaDataType& scale) {
    const bool narrow = a == CUDA_R_16F || a == CUDA_R_16BF;
    switch (compute) {
        case CUBLAS_COMPUTE_16F:
        case CUBLAS_COMPUTE_16F_PEDANTIC: scale = CUDA_R_16F; return a == CUDA_R_16F && b == a && c == a;
        case CUBLAS_COMPUTE_32F:
        case CUBLAS_COMPUTE_32F_PEDANTIC:
            scale = CUDA_R_32F;
            return a == b && ((narrow && (c == a || c == CUDA_R_32F)) || (a == CUDA_R_32F && c == a));
        case CUBLAS_COMPUTE_32F_FAST_16F:
        case CUBLAS_COMPUTE_32F_FAST_16BF:
        case CUBLAS_COMPUTE_32F_FAST_TF32: scale = CUDA_R_32F; return a == CUDA_R_32F && b == a && c == a;
        case CUBLAS_COMPUTE_64F:
        case CUBLAS_COMPUTE_64F_PEDANTIC: scale = CUDA_R_64F; return a == CUDA_R_64F && b == a && c == a;
        default: return false;
    }
}

cublasStatus_t gemmEx(const char* function, cublasHandle_t handle, cublasOperation_t opA,
                      cublasOperation_t opB, int m, int n, int k, const void* alpha, const Typed& a,
                      const Typed& b, const void* beta, const Typed& c, cublasComputeType_t compute,
                      int batch) {
    cudaDataType scale = CUDA_R_32F;
    if (!scaleOf(compute, a.type, b.type, c.type, scale)) {
        return refused(function,
                       {CUBLAS_STATUS_NOT_SUPPORTED, "the stand-in has no product of types " + text(a.type) +
                                                         ", " + text(b.type) + " and " + text(c.type) +
                                                         " with compute type " + text(compute)});
    }
    return gemm(function, handle, opA, opB, m, n, k, alpha, a, b, beta, c, scale, batch);
}

cublasStatus_t gemv(const char* function, cublasHandle_t handle, cublasOperation_t operation, int m, int n,
                    const void* alpha, const Typed& a, const void* x, int stepX, const void* beta, void* y,
                    int stepY) {
    return entry(function, handle, [&](Handle& settings) {
        const bool transposed = isTransposed(operation, "trans");
        requireCount(m, "m");
        requireCount(n, "n");
        require(stepX != 0 && stepY != 0, CUBLAS_STATUS_INVALID_VALUE, "incx or incy is 0");
        Gemv call;
        call.rows = transposed ? n : m;
        call.columns = transposed ? m : n;
        call.a = matrixOf(a, transposed, m, "a");
        call.x = reinterpret_cast<std::uintptr_t>(x);
        call.y = reinterpret_cast<std::uintptr_t>(y);
        call.stepX = stepX;
        call.stepY = stepY;
        call.alpha = scalarOf(settings, alpha, a.type, "alpha");
        call.beta = scalarOf(settings, beta, a.type, "beta");
        if (m == 0 || n == 0) return;
        const auto span = [](std::int64_t count, int step) {
            return static_cast<std::size_t>((count - 1) * std::abs(static_cast<std::int64_t>(step)) + 1);
        };
        Ranges ranges;
        if (call.alpha.address != 0 || call.alpha.value != 0) {
            ranges.add("A", call.a.address, elements(m, n, a.leading, 0, 1), a.type);
            ranges.add("x", call.x, span(call.columns, stepX), a.type);
        }
        ranges.add("y", call.y, span(call.rows, stepY), a.type, true);
        ranges.add("alpha", call.alpha);
        ranges.add("beta", call.beta);
        ranges.submit(settings, function, call);
    });
}

}  // namespace

#define QUERN_PRODUCTS(LETTER, ELEMENT, TYPE)                                                               \
    QUERN_EXPORT cublasStatus_t cublas##LETTER##gemm_v2(                                                    \
        cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,     \
        const ELEMENT* alpha, const ELEMENT* a, int lda, const ELEMENT* b, int ldb, const ELEMENT* beta,    \
        ELEMENT* c, int ldc) {                                                                              \
        return gemm(__func__, handle, transa, transb, m, n, k, alpha, {a, TYPE, lda, 0}, {b, TYPE, ldb, 0}, \
                    beta, {c, TYPE, ldc, 0}, TYPE, 1);                                                      \
    }                                                                                                       \
    QUERN_EXPORT cublasStatus_t cublas##LETTER##gemmStridedBatched(                                         \
        cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,     \
        const ELEMENT* alpha, const ELEMENT* a, int lda, long long strideA, const ELEMENT* b, int ldb,      \
        long long strideB, const ELEMENT* beta, ELEMENT* c, int ldc, long long strideC, int batchCount) {   \
        return gemm(__func__, handle, transa, transb, m, n, k, alpha, {a, TYPE, lda, strideA},              \
                    {b, TYPE, ldb, strideB}, beta, {c, TYPE, ldc, strideC}, TYPE, batchCount);              \
    }                                                                                                       \
    QUERN_EXPORT cublasStatus_t cublas##LETTER##gemv_v2(                                                    \
        cublasHandle_t handle, cublasOperation_t trans, int m, int n, const ELEMENT* alpha,                 \
        const ELEMENT* a, int lda, const ELEMENT* x, int incx, const ELEMENT* beta, ELEMENT* y, int incy) { \
        return gemv(__func__, handle, trans, m, n, alpha, {a, TYPE, lda, 0}, x, incx, beta, y, incy);       \
    }
QUERN_PRODUCTS(S, float, CUDA_R_32F)
QUERN_PRODUCTS(D, double, CUDA_R_64F)
#undef QUERN_PRODUCTS

QUERN_EXPORT cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa,
                                         cublasOperation_t transb, int m, int n, int k, const void* alpha,
                                         const void* a, cudaDataType typeA, int lda, const void* b,
                                         cudaDataType typeB, int ldb, const void* beta, void* c,
                                         cudaDataType typeC, int ldc, cublasComputeType_t compute, int) {
    return gemmEx(__func__, handle, transa, transb, m, n, k, alpha, {a, typeA, lda, 0}, {b, typeB, ldb, 0},
                  beta, {c, typeC, ldc, 0}, compute, 1);
}

QUERN_EXPORT cublasStatus_t cublasGemmStridedBatchedEx(
    cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
    const void* alpha, const void* a, cudaDataType typeA, int lda, long long strideA, const void* b,
    cudaDataType typeB, int ldb, long long strideB, const void* beta, void* c, cudaDataType typeC, int ldc,
    long long strideC, int batchCount, cublasComputeType_t compute, int) {
    return gemmEx(__func__, handle, transa, transb, m, n, k, alpha, {a, typeA, lda, strideA},
                  {b, typeB, ldb, strideB}, beta, {c, typeC, ldc, strideC}, compute, batchCount);
}
