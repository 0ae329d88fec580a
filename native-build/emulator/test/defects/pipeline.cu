// Pairs of kernels that differ in one thing: <name>_right is correct, <name>_wrong has the defect that its comment names.
// Here: asynchronous copies, mbarriers, matrices, and where undefined values go. `in` holds 1, 2, 3 ...; nothing has
// written the last 256 words of `room`.
#define PAIR(name)                                                                \
    extern "C" __global__ void name##_right(const int* in, int* out, int* room) { \
        name<true>(in, out, room);                                                \
    }                                                                             \
    extern "C" __global__ void name##_wrong(const int* in, int* out, int* room) { \
        name<false>(in, out, room);                                               \
    }

constexpr int THREADS = 64, WRITTEN = 2 * 4 * THREADS;

__device__ int global() { return blockIdx.x * THREADS + threadIdx.x; }

__device__ unsigned sharedAddress(const void* place) {
    return static_cast<unsigned>(__cvta_generic_to_shared(place));
}
__device__ void copyAsync(int* to, const int* from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(sharedAddress(to)), "l"(from) : "memory");
}
__device__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING>
__device__ void wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Wrong: the copy is not waited for.
template <bool RIGHT>
__device__ void copy_without_wait(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    copyAsync(tile + threadIdx.x, in + global());
    commit();
    if (RIGHT) wait<0>();
    __syncthreads();
    out[global()] = tile[threadIdx.x ^ 33] > 20 ? in[0] : in[1];
}
PAIR(copy_without_wait)

// Wrong: the copy is in no group, so that waiting for groups does not wait for it.
template <bool RIGHT>
__device__ void copy_without_commit(const int* in, int* out, int*) {
    __shared__ int tile[THREADS];
    copyAsync(tile + threadIdx.x, in + global());
    if (RIGHT) commit();
    wait<0>();
    __syncthreads();
    out[global()] = tile[threadIdx.x ^ 33] > 20 ? in[0] : in[1];
}
PAIR(copy_without_commit)

// Two buffers in turn, the next one filled while one is read. Wrong: one group more is left pending than may be.
template <bool RIGHT>
__device__ void too_many_pending(const int* in, int* out, int*) {
    __shared__ int tile[2][THREADS];
    int sum = 0;
    copyAsync(tile[0] + threadIdx.x, in + threadIdx.x);
    commit();
    for (int k = 0; k < 4; k++) {
        if (k < 3) copyAsync(tile[(k + 1) % 2] + threadIdx.x, in + THREADS * (k + 1) + threadIdx.x);
        commit();
        wait<RIGHT ? 1 : 2>();
        __syncthreads();
        sum += in[tile[k % 2][threadIdx.x ^ 33] & 15];
        __syncthreads();
    }
    out[global()] = sum;
}
PAIR(too_many_pending)

// The same. Wrong: a buffer is filled again before all have read it.
template <bool RIGHT>
__device__ void refilled_too_early(const int* in, int* out, int*) {
    __shared__ int tile[2][THREADS];
    int sum = 0;
    copyAsync(tile[0] + threadIdx.x, in + threadIdx.x);
    commit();
    for (int k = 0; k < 4; k++) {
        if (k < 3) copyAsync(tile[(k + 1) % 2] + threadIdx.x, in + THREADS * (k + 1) + threadIdx.x);
        commit();
        wait<1>();
        __syncthreads();
        sum += tile[k % 2][threadIdx.x ^ 33];
        if (RIGHT) __syncthreads();
    }
    out[global()] = sum;
}
PAIR(refilled_too_early)

// Warp 0 copies for warp 1, which waits at an mbarrier. Wrong: it does not.
template <bool RIGHT>
__device__ void mbarrier_wait(const int* in, int* out, int*) {
    __shared__ int tile[32];
    __shared__ unsigned long long barrier;
    const unsigned at = sharedAddress(&barrier);
    if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(at) : "memory");
    __syncthreads();
    if (threadIdx.x < 32) {
        copyAsync(tile + threadIdx.x, in + global());
        asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(at) : "memory");
    } else {
        unsigned done = RIGHT ? 0 : 1;
        while (done == 0) {
            asm volatile(
                "{.reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p;}"
                : "=r"(done)
                : "r"(at)
                : "memory");
        }
        out[global()] = tile[63 - threadIdx.x] > 7 ? in[0] : in[1];
    }
}
PAIR(mbarrier_wait)

// One thread waits for all copies, and finds the barrier complete when it first looks. Wrong: one arrival too few is waited for.
template <bool RIGHT>
__device__ void mbarrier_count(const int* in, int* out, int*) {
    __shared__ int tile[32];
    __shared__ unsigned long long barrier;
    const unsigned at = sharedAddress(&barrier);
    if (threadIdx.x == 0)
        asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at), "r"(RIGHT ? 33 : 1) : "memory");
    __syncthreads();
    if (threadIdx.x < 32) {
        copyAsync(tile + threadIdx.x, in + global());
        if (RIGHT) asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(at) : "memory");
    }
    __syncthreads();
    if (threadIdx.x != 32) return;
    unsigned long long state;
    asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(at) : "memory");
    unsigned done = 0;
    while (done == 0) {
        asm volatile("{.reg .pred p; mbarrier.test_wait.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
                     : "=r"(done)
                     : "r"(at), "l"(state)
                     : "memory");
    }
    int sum = 0;
    for (int i = 0; i < 32; i++) sum += in[tile[i] & 15];
    out[blockIdx.x] = sum;
}
PAIR(mbarrier_count)

// Warp 0 stores for warp 1, with plain arrivals. Wrong: the arrival comes before the store.
template <bool RIGHT>
__device__ void mbarrier_arrive(const int* in, int* out, int*) {
    __shared__ int tile[32];
    __shared__ unsigned long long barrier;
    const unsigned at = sharedAddress(&barrier);
    if (threadIdx.x == 0) asm volatile("mbarrier.init.shared.b64 [%0], 32;" ::"r"(at) : "memory");
    __syncthreads();
    if (threadIdx.x < 32) {
        if (RIGHT) tile[threadIdx.x] = in[global()];
        unsigned long long state;
        asm volatile("mbarrier.arrive.shared.b64 %0, [%1];" : "=l"(state) : "r"(at) : "memory");
        if (!RIGHT) tile[threadIdx.x] = in[global()];
    } else {
        unsigned done = 0;
        while (done == 0) {
            asm volatile(
                "{.reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p;}"
                : "=r"(done)
                : "r"(at)
                : "memory");
        }
        out[global()] = tile[63 - threadIdx.x];
    }
}
PAIR(mbarrier_arrive)

// Matrices of 16-bit numbers, 16 rows of 16 columns in shared memory.
struct Fragments {
    unsigned a[4];
    unsigned b[2];
    float d[4];
};

__device__ void loadA(Fragments& f, const unsigned short (*tile)[16]) {
    const int lane = threadIdx.x % 32;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(f.a[0]), "=r"(f.a[1]), "=r"(f.a[2]), "=r"(f.a[3])
                 : "r"(sharedAddress(&tile[lane % 16][lane / 16 * 8]))
                 : "memory");
}
__device__ void loadB(Fragments& f, const unsigned short (*tile)[16]) {
    const int lane = threadIdx.x % 32;
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(f.b[0]), "=r"(f.b[1])
                 : "r"(sharedAddress(&tile[lane % 16][0]))
                 : "memory");
}
/// First and second register of the upper and the lower rows: their order is what may be wrong.
__device__ void multiply(Fragments& f, unsigned a0, unsigned a1, unsigned a2, unsigned a3) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(f.d[0]), "+f"(f.d[1]), "+f"(f.d[2]), "+f"(f.d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(f.b[0]), "r"(f.b[1]));
}
/// A small whole number as BF16.
__device__ unsigned short small(int value) {
    return static_cast<unsigned short>(__float_as_uint(static_cast<float>(value)) >> 16);
}

// Each element of the first 16 rows of 16 numbers times those of the next: out[16 row + column] for column < 8. Wrong: two
// registers of A are exchanged.
template <bool RIGHT>
__device__ void fragment_order(const int* in, int* out, int*) {
    __shared__ __align__(16) unsigned short a[16][16], b[16][16];
    for (int i = threadIdx.x; i < 256; i += THREADS) {
        a[i / 16][i % 16] = small(in[i % 61] % 5);
        b[i / 16][i % 16] = small(in[i % 53] % 7);
    }
    __syncthreads();
    if (threadIdx.x >= 32 || blockIdx.x != 0) return;
    Fragments f = {};
    loadA(f, a);
    loadB(f, b);
    multiply(f, f.a[0], f.a[RIGHT ? 1 : 2], f.a[RIGHT ? 2 : 1], f.a[3]);
    for (int e = 0; e < 4; e++) {
        const int row = threadIdx.x / 4 + e / 2 * 8, column = threadIdx.x % 4 * 2 + e % 2;
        out[8 * row + column] = static_cast<int>(f.d[e]);
    }
}
PAIR(fragment_order)

// Wrong: no barrier between the stores and ldmatrix, which reads what other warps have stored.
template <bool RIGHT>
__device__ void matrix_without_barrier(const int* in, int* out, int*) {
    __shared__ __align__(16) unsigned short a[16][16];
    for (int i = threadIdx.x; i < 256; i += THREADS) a[i / 16][i % 16] = small(in[i % 61] % 5);
    if (RIGHT) __syncthreads();
    Fragments f = {};
    loadA(f, a);
    out[global()] = static_cast<int>(f.a[0] + f.a[3]);
}
PAIR(matrix_without_barrier)

// Rows that nobody has written make rows of the product undefined, and no others. Wrong: such a row decides.
template <bool RIGHT>
__device__ void undefined_rows(const int* in, int* out, int*) {
    __shared__ __align__(16) unsigned short a[16][16], b[16][16];
    for (int i = threadIdx.x; i < 256; i += THREADS) {
        if (i < 13 * 16) a[i / 16][i % 16] = small(in[i % 61] % 5);
        b[i / 16][i % 16] = small(in[i % 53] % 7);
    }
    __syncthreads();
    Fragments f = {};
    loadA(f, a);
    loadB(f, b);
    multiply(f, f.a[0], f.a[1], f.a[2], f.a[3]);
    multiply(f, f.a[0], f.a[1], f.a[2], f.a[3]);
    const int row = threadIdx.x % 32 / 4 + 8;
    float sum = f.d[0];
    if (!RIGHT || row < 13) sum += f.d[2];
    out[global()] = sum > 100 ? in[0] : in[1];
}
PAIR(undefined_rows)

// The same for columns of B, and an accumulator. Wrong: the accumulator was read from where nothing was written.
template <bool RIGHT>
__device__ void undefined_accumulator(const int* in, int* out, int* room) {
    __shared__ __align__(16) unsigned short a[16][16];
    for (int i = threadIdx.x; i < 256; i += THREADS) a[i / 16][i % 16] = small(in[i % 61] % 5);
    __syncthreads();
    Fragments f = {};
    loadA(f, a);
    loadB(f, a);
    const float* begin = reinterpret_cast<const float*>(room) + (RIGHT ? 0 : WRITTEN);
    for (int e = 0; e < 4; e++) f.d[e] = begin[threadIdx.x + 64 * e];
    multiply(f, f.a[0], f.a[1], f.a[2], f.a[3]);
    out[global()] = f.d[3] > 30 ? in[0] : in[1];
}
PAIR(undefined_accumulator)

// By way of local memory. Wrong: the value was not written.
template <bool RIGHT>
__device__ void through_local(const int* in, int* out, int* room) {
    int stack[8];
    for (int i = 0; i < 8; i++)
        stack[(in[i] + threadIdx.x) % 8] = room[(RIGHT ? 0 : WRITTEN) + 8 * (threadIdx.x % 8) + i];
    const int value = stack[in[threadIdx.x] % 8];
    out[global()] = in[value & 15];
}
PAIR(through_local)

__device__ __noinline__ int descend(const int* in, int depth, int value) {
    if (depth == 0) return in[value & 7] & 0;
    const int below = descend(in, depth - 1, in[depth]);
    return below + value;  // kept while the call below goes on
}

// A value that waits while a function calls itself. Wrong: it was not written.
template <bool RIGHT>
__device__ void through_recursion(const int* in, int* out, int* room) {
    const int value = descend(in, 3, room[(RIGHT ? 0 : WRITTEN) + threadIdx.x]);
    out[global()] = in[value & 15];
}
PAIR(through_recursion)
