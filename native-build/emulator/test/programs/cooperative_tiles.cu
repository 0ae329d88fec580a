// Cooperative groups: tiles of a warp, coalesced groups, labelled partitions, reductions and scans of a tile.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

namespace cg = cooperative_groups;

// Each tile's sum and maximum, by its first thread; the scan of every thread; where the block ends within a tile too.
template <int WIDTH>
__device__ void reduceTiles(const int* in, int* sums, int* maxima, int* scanned) {
    const auto tile = cg::tiled_partition<WIDTH>(cg::this_thread_block());
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    const int value = in[at];
    const int sum = cg::reduce(tile, value, cg::plus<int>());
    const int most = cg::reduce(tile, value, cg::greater<int>());
    scanned[at] = cg::exclusive_scan(tile, value, cg::plus<int>());
    if (tile.thread_rank() == 0) {
        sums[at / WIDTH] = sum;
        maxima[at / WIDTH] = most;
    }
}

extern "C" __global__ void tiles_4(const int* in, int* sums, int* maxima, int* scanned) {
    reduceTiles<4>(in, sums, maxima, scanned);
}
extern "C" __global__ void tiles_16(const int* in, int* sums, int* maxima, int* scanned) {
    reduceTiles<16>(in, sums, maxima, scanned);
}
extern "C" __global__ void tiles_32(const int* in, int* sums, int* maxima, int* scanned) {
    reduceTiles<32>(in, sums, maxima, scanned);
}

// Positive values are gathered in some order: one atomic for each group of lanes that came here together.
extern "C" __global__ void compact(const int* in, int count, int* out, int* length) {
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count || in[at] <= 0) return;
    const auto group = cg::coalesced_threads();
    int first = 0;
    if (group.thread_rank() == 0) first = atomicAdd(length, group.size());
    out[group.shfl(first, 0) + group.thread_rank()] = in[at];
}

// How many lanes of the warp have the same key, and the sum of what they bring.
extern "C" __global__ void labelled(const int* keys, const int* in, int* sizes, int* sums) {
    const auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    const int at = blockIdx.x * blockDim.x + threadIdx.x;
    const auto group = cg::labeled_partition(warp, keys[at]);
    sizes[at] = group.size();
    sums[at] = cg::reduce(group, in[at], cg::plus<int>());
}
