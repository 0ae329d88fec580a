// Cooperative groups: a barrier of the whole grid.
#include <cooperative_groups.h>

#include <utility>

namespace cg = cooperative_groups;

// In each round every block adds its number and the round's to the round's sum; behind the barrier each reads it whole.
// out: [rounds][blocks]
extern "C" __global__ void sum_rounds(unsigned* sums, unsigned* out, unsigned rounds) {
    const cg::grid_group grid = cg::this_grid();
    for (unsigned round = 0; round < rounds; round++) {
        if (threadIdx.x == 0) atomicAdd(&sums[round], blockIdx.x + 1 + round);
        grid.sync();
        if (threadIdx.x == 0) out[round * gridDim.x + blockIdx.x] = *(volatile unsigned*)&sums[round];
    }
}

// As above, by halves of the barrier: what is between arrival and waiting overlaps with others.
extern "C" __global__ void arrive_and_wait(unsigned* sum, unsigned* out) {
    cg::grid_group grid = cg::this_grid();
    if (threadIdx.x == 0) atomicAdd(sum, blockIdx.x + 1);
    auto token = grid.barrier_arrive();
    grid.barrier_wait(std::move(token));
    if (grid.thread_rank() % blockDim.x == 0) out[blockIdx.x] = *(volatile unsigned*)sum;
}

// Without a cooperative launch there is no barrier: the device traps.
extern "C" __global__ void is_valid(unsigned* out) { *out = cg::this_grid().is_valid(); }
