// Batched adapters on CUDA. What is computed is said in io.quern.linear.Adapters; this file says only how threads share it.
//
// Both kernels are bound by memory: each element of a token's factors is used once. The first keeps X A in the type of the
// sums, rank numbers a token, for the second.

#include "dtype.cuh"

// Named: nvcc puts its own process number into the names of what an unnamed namespace shares between threads.
namespace quern::linear {

constexpr int WARP = 32;
constexpr int WARPS = 8;
constexpr int BLOCK = WARP * WARPS;
constexpr uint32_t ALL = 0xffffffff;

/// As AdaptersCuda.java writes it; strides in elements.
template <typename T, typename Sum>
struct Adaptation {
    const T *x, *a, *b;                     // (tokens, in), (adapters, in, rank), (adapters, rank, columns)
    T* out;                                 // (tokens, columns)
    Sum* projected;                         // (tokens, rank), dense
    const int32_t *picks, *starts, *ranks;  // starts and ranks may be null
    int64_t xRow, aMatrix, aRow, bMatrix, bRow, outRow;
    int64_t in, rank, columns, adapters, segments;
    double scale;

    /// The last segment that begins at or before the token, if the token is in it; else -1.
    __device__ __forceinline__ int64_t segmentOf(int64_t token) const {
        int64_t low = 0, high = segments;  // starts below low are not above the token, those from high on are
        while (low < high) {
            const int64_t middle = (low + high) / 2;
            if (starts[middle] <= token) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low > 0 && token < starts[low] ? low - 1 : -1;
    }

    __device__ __forceinline__ int64_t adapterOf(int64_t token) const {
        const int64_t at = starts == nullptr ? token : segmentOf(token);
        if (at < 0) return -1;
        const int64_t pick = picks[at];
        return pick < adapters ? pick : -1;
    }

    __device__ __forceinline__ int64_t rankOf(int64_t adapter) const {
        if (ranks == nullptr) return rank;
        const int64_t given = ranks[adapter];
        return given < rank ? given : rank;
    }
};

/// X A of one token and up to 32 columns of A. Lanes lie along a row of A, and where it is short along several, so that a warp
/// reads what lies together; warps take turns. Sums are joined in a fixed order: by halves in a warp, then warp after warp.
template <typename T, typename Sum>
__device__ __forceinline__ void shrink(const Adaptation<T, Sum>& p) {
    __shared__ Sum partial[WARPS][WARP];
    const int64_t token = blockIdx.x;
    const int64_t adapter = p.adapterOf(token);
    if (adapter < 0) return;
    const int64_t first = static_cast<int64_t>(blockIdx.y) * WARP;
    const int64_t left = p.rankOf(adapter) - first;
    if (left <= 0) return;
    const int columns = left < WARP ? static_cast<int>(left) : WARP;
    const int width = columns == 1 ? 1 : 1 << (32 - __clz(columns - 1));
    const int rows = WARP / width;  // of A, for a warp at once
    const int lane = threadIdx.x, warp = threadIdx.y;
    const int column = lane & (width - 1);
    const T* const x = p.x + token * p.xRow;
    const T* const a = p.a + adapter * p.aMatrix + first + column;  // [in][rank]
    Sum sum = 0;
    if (column < columns) {
        for (int64_t i = warp * rows + lane / width; i < p.in; i += WARPS * rows) {
            sum = fma(widen<Sum>(x[i]), widen<Sum>(a[i * p.aRow]), sum);
        }
    }
    for (int other = WARP / 2; other >= width; other /= 2) {
        sum += __shfl_xor_sync(ALL, sum, other);
    }
    if (lane < width) partial[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && lane < columns) {
        Sum all = 0;
        for (int w = 0; w < WARPS; w++) all += partial[w][lane];
        p.projected[token * p.rank + first + lane] = all;
    }
}

/// Adds s (X A) B to 256 columns of one token, a thread each.
template <typename T, typename Sum>
__device__ __forceinline__ void expand(const Adaptation<T, Sum>& p) {
    const int64_t token = blockIdx.x;
    const int64_t column = static_cast<int64_t>(blockIdx.y) * BLOCK + threadIdx.x;
    const int64_t adapter = p.adapterOf(token);
    if (adapter < 0 || column >= p.columns) return;
    const int64_t rank = p.rankOf(adapter);
    const Sum* const projected = p.projected + token * p.rank;
    const T* const b = p.b + adapter * p.bMatrix + column;  // [rank][columns]
    Sum sum = 0;
    for (int64_t r = 0; r < rank; r++) {
        sum = fma(projected[r], widen<Sum>(b[r * p.bRow]), sum);
    }
    T* const out = p.out + token * p.outRow + column;
    *out = narrow<T>(fma(static_cast<Sum>(p.scale), sum, widen<Sum>(*out)));
}

}  // namespace quern::linear

using namespace quern;
using namespace quern::linear;

#define QUERN_LINEAR(T, SUM)                                              \
    extern "C" __global__ void __launch_bounds__(BLOCK)                   \
        linear_shrink_##T(const __grid_constant__ Adaptation<T, SUM> p) { \
        shrink(p);                                                        \
    }                                                                     \
    extern "C" __global__ void __launch_bounds__(BLOCK)                   \
        linear_expand_##T(const __grid_constant__ Adaptation<T, SUM> p) { \
        expand(p);                                                        \
    }

QUERN_LINEAR(fp64, fp64)
QUERN_LINEAR(fp32, fp32)
QUERN_LINEAR(fp16, fp32)
QUERN_LINEAR(bf16, fp32)
