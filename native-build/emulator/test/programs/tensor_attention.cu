// Softmax attention as FlashAttention-2 goes about it, BF16, forward only: a block of four warps keeps 64 queries in
// registers and goes through the keys 64 at a time, which cp.async brings in two stages. Written for measuring the
// emulator, and as a module of the size that large kernels have.
#include <cuda_bf16.h>

#include <cstdint>

namespace {

constexpr int DIM = 64;   // of a head
constexpr int TILE = 64;  // queries of a block, and keys of a step
constexpr int CHUNK = 8;  // elements of 16 bytes
constexpr int ROWS = 2;   // of each 16 x 16 piece, those that a lane holds elements of
constexpr float LOG2_E = 1.44269504F;
constexpr float NONE = -1e30F;  // where nothing is attended to

// Chunks are stored so that eight rows of one chunk lie in different banks.
__device__ int place(int row, int column) {
    return row * DIM + ((column / CHUNK ^ (row & 7)) * CHUNK | column % CHUNK);
}

__device__ uint32_t sharedAddress(const void* p) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Rows of (rows, DIM); zeros where there are none.
__device__ void copyTile(__nv_bfloat16* to, const __nv_bfloat16* from, int rows) {
    for (int i = threadIdx.x; i < TILE * (DIM / CHUNK); i += blockDim.x) {
        const int row = i / (DIM / CHUNK), column = i % (DIM / CHUNK) * CHUNK;
        if (row < rows) {
            asm volatile(
                "cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(sharedAddress(to + place(row, column))),
                "l"(from + static_cast<size_t>(row) * DIM + column)
                : "memory");
        } else {
            *reinterpret_cast<uint4*>(to + place(row, column)) = make_uint4(0, 0, 0, 0);
        }
    }
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

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
__device__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ uint32_t pack(float low, float high) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const uint32_t*>(&pair);
}
// Over the four lanes that share a row.
__device__ float rowMaximum(float x) {
    x = fmaxf(x, __shfl_xor_sync(~0U, x, 1));
    return fmaxf(x, __shfl_xor_sync(~0U, x, 2));
}
__device__ float rowSum(float x) {
    x += __shfl_xor_sync(~0U, x, 1);
    return x + __shfl_xor_sync(~0U, x, 2);
}

}  // namespace

// q, out: (heads, queries, DIM); k, v: (heads, keys, DIM); logSumExp: (heads, queries). Grid: tiles of queries, heads.
extern "C" __global__ void __launch_bounds__(128)
    attention_bf16(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v, __nv_bfloat16* out,
                   float* logSumExp, int queries, int keys, float scale, int causal) {
    extern __shared__ __align__(128) __nv_bfloat16 tiles[];
    __nv_bfloat16* const queryTile = tiles;                  // (TILE, DIM)
    __nv_bfloat16* const keyTiles = queryTile + TILE * DIM;  // (2, TILE, DIM)
    __nv_bfloat16* const valueTiles = keyTiles + 2 * TILE * DIM;
    const int head = blockIdx.y, first = blockIdx.x * TILE;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    q += static_cast<size_t>(head) * queries * DIM;
    k += static_cast<size_t>(head) * keys * DIM;
    v += static_cast<size_t>(head) * keys * DIM;
    out += static_cast<size_t>(head) * queries * DIM;

    copyTile(queryTile, q + static_cast<size_t>(first) * DIM, queries - first);
    copyTile(keyTiles, k, keys);
    copyTile(valueTiles, v, keys);
    commit();

    float sums[DIM / 8][4] = {};  // (columns, the lane's elements)
    float most[ROWS] = {NONE, NONE}, weights[ROWS] = {0, 0};
    uint32_t query[DIM / 16][4];
    int steps = (keys + TILE - 1) / TILE;
    if (causal) steps = min(steps, (first + 2 * TILE - 1) / TILE);
    for (int step = 0; step < steps; step++) {
        const int stage = step & 1;
        if (step + 1 < steps) {
            const size_t next = static_cast<size_t>(step + 1) * TILE;
            copyTile(keyTiles + (stage ^ 1) * TILE * DIM, k + next * DIM, keys - static_cast<int>(next));
            copyTile(valueTiles + (stage ^ 1) * TILE * DIM, v + next * DIM, keys - static_cast<int>(next));
            commit();
            asm volatile("cp.async.wait_group 1;" ::: "memory");
        } else {
            asm volatile("cp.async.wait_group 0;" ::: "memory");
        }
        __syncthreads();
        if (step == 0) {
#pragma unroll
            for (int d = 0; d < DIM / 16; d++)
                load(query[d], queryTile + place(warp * 16 + (lane & 15), d * 16 + (lane >> 4) * 8));
        }
        const __nv_bfloat16* const keyTile = keyTiles + stage * TILE * DIM;
        const __nv_bfloat16* const valueTile = valueTiles + stage * TILE * DIM;
        float scores[TILE / 8][4] = {};
#pragma unroll
        for (int d = 0; d < DIM / 16; d++) {
#pragma unroll
            for (int n = 0; n < TILE / 16; n++) {
                uint32_t b[4];
                load(b, keyTile + place(n * 16 + (lane & 7) + (lane >> 4) * 8, d * 16 + (lane >> 3 & 1) * 8));
                multiply(scores[2 * n], query[d], b[0], b[1]);
                multiply(scores[2 * n + 1], query[d], b[2], b[3]);
            }
        }
        float newMost[ROWS] = {most[0], most[1]};
#pragma unroll
        for (int n = 0; n < TILE / 8; n++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const int column = step * TILE + n * 8 + (lane & 3) * 2 + (e & 1);
                const int row = first + warp * 16 + (lane >> 2) + (e >> 1) * 8;
                const bool masked = column >= keys || (causal && column > row);
                scores[n][e] = masked ? NONE : scores[n][e] * scale;
                newMost[e >> 1] = fmaxf(newMost[e >> 1], scores[n][e]);
            }
        }
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            newMost[i] = rowMaximum(newMost[i]);
            const float shrink = exp2f((most[i] - newMost[i]) * LOG2_E);
            most[i] = newMost[i];
            weights[i] *= shrink;
#pragma unroll
            for (int n = 0; n < DIM / 8; n++) {
                sums[n][2 * i] *= shrink;
                sums[n][2 * i + 1] *= shrink;
            }
        }
#pragma unroll
        for (int n = 0; n < TILE / 8; n++) {
#pragma unroll
            for (int e = 0; e < 4; e++) {
                scores[n][e] = exp2f((scores[n][e] - most[e >> 1]) * LOG2_E);
                weights[e >> 1] += scores[n][e];
            }
        }
#pragma unroll
        for (int j = 0; j < TILE / 16; j++) {
            const uint32_t a[4] = {pack(scores[2 * j][0], scores[2 * j][1]),
                                   pack(scores[2 * j][2], scores[2 * j][3]),
                                   pack(scores[2 * j + 1][0], scores[2 * j + 1][1]),
                                   pack(scores[2 * j + 1][2], scores[2 * j + 1][3])};
#pragma unroll
            for (int n = 0; n < DIM / 16; n++) {
                uint32_t b[4];
                loadTransposed(b, valueTile + place(j * 16 + (lane & 15), n * 16 + (lane >> 4) * 8));
                multiply(sums[2 * n], a, b[0], b[1]);
                multiply(sums[2 * n + 1], a, b[2], b[3]);
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        const float weight = rowSum(weights[i]);
        const int row = first + warp * 16 + (lane >> 2) + i * 8;
        if (row >= queries) continue;
        if ((lane & 3) == 0) logSumExp[static_cast<size_t>(head) * queries + row] = most[i] + logf(weight);
#pragma unroll
        for (int n = 0; n < DIM / 8; n++) {
            *reinterpret_cast<uint32_t*>(out + static_cast<size_t>(row) * DIM + n * 8 + (lane & 3) * 2) =
                pack(sums[n][2 * i] / weight, sums[n][2 * i + 1] / weight);
        }
    }
}
