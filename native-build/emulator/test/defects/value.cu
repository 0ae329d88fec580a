// Pairs of kernels that differ in one thing: <name>_right is correct, <name>_wrong has the defect that its comment names.
// Here: what is read and written, and where. `in` holds 1, 2, 3 ... and one element more than there are threads; nothing
// has written the last 256 words of `room`.
#define PAIR(name)                                                                \
    extern "C" __global__ void name##_right(const int* in, int* out, int* room) { \
        name<true>(in, out, room);                                                \
    }                                                                             \
    extern "C" __global__ void name##_wrong(const int* in, int* out, int* room) { \
        name<false>(in, out, room);                                               \
    }

constexpr int THREADS = 64, WRITTEN = 2 * 4 * THREADS;

__device__ int global() { return blockIdx.x * THREADS + threadIdx.x; }

// A branch on shared memory. Wrong: half of it has not been written.
template <bool RIGHT>
__device__ void branch_on_shared(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    if (RIGHT || threadIdx.x < 32) tile[threadIdx.x] = in[global()];
    __syncthreads();
    int value = 0;
    if (tile[threadIdx.x ^ 32] > 7) value = in[threadIdx.x];
    for (int i = 0; i < (tile[THREADS - 1 - threadIdx.x] & 3); i++) value += in[value & 15];
    out[global()] = value;
}
PAIR(branch_on_shared)

// An address from device memory. Wrong: from where nothing was written. The index is in bounds whatever it is.
template <bool RIGHT>
__device__ void address_from_global(const int* in, int* out, int* room) {
    const int index = room[(RIGHT ? 0 : WRITTEN) + threadIdx.x];
    out[global()] = in[index & 63];
}
PAIR(address_from_global)

// An undefined value on its way through arithmetic, shared memory and a shuffle to a loop's bound.
template <bool RIGHT>
__device__ void long_way(const int* in, int* out, int* room) {
    __shared__ int tile[THREADS];
    tile[threadIdx.x] = 3 * room[(RIGHT ? 0 : WRITTEN) + threadIdx.x] + 5;
    __syncthreads();
    const int bound = __shfl_xor_sync(0xffffffff, tile[threadIdx.x ^ 1], 4) & 7;
    int sum = 0;
    for (int i = 0; i < bound; i++) sum += in[i];
    out[global()] = sum;
}
PAIR(long_way)

struct Padded {
    char tag;
    int value;
};

// A structure is copied with its padding. Wrong: its value was not written either.
template <bool RIGHT>
__device__ void padding(const int* in, int* out, int*) {
    __shared__ Padded tile[THREADS];
    tile[threadIdx.x].tag = static_cast<char>(threadIdx.x);
    if (RIGHT) tile[threadIdx.x].value = in[global()];
    __syncthreads();
    const long long whole = *reinterpret_cast<volatile long long*>(&tile[threadIdx.x ^ 3]);
    const Padded copy = {static_cast<char>(whole), static_cast<int>(whole >> 32)};
    out[global()] = copy.value > 20 ? in[copy.tag & 31] : in[0];
    if (copy.value == 12345) out[0] = 1;
}
PAIR(padding)

// Wrong: an accumulator in shared memory that nobody has set to zero decides what is stored.
template <bool RIGHT>
__device__ void counter_not_zeroed(const int* in, int* out, int*) {
    __shared__ int count;
    if (RIGHT && threadIdx.x == 0) count = 0;
    __syncthreads();
    if (in[global()] % 3 == 0) atomicAdd(&count, 1);
    __syncthreads();
    if (count > 20) out[global()] = in[1];
}
PAIR(counter_not_zeroed)

// Wrong: lane 31 is asked for its value after it has left.
template <bool RIGHT>
__device__ void shuffle_from_exited(const int* in, int* out, int*) {
    if (!RIGHT && threadIdx.x % 32 == 31) return;
    const int last = __shfl_sync(RIGHT ? 0xffffffff : 0x7fffffff, in[global()], 31);
    if (last > 40) out[global()] = last;
}
PAIR(shuffle_from_exited)

// Wrong: a lane names a mask that it is not in.
template <bool RIGHT>
__device__ void wrong_mask(const int* in, int* out, int*) {
    out[global()] = __shfl_xor_sync(RIGHT ? 0xffffffff : 0x0000ffff, in[global()], 1);
}
PAIR(wrong_mask)

// Wrong: lanes wait for lanes of their warp that wait elsewhere.
template <bool RIGHT>
__device__ void absent_lanes(const int* in, int* out, int*) {
    if (threadIdx.x % 32 < 16) {
        __syncwarp(RIGHT ? 0x0000ffff : 0xffffffff);
        out[global()] = in[global()];
    } else {
        out[global()] = -in[global()];
    }
    __syncthreads();
}
PAIR(absent_lanes)

// Wrong: a barrier in a branch that part of a warp takes.
template <bool RIGHT>
__device__ void divergent_barrier(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    if (in[threadIdx.x] % 2 == 0) {
        tile[threadIdx.x] = in[global()];
        if (!RIGHT) asm volatile("bar.sync 0;" ::: "memory");
    } else {
        tile[threadIdx.x] = -in[global()];
    }
    __syncthreads();
    out[global()] = tile[threadIdx.x ^ 33];
}
PAIR(divergent_barrier)

// Wrong: two warps wait at different barriers.
template <bool RIGHT>
__device__ void two_barriers(const int* in, int* out, int*) {
    if (RIGHT || threadIdx.x < 32) {
        asm volatile("bar.sync 1, 64;" ::: "memory");
    } else {
        asm volatile("bar.sync 2, 64;" ::: "memory");
    }
    out[global()] = in[global()];
}
PAIR(two_barriers)

// Wrong: one element too far.
template <bool RIGHT>
__device__ void off_by_one(const int* in, int* out, int*) {
    out[global()] = in[global() + (RIGHT ? 1 : 2)] - in[global()];
}
PAIR(off_by_one)

// Wrong: one element beyond shared memory.
template <bool RIGHT>
__device__ void beyond_shared(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    tile[threadIdx.x + (RIGHT ? 0 : 1)] = in[global()];
    __syncthreads();
    out[global()] = tile[THREADS - 1 - threadIdx.x];
}
PAIR(beyond_shared)

// Wrong: four values at an address that is a multiple of one only.
template <bool RIGHT>
__device__ void misaligned(const int* in, int* out, int*) {
    const int4 four = *reinterpret_cast<const int4*>(in + 4 * (threadIdx.x / 8) + (RIGHT ? 0 : 1));
    out[global()] = four.x + four.w;
}
PAIR(misaligned)

// Block 0's values are volatile and so is the flag. Wrong: no fence, so that the flag may be seen before the value.
template <bool RIGHT>
__device__ void volatile_without_fence(const int* in, int* out, int* room) {
    volatile int* data = room;
    if (threadIdx.x != 0) return;
    if (blockIdx.x == 0) {
        for (int i = 1; i < 9; i++) data[i * 16] = in[i];
        if (RIGHT) __threadfence();
        data[0] = 1;
        // The block goes on: what it keeps to itself becomes visible at its end at the latest.
        for (int i = 0; i < 32; i++) out[THREADS + i] = in[i];
    } else {
        while (data[0] != 1) {
        }
        __threadfence();
        int sum = 0;
        for (int i = 1; i < 9; i++) sum += data[i * 16];
        out[blockIdx.x] = sum;
    }
}
PAIR(volatile_without_fence)
