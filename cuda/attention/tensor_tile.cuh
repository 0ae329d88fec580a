// What the kernels for tensor cores share: rows of 16-bit channels in shared
// memory, how they get there and back, and which rows meet. A block of four
// warps owns rows, and goes through tiles of the rows that they meet.
#pragma once

#include "mma.cuh"
#include "tile.cuh"

namespace quern::attention {

constexpr int TENSOR_THREADS = 128;
constexpr int WARPS = TENSOR_THREADS / 32;
constexpr int PART = 32;          // rows met, of which scores are in registers at once
constexpr int NS = PART / 8;      // products that a warp puts side by side for them
constexpr int STEPS = PART / 16;  // of a product that sums over them

/// Rows of DIM channels of 16 bits in shared memory. Eight neighbouring
/// channels are a unit of 16 bytes; unit u of row r lies at u ^ r % 8: the same
/// unit of eight rows, and eight units of the same row, lie in different banks.
template <int DIM>
struct Swizzled {
    static constexpr int ROW = 2 * DIM;                  // bytes
    static constexpr int UNITS = DIM / 8;                // of a row
    static constexpr int STEP = TENSOR_THREADS / UNITS;  // rows copied at once

    __device__ __forceinline__ static uint32_t at(int row, int unit) {
        return row * ROW + ((unit ^ (row & 7)) << 4);
    }

    /// What a thread copies: this unit of this row, and of every STEP rows
    /// further.
    __device__ __forceinline__ static int copyRow() { return threadIdx.x / UNITS; }
    __device__ __forceinline__ static int copyUnit() { return threadIdx.x % UNITS; }

    /// The place of the unit STEP i rows below the one at `first`, which is of
    /// one of the first STEP rows.
    __device__ __forceinline__ static uint32_t below(uint32_t first, int i) {
        return (first ^ (i * STEP % 8 << 4)) + i * STEP * ROW;
    }

    /// Rows lane % 16, units lane / 16: an operand a, or, transposed, two
    /// operands b.
    __device__ __forceinline__ static uint32_t rowsFirst() {
        return at(threadIdx.x % 16, threadIdx.x % 32 / 16);
    }

    /// Rows lane % 8 + 8 (lane / 16), units lane / 8 % 2: two operands b.
    __device__ __forceinline__ static uint32_t unitsFirst() {
        return at(threadIdx.x % 8 + threadIdx.x % 32 / 16 * 8, threadIdx.x / 8 % 2);
    }
};

/// Starts copies of ROWS rows to and from this thread's places; zeros beyond
/// `there` rows and `channels` channels.
template <int DIM, int ROWS, typename T>
__device__ __forceinline__ void copyRows(const T* from, int64_t stride, int there, int64_t channels,
                                         uint32_t to) {
    using Place = Swizzled<DIM>;
    if (there >= ROWS && channels == DIM) {
#pragma unroll
        for (int i = 0; i < ROWS / Place::STEP; i++) {
            copyAsync(Place::below(to, i), from);
            from += Place::STEP * stride;
        }
    } else {
        const bool inside = Place::copyUnit() * 8 < channels;
#pragma unroll 1
        for (int i = 0; i < ROWS / Place::STEP; i++) {
            const bool exists = inside && Place::copyRow() + i * Place::STEP < there;
            copyAsync(Place::below(to, i), from, exists);
            from += exists ? Place::STEP * stride : 0;
        }
    }
}

/// Writes 16 MS rows of sums of a warp by way of shared memory, so that whole
/// sectors are written.
template <int DIM, int MS, typename T>
__device__ __forceinline__ void writeRows(const float (&sums)[MS][DIM / 8][4], T* to, int64_t stride,
                                          int there, int64_t channels) {
    using Place = Swizzled<DIM>;
    const int lane = threadIdx.x % 32;
    unsigned char* mine = sharedMemory + threadIdx.x / 32 * MS * 16 * Place::ROW;
#pragma unroll
    for (int m = 0; m < MS; m++) {
#pragma unroll
        for (int c = 0; c < DIM / 8; c++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                *reinterpret_cast<uint32_t*>(mine + Place::at(m * 16 + h * 8 + lane / 4, c) + lane % 4 * 4) =
                    pair<T>(sums[m][c][2 * h], sums[m][c][2 * h + 1]);
            }
        }
    }
    __syncwarp();
    const int unit = lane % Place::UNITS;
    if (unit * 8 < channels) {
#pragma unroll 1
        for (int r = lane / Place::UNITS; r < there; r += 32 / Place::UNITS) {
            storePack<8>(to + r * stride + unit * 8, 0,
                         *reinterpret_cast<const Pack<T, 8>*>(mine + Place::at(r, unit)));
        }
    }
}

/// Which rows meet, in few registers: rows that are met count from `begin`, the
/// first of the block's tiles.
struct TensorRange {
    int64_t begin;
    int there, end;  // rows met that there are, one past the last that a row of
                     // the block sees
    int low,
        high;  // row r of the block sees those from r + low to before r + high

    /// Rows from `first` on, `rows` of them, of `owned`: row r sees rows r +
    /// diagonal - before .. r + diagonal + after of `met`. Tiles begin at
    /// multiples of their length, so that a row's sums do not depend on the
    /// others of its block.
    __device__ __forceinline__ TensorRange(int64_t first, int rows, int64_t owned, int64_t met,
                                           int64_t diagonal, int64_t before, int64_t after, int tile) {
        constexpr int64_t FAR = 1 << 30;
        const int64_t last = (first + rows < owned ? first + rows : owned) - 1;
        begin = clamp(first + diagonal - before, 0, met) / tile * tile;
        there = static_cast<int>(met - begin);
        end = last < first ? 0 : static_cast<int>(clamp(last + diagonal + after + 1, 0, met) - begin);
        const int64_t beside = first + diagonal - begin;
        low = static_cast<int>(clamp(beside - before, -FAR, FAR));
        high = static_cast<int>(clamp(beside + after + 1, -FAR, FAR));
    }
};

}  // namespace quern::attention
