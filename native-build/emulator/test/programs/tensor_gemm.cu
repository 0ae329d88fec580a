// A product of BF16 matrices as tensor cores want it: tiles come through a pipeline of cp.async copies, ldmatrix brings
// them to registers, mma.sync multiplies, accumulators are FP32. Written for the emulator's tests.
#include <cuda_bf16.h>

#include <cstdint>

namespace {

constexpr int TILE_M = 64, TILE_N = 64, TILE_K = 32;
constexpr int STAGES = 3;
constexpr int THREADS = 128;  // four warps, two by two, 32 x 32 of the tile each
constexpr int CHUNK = 8;      // elements of 16 bytes

struct Stage {
    __nv_bfloat16 a[TILE_M * TILE_K];  // (row, k): four chunks to a row
    __nv_bfloat16 b[TILE_K * TILE_N];  // (k, column): eight chunks to a row
};

// Chunks are stored so that eight rows of one chunk lie in different banks.
__device__ int placeInA(int row, int chunk) { return row * TILE_K + (chunk ^ (row >> 1 & 3)) * CHUNK; }
__device__ int placeInB(int k, int chunk) { return k * TILE_N + (chunk ^ (k & 7)) * CHUNK; }

__device__ uint32_t sharedAddress(const void* p) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// 16 bytes, or zeros where there is nothing.
__device__ void copyChunk(void* to, const void* from, bool exists) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(to)), "l"(from),
                 "r"(exists ? 16 : 0)
                 : "memory");
}

// A: m x k, B: k x n, both by rows; k and n are multiples of 8.
__device__ void copyTiles(Stage& stage, const __nv_bfloat16* a, const __nv_bfloat16* b, int m, int n, int k,
                          int first) {
    for (int i = threadIdx.x; i < TILE_M * TILE_K / CHUNK; i += THREADS) {
        const int row = i / (TILE_K / CHUNK), chunk = i % (TILE_K / CHUNK);
        const int globalRow = blockIdx.y * TILE_M + row, column = first + chunk * CHUNK;
        copyChunk(stage.a + placeInA(row, chunk), a + static_cast<size_t>(globalRow) * k + column,
                  globalRow < m && column < k);
    }
    for (int i = threadIdx.x; i < TILE_K * TILE_N / CHUNK; i += THREADS) {
        const int row = i / (TILE_N / CHUNK), chunk = i % (TILE_N / CHUNK);
        const int globalRow = first + row, column = blockIdx.x * TILE_N + chunk * CHUNK;
        copyChunk(stage.b + placeInB(row, chunk), b + static_cast<size_t>(globalRow) * n + column,
                  globalRow < k && column < n);
    }
}

__device__ void load(uint32_t (&r)[4], const __nv_bfloat16* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(sharedAddress(row))
                 : "memory");
}
__device__ void loadTransposed(uint32_t (&r)[4], const __nv_bfloat16* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(sharedAddress(row))
                 : "memory");
}
__device__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// PENDING: groups of copies that may be under way when a stage is read; STAGES - 2 is right.
template <int PENDING>
__device__ void product(const __nv_bfloat16* a, const __nv_bfloat16* b, float* d, int m, int n, int k) {
    __shared__ __align__(128) Stage stages[STAGES];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int warpRow = warp / 2 * 32, warpColumn = warp % 2 * 32;
    float sums[2][4][4] = {};  // (16 rows, 8 columns): 2 x 4 of them

    const int steps = (k + TILE_K - 1) / TILE_K;
    for (int s = 0; s < STAGES - 1; s++) {
        if (s < steps) copyTiles(stages[s], a, b, m, n, k, s * TILE_K);
        asm volatile("cp.async.commit_group;" ::: "memory");
    }
    for (int step = 0; step < steps; step++) {
        asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
        __syncthreads();
        const int next = step + STAGES - 1;
        if (next < steps) copyTiles(stages[next % STAGES], a, b, m, n, k, next * TILE_K);
        asm volatile("cp.async.commit_group;" ::: "memory");
        const Stage& stage = stages[step % STAGES];
        for (int part = 0; part < TILE_K / 16; part++) {
            uint32_t left[2][4], right[2][4];
            for (int i = 0; i < 2; i++)
                load(left[i], stage.a + placeInA(warpRow + 16 * i + lane % 16, 2 * part + lane / 16));
            for (int j = 0; j < 2; j++)
                loadTransposed(right[j], stage.b + placeInB(16 * part + lane % 16,
                                                            (warpColumn + 16 * j) / CHUNK + lane / 16));
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 4; j++)
                    multiply(sums[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 4; j++) {
            for (int e = 0; e < 4; e++) {
                const int row = blockIdx.y * TILE_M + warpRow + 16 * i + lane / 4 + e / 2 * 8;
                const int column = blockIdx.x * TILE_N + warpColumn + 8 * j + lane % 4 * 2 + e % 2;
                if (row < m && column < n) d[static_cast<size_t>(row) * n + column] = sums[i][j][e];
            }
        }
    }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_bf16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* d, int m, int n, int k) {
    product<STAGES - 2>(a, b, d, m, n, k);
}

// Waits for a group too few: what an emulator that copies at once does not see.
extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_bf16_waits_too_little(const __nv_bfloat16* a, const __nv_bfloat16* b, float* d, int m, int n,
                               int k) {
    product<STAGES - 1>(a, b, d, m, n, k);
}
