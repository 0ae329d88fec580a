// Pairs of kernels that differ in one thing: <name>_right is correct, <name>_wrong has the defect that its comment names.
// Here: what orders threads. `in` holds 1, 2, 3 ...; results are stored in `out`.
#define PAIR(name)                                                                  \
    extern "C" __global__ void name##_right(const int* in, int* out, int* shared) { \
        name<true>(in, out, shared);                                                \
    }                                                                               \
    extern "C" __global__ void name##_wrong(const int* in, int* out, int* shared) { \
        name<false>(in, out, shared);                                               \
    }

constexpr int THREADS = 64;

__device__ int global() { return blockIdx.x * THREADS + threadIdx.x; }

// A neighbour's value through shared memory. Wrong: no __syncthreads.
template <bool RIGHT>
__device__ void exchange_block(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    tile[threadIdx.x] = in[global()];
    if (RIGHT) __syncthreads();
    out[global()] = tile[THREADS - 1 - threadIdx.x];
}
PAIR(exchange_block)

// A neighbour's value within the warp. Wrong: no __syncwarp; lanes do not run in step.
template <bool RIGHT>
__device__ void exchange_warp(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    tile[threadIdx.x] = in[global()];
    if (RIGHT) __syncwarp();
    out[global()] = tile[threadIdx.x ^ 1];
}
PAIR(exchange_warp)

// Wrong: __syncwarp where warps exchange.
template <bool RIGHT>
__device__ void exchange_by_syncwarp(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    tile[threadIdx.x] = in[global()];
    if (RIGHT) {
        __syncthreads();
    } else {
        __syncwarp();
    }
    out[global()] = tile[threadIdx.x ^ 32];
}
PAIR(exchange_by_syncwarp)

// A sum by halves. Wrong: no barrier between the steps.
template <bool RIGHT>
__device__ void tree_sum(const int* in, int* out, int*) {
    __shared__ int sums[THREADS];
    sums[threadIdx.x] = in[global()];
    __syncthreads();
    for (int width = THREADS / 2; width > 0; width /= 2) {
        if (threadIdx.x < width) sums[threadIdx.x] += sums[threadIdx.x + width];
        if (RIGHT) __syncthreads();
    }
    if (threadIdx.x == 0) out[blockIdx.x] = sums[0];
}
PAIR(tree_sum)

// A tile is used again and again. Wrong: no barrier after its last use, so that a fast warp overwrites it.
template <bool RIGHT>
__device__ void reuse_tile(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    int sum = 0;
    for (int step = 0; step < 4; step++) {
        tile[threadIdx.x] = in[threadIdx.x] + step;
        __syncthreads();
        sum += tile[THREADS - 1 - threadIdx.x];
        if (RIGHT) __syncthreads();
    }
    out[global()] = sum;
}
PAIR(reuse_tile)

// Counting in shared memory. Wrong: ++ instead of atomicAdd.
template <bool RIGHT>
__device__ void count_shared(const int* in, int* out, int*) {
    __shared__ int counts[4];
    if (threadIdx.x < 4) counts[threadIdx.x] = 0;
    __syncthreads();
    if (RIGHT) {
        atomicAdd(&counts[in[global()] % 4], 1);
    } else {
        counts[in[global()] % 4]++;
    }
    __syncthreads();
    if (threadIdx.x < 4) out[blockIdx.x * 4 + threadIdx.x] = counts[threadIdx.x];
}
PAIR(count_shared)

// Counting in global memory. Wrong: += instead of atomicAdd.
template <bool RIGHT>
__device__ void count_global(const int* in, int*, int* shared) {
    if (threadIdx.x != 0) return;
    if (RIGHT) {
        atomicAdd(shared, in[blockIdx.x]);
    } else {
        *shared += in[blockIdx.x];
    }
}
PAIR(count_global)

// Wrong: atomicAdd_block where several blocks add.
template <bool RIGHT>
__device__ void count_in_scope(const int* in, int*, int* shared) {
    if (RIGHT) {
        atomicAdd(shared, in[global()]);
    } else {
        atomicAdd_block(shared, in[global()]);
    }
}
PAIR(count_in_scope)

// Each block writes its part. Wrong: one element too many, which is the next block's.
template <bool RIGHT>
__device__ void overlap(const int* in, int* out, int*) {
    const int first = blockIdx.x * THREADS;
    const int count = THREADS + (RIGHT || blockIdx.x == gridDim.x - 1 ? 0 : 1);
    for (int i = threadIdx.x; i < count; i += blockDim.x) out[first + i] = in[first + i] + blockIdx.x;
}
PAIR(overlap)

// A difference with the left neighbour. Wrong: in place, so that a neighbour may be new or old.
template <bool RIGHT>
__device__ void in_place(const int* in, int* out, int* shared) {
    const int i = global();
    if (RIGHT) {
        out[i] = in[i] - (i == 0 ? 0 : in[i - 1]);
    } else {
        shared[i] = shared[i] - (i == 0 ? 0 : shared[i - 1]);
    }
}
PAIR(in_place)

// The last block adds up what all have stored. shared[0] counts blocks. How: 0 right, 1 no fence, 2 a fence of the block.
template <int HOW>
__device__ void last_block(const int* in, int* out, int* shared) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
        out[1 + blockIdx.x] = in[blockIdx.x];
        if (HOW == 0) __threadfence();
        if (HOW == 2) __threadfence_block();
        last = atomicAdd(shared, 1) == gridDim.x - 1;
        if (HOW == 0) __threadfence();
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        int sum = 0;
        for (int block = 0; block < gridDim.x; block++) sum += out[1 + block];
        out[0] = sum;
    }
}
template <bool RIGHT>
__device__ void last_block_fence(const int* in, int* out, int* shared) {
    last_block<RIGHT ? 0 : 1>(in, out, shared);
}
PAIR(last_block_fence)
template <bool RIGHT>
__device__ void last_block_scope(const int* in, int* out, int* shared) {
    last_block<RIGHT ? 0 : 2>(in, out, shared);
}
PAIR(last_block_scope)

// All threads store, then the block's first counts it. Wrong: without the fence after the barrier.
template <bool RIGHT>
__device__ void last_block_all(const int* in, int* out, int* shared) {
    __shared__ bool last;
    out[THREADS + global()] = in[global()];
    __syncthreads();
    if (threadIdx.x == 0) {
        if (RIGHT) __threadfence();
        last = atomicAdd(shared, 1) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    if (!last) return;
    int sum = 0;
    for (int block = 0; block < gridDim.x; block++) sum += out[THREADS + block * THREADS + threadIdx.x];
    out[threadIdx.x] = sum;
}
PAIR(last_block_all)

// Block 0 produces, the others wait for shared[0]. Wrong: the flag is not volatile.
template <bool RIGHT>
__device__ void wait_for_flag(const int* in, int* out, int* shared) {
    if (threadIdx.x != 0) return;
    if (blockIdx.x == 0) {
        shared[1] = in[7];
        __threadfence();
        *static_cast<volatile int*>(shared) = 1;
    } else {
        if (RIGHT) {
            while (*static_cast<volatile int*>(shared) == 0) {
            }
        } else {
            for (int tries = 0; tries < 1000 && *shared == 0; tries++) {
            }
        }
        __threadfence();
        out[blockIdx.x] = shared[1];
    }
}
PAIR(wait_for_flag)

// The same. Wrong: no fence between data and flag.
template <bool RIGHT>
__device__ void publish(const int* in, int* out, int* shared) {
    if (threadIdx.x != 0) return;
    if (blockIdx.x == 0) {
        shared[1] = in[7];
        if (RIGHT) __threadfence();
        atomicExch(shared, 1);
    } else {
        while (atomicAdd(shared, 0) == 0) {
        }
        __threadfence();
        out[blockIdx.x] = shared[1];
    }
}
PAIR(publish)

// The same. Wrong: no fence between flag and data at the reader.
template <bool RIGHT>
__device__ void receive(const int* in, int* out, int* shared) {
    if (threadIdx.x != 0) return;
    if (blockIdx.x == 0) {
        shared[1] = in[7];
        __threadfence();
        atomicExch(shared, 1);
    } else {
        while (atomicAdd(shared, 0) == 0) {
        }
        if (RIGHT) __threadfence();
        out[blockIdx.x] = shared[1];
    }
}
PAIR(receive)

// A sum under a lock, shared[0]. Wrong: the lock is given back without a fence.
template <bool RIGHT>
__device__ void lock_release(const int* in, int*, int* shared) {
    if (threadIdx.x != 0) return;
    while (atomicCAS(shared, 0, 1) != 0) {
    }
    __threadfence();
    shared[1] += in[blockIdx.x];
    if (RIGHT) __threadfence();
    atomicExch(shared, 0);
}
PAIR(lock_release)

// Prefix sums of blocks, each waiting for the one before it: shared[2b] is block b's state, shared[2b + 1] its sum.
// Wrong: the state is stored without a fence after the sum.
template <bool RIGHT>
__device__ void look_back(const int* in, int* out, int* shared) {
    if (threadIdx.x != 0) return;
    volatile int* states = shared;
    int before = 0;
    if (blockIdx.x > 0) {
        while (states[2 * (blockIdx.x - 1)] == 0) {
        }
        __threadfence();
        before = shared[2 * (blockIdx.x - 1) + 1];
    }
    out[blockIdx.x] = before;
    shared[2 * blockIdx.x + 1] = before + in[blockIdx.x];
    if (RIGHT) __threadfence();
    states[2 * blockIdx.x] = 1;
}
PAIR(look_back)

// Warp 0 produces for warp 1 by a barrier of their own. Wrong: the producer arrives before it has stored.
template <bool RIGHT>
__device__ void named_barrier(const int* in, int* out, int*) {
    __shared__ int tile[32];
    if (threadIdx.x < 32) {
        if (!RIGHT) asm volatile("bar.arrive 1, 64;" ::: "memory");
        tile[threadIdx.x] = in[threadIdx.x];
        if (RIGHT) asm volatile("bar.arrive 1, 64;" ::: "memory");
    } else {
        asm volatile("bar.sync 1, 64;" ::: "memory");
        out[threadIdx.x] = tile[63 - threadIdx.x];
    }
}
PAIR(named_barrier)

// All blocks meet between two steps, by counting in shared[0]. Wrong: they do not.
template <bool RIGHT>
__device__ void two_steps(const int* in, int* out, int* shared) {
    out[global()] = in[global()];
    if (RIGHT) {
        __syncthreads();
        if (threadIdx.x == 0) {
            __threadfence();
            atomicAdd(shared, 1);
            while (*static_cast<volatile int*>(shared) < gridDim.x) {
            }
            __threadfence();
        }
        __syncthreads();
    }
    shared[1 + global()] = out[gridDim.x * THREADS - 1 - global()];
}
PAIR(two_steps)

// A flag that many threads raise to the same value is right; to different ones it is not.
template <bool RIGHT>
__device__ void raise_flag(const int* in, int*, int* shared) {
    if (in[global()] % 2 == 0) *shared = RIGHT ? 1 : global();
}
PAIR(raise_flag)

// Products by compare-and-swap, whose first load need not be volatile. Wrong: a store instead of the swap.
template <bool RIGHT>
__device__ void swap_loop(const int* in, int*, int* shared) {
    if (in[global()] % 5 != 0) return;
    int old = *shared, expected;
    do {
        expected = old;
        if (RIGHT) {
            old = atomicCAS(shared, expected, expected + in[global()]);
        } else {
            *shared = expected + in[global()];
        }
    } while (old != expected);
}
PAIR(swap_loop)

// Bytes of one word belong to different threads. Wrong: two threads have the same byte.
template <bool RIGHT>
__device__ void bytes(const int* in, int* out, int*) {
    __shared__ unsigned char tile[THREADS];
    tile[RIGHT ? threadIdx.x : threadIdx.x / 2] = static_cast<unsigned char>(in[global()]);
    __syncthreads();
    out[global()] = tile[threadIdx.x ^ 5];
}
PAIR(bytes)
