// CUB's algorithms of a block, as CUDA's own headers compile: reduce, scan, radix sort, histogram. The emulator must run
// what nobody wrote for it.
#include <cub/block/block_histogram.cuh>
#include <cub/block/block_load.cuh>
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_store.cuh>

constexpr int THREADS = 128;
constexpr int ITEMS = 4;  // of a thread
constexpr int TILE = THREADS * ITEMS;

// One value a thread; the sum goes to out[block], by each of CUB's three ways.
template <class T, cub::BlockReduceAlgorithm ALGORITHM>
__device__ void reduceBlock(const T* in, T* out, int valid) {
    using Reduce = cub::BlockReduce<T, THREADS, ALGORITHM>;
    __shared__ typename Reduce::TempStorage storage;
    const T value = in[blockIdx.x * THREADS + threadIdx.x];
    const T sum = valid == THREADS ? Reduce(storage).Sum(value) : Reduce(storage).Sum(value, valid);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

extern "C" __global__ void reduce_raking_s32(const int* in, int* out, int valid) {
    reduceBlock<int, cub::BLOCK_REDUCE_RAKING>(in, out, valid);
}
extern "C" __global__ void reduce_commutative_s32(const int* in, int* out, int valid) {
    reduceBlock<int, cub::BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY>(in, out, valid);
}
extern "C" __global__ void reduce_warps_s32(const int* in, int* out, int valid) {
    reduceBlock<int, cub::BLOCK_REDUCE_WARP_REDUCTIONS>(in, out, valid);
}
extern "C" __global__ void reduce_warps_f64(const double* in, double* out, int valid) {
    reduceBlock<double, cub::BLOCK_REDUCE_WARP_REDUCTIONS>(in, out, valid);
}
extern "C" __global__ void reduce_warps_u64(const unsigned long long* in, unsigned long long* out,
                                            int valid) {
    reduceBlock<unsigned long long, cub::BLOCK_REDUCE_WARP_REDUCTIONS>(in, out, valid);
}

// A tile of TILE values, loaded in vectors, scanned, stored through shared memory.
template <class T, cub::BlockScanAlgorithm ALGORITHM>
__device__ void scanBlock(const T* in, T* exclusive, T* inclusive, T* totals) {
    using Load = cub::BlockLoad<T, THREADS, ITEMS, cub::BLOCK_LOAD_WARP_TRANSPOSE>;
    using Store = cub::BlockStore<T, THREADS, ITEMS, cub::BLOCK_STORE_TRANSPOSE>;
    using Scan = cub::BlockScan<T, THREADS, ALGORITHM>;
    __shared__ union {
        typename Load::TempStorage load;
        typename Store::TempStorage store;
        typename Scan::TempStorage scan;
    } storage;
    T values[ITEMS], sums[ITEMS], total;
    Load(storage.load).Load(in + blockIdx.x * TILE, values);
    __syncthreads();
    Scan(storage.scan).ExclusiveSum(values, sums, total);
    __syncthreads();
    Store(storage.store).Store(exclusive + blockIdx.x * TILE, sums);
    __syncthreads();
    Scan(storage.scan).InclusiveSum(values, sums);
    __syncthreads();
    Store(storage.store).Store(inclusive + blockIdx.x * TILE, sums);
    if (threadIdx.x == 0) totals[blockIdx.x] = total;
}

extern "C" __global__ void scan_raking_s32(const int* in, int* exclusive, int* inclusive, int* totals) {
    scanBlock<int, cub::BLOCK_SCAN_RAKING>(in, exclusive, inclusive, totals);
}
extern "C" __global__ void scan_warps_s32(const int* in, int* exclusive, int* inclusive, int* totals) {
    scanBlock<int, cub::BLOCK_SCAN_WARP_SCANS>(in, exclusive, inclusive, totals);
}
extern "C" __global__ void scan_warps_s64(const long long* in, long long* exclusive, long long* inclusive,
                                          long long* totals) {
    scanBlock<long long, cub::BLOCK_SCAN_WARP_SCANS>(in, exclusive, inclusive, totals);
}

// Keys in order within each tile, and the values that came with them.
template <class K>
__device__ void sortBlock(const K* keys, const int* values, K* sortedKeys, int* sortedValues,
                          bool descending) {
    using Sort = cub::BlockRadixSort<K, THREADS, ITEMS, int>;
    __shared__ typename Sort::TempStorage storage;
    K k[ITEMS];
    int v[ITEMS];
    const int first = blockIdx.x * TILE + threadIdx.x * ITEMS;
    for (int i = 0; i < ITEMS; i++) {
        k[i] = keys[first + i];
        v[i] = values[first + i];
    }
    if (descending) {
        Sort(storage).SortDescending(k, v);
    } else {
        Sort(storage).Sort(k, v);
    }
    for (int i = 0; i < ITEMS; i++) {
        sortedKeys[first + i] = k[i];
        sortedValues[first + i] = v[i];
    }
}

extern "C" __global__ void sort_u32(const unsigned* keys, const int* values, unsigned* sortedKeys,
                                    int* sortedValues) {
    sortBlock(keys, values, sortedKeys, sortedValues, false);
}
extern "C" __global__ void sort_descending_f32(const float* keys, const int* values, float* sortedKeys,
                                               int* sortedValues) {
    sortBlock(keys, values, sortedKeys, sortedValues, true);
}

// Counts of 256 bins in each tile, by atomics and by sorting.
template <cub::BlockHistogramAlgorithm ALGORITHM>
__device__ void countBlock(const unsigned char* in, unsigned* counts) {
    using Histogram = cub::BlockHistogram<unsigned char, THREADS, ITEMS, 256, ALGORITHM>;
    __shared__ typename Histogram::TempStorage storage;
    __shared__ unsigned bins[256];
    unsigned char values[ITEMS];
    for (int i = 0; i < ITEMS; i++) values[i] = in[blockIdx.x * TILE + threadIdx.x * ITEMS + i];
    Histogram(storage).Histogram(values, bins);
    __syncthreads();
    for (int bin = threadIdx.x; bin < 256; bin += THREADS) counts[blockIdx.x * 256 + bin] = bins[bin];
}

extern "C" __global__ void histogram_atomic(const unsigned char* in, unsigned* counts) {
    countBlock<cub::BLOCK_HISTO_ATOMIC>(in, counts);
}
extern "C" __global__ void histogram_sort(const unsigned char* in, unsigned* counts) {
    countBlock<cub::BLOCK_HISTO_SORT>(in, counts);
}
