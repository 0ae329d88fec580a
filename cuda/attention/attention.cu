// Softmax attention on CUDA. The mathematics and its contract are in
// io.quern.attention (Attention.java, Backward.java, package-info.java); the
// headers beside this file say how threads share the work, AttentionCuda.java
// how they are launched.

#include "backward.cuh"
#include "decode.cuh"
#include "paged.cuh"
#include "softmax.cuh"
#include "states.cuh"
#include "tensor_backward.cuh"
#include "tensor_forward.cuh"

using namespace quern;
using quern::attention::Backward;
using quern::attention::Forward;
using quern::attention::MERGE_THREADS;
using quern::attention::Owner;
using quern::attention::TENSOR_THREADS;
using quern::attention::THREADS;

#if __CUDA_ARCH__ >= 800
constexpr bool TENSOR_CORES = true;
#else
constexpr bool TENSOR_CORES = false;
#endif

// Export table: the storage type, the most channels of a value that the outputs
// in registers have room for, and how many blocks are to live on a
// multiprocessor, which decides how many registers there are.
#define QUERN_ATTENTION_FORWARD(T, CLASS, BLOCKS)                               \
    extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)               \
        attention_forward_##CLASS##_##T(const __grid_constant__ Forward<T> a) { \
        attention::forward<T, CLASS>(a);                                        \
    }

QUERN_ATTENTION_FORWARD(fp64, 64, 3)
QUERN_ATTENTION_FORWARD(fp32, 64, 3)
QUERN_ATTENTION_FORWARD(fp64, 256, 2)
QUERN_ATTENTION_FORWARD(fp32, 256, 2)
QUERN_ATTENTION_FORWARD(fp16, 256, 2)
QUERN_ATTENTION_FORWARD(bf16, 256, 2)

// The same on tensor cores: of up to DIM channels. In the file for compute_75
// nobody asks for them.
#define QUERN_ATTENTION_TENSOR(T, DIM)                                               \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, 2)                  \
        attention_forward_tensor_##DIM##_##T(const __grid_constant__ Forward<T> a) { \
        if constexpr (TENSOR_CORES) {                                                \
            attention::tensorForward<T, DIM>(a);                                     \
        } else {                                                                     \
            __trap();                                                                \
        }                                                                            \
    }

QUERN_ATTENTION_TENSOR(fp16, 64)
QUERN_ATTENTION_TENSOR(bf16, 64)
QUERN_ATTENTION_TENSOR(fp16, 128)
QUERN_ATTENTION_TENSOR(bf16, 128)
QUERN_ATTENTION_TENSOR(fp16, 256)
QUERN_ATTENTION_TENSOR(bf16, 256)

// Few queries and many keys, which may lie in pages: what splits of the keys sum to, and their merge.
#define QUERN_ATTENTION_DECODE(T, C)                                                              \
    extern "C" __global__ void __launch_bounds__(THREADS, 3)                                      \
        attention_decode_##T(const __grid_constant__ Forward<T> a, C* workspace, int64_t splits,  \
                             const __grid_constant__ attention::PageTable table) {                \
        attention::decode<T>(a, {workspace, splits}, attention::MaybeInPages<T>{table});          \
    }                                                                                             \
    extern "C" __global__ void __launch_bounds__(MERGE_THREADS)                                   \
        attention_merge_##T(const __grid_constant__ Forward<T> a, C* workspace, int64_t splits) { \
        attention::merge<T>(a, {workspace, splits});                                              \
    }

QUERN_ATTENTION_DECODE(fp64, fp64)
QUERN_ATTENTION_DECODE(fp32, fp32)
QUERN_ATTENTION_DECODE(fp16, fp32)
QUERN_ATTENTION_DECODE(bf16, fp32)

// A cache in pages: appending, and laying it out for the other kernels. The types of the cache and of what is beside it.
#define QUERN_ATTENTION_PAGED(T, BESIDE)                                                             \
    extern "C" __global__ void __launch_bounds__(32 * attention::PAGED_WARPS)                        \
        attention_append_##T##_##BESIDE(const __grid_constant__ attention::PagedCopy<BESIDE, T> a) { \
        attention::append(a);                                                                        \
    }                                                                                                \
    extern "C" __global__ void __launch_bounds__(32 * attention::PAGED_WARPS)                        \
        attention_gather_##T##_##BESIDE(const __grid_constant__ attention::PagedCopy<T, BESIDE> a) { \
        attention::gather(a);                                                                        \
    }

QUERN_ATTENTION_PAGED(fp64, fp64)
QUERN_ATTENTION_PAGED(fp32, fp32)
QUERN_ATTENTION_PAGED(fp16, fp16)
QUERN_ATTENTION_PAGED(bf16, bf16)
QUERN_ATTENTION_PAGED(fp16, fp32)
QUERN_ATTENTION_PAGED(bf16, fp32)

// The backward pass: what rows of queries have in common, then a launch a
// gradient.
#define QUERN_ATTENTION_BACKWARD(T)                                            \
    extern "C" __global__ void __launch_bounds__(THREADS)                      \
        attention_backward_rows_##T(const __grid_constant__ Backward<T> a) {   \
        attention::backwardRows(a);                                            \
    }                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS)                      \
        attention_backward_sinks_##T(const __grid_constant__ Backward<T> a) {  \
        attention::backwardSinks(a);                                           \
    }                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS, 2)                   \
        attention_backward_inputs_##T(const __grid_constant__ Backward<T> a) { \
        attention::backward(a);                                                \
    }                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS, 2)                   \
        attention_backward_bias_##T(const __grid_constant__ Backward<T> a) {   \
        attention::backwardBias(a);                                            \
    }

QUERN_ATTENTION_BACKWARD(fp64)
QUERN_ATTENTION_BACKWARD(fp32)
QUERN_ATTENTION_BACKWARD(fp16)
QUERN_ATTENTION_BACKWARD(bf16)

// The same on tensor cores, of up to DIM channels: dQ, and dK with dV.
#define QUERN_ATTENTION_TENSOR_BACKWARD(T, DIM)                                       \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, 2)                   \
        attention_backward_query_##DIM##_##T(const __grid_constant__ Backward<T> a) { \
        if constexpr (TENSOR_CORES) {                                                 \
            attention::tensorBackward<T, DIM, Owner::QUERIES>(a);                     \
        } else {                                                                      \
            __trap();                                                                 \
        }                                                                             \
    }                                                                                 \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, 2)                   \
        attention_backward_keys_##DIM##_##T(const __grid_constant__ Backward<T> a) {  \
        if constexpr (TENSOR_CORES) {                                                 \
            attention::tensorBackward<T, DIM, Owner::KEYS>(a);                        \
        } else {                                                                      \
            __trap();                                                                 \
        }                                                                             \
    }

QUERN_ATTENTION_TENSOR_BACKWARD(fp16, 64)
QUERN_ATTENTION_TENSOR_BACKWARD(bf16, 64)
QUERN_ATTENTION_TENSOR_BACKWARD(fp16, 128)
QUERN_ATTENTION_TENSOR_BACKWARD(bf16, 128)

// Softmax of rows, and the merge of what attention to parts of the keys left.
#define QUERN_ATTENTION_ROWS(T)                                                           \
    extern "C" __global__ void __launch_bounds__(attention::SOFTMAX_THREADS)              \
        attention_softmax_##T(const __grid_constant__ attention::Softmax<T> a) {          \
        attention::softmax(a);                                                            \
    }                                                                                     \
    extern "C" __global__ void __launch_bounds__(attention::SOFTMAX_THREADS)              \
        attention_softmax_backward_##T(const __grid_constant__ attention::Softmax<T> a) { \
        attention::softmaxBackward(a);                                                    \
    }                                                                                     \
    extern "C" __global__ void __launch_bounds__(32 * attention::STATES_WARPS)            \
        attention_states_##T(const __grid_constant__ attention::Merge<T> a) {             \
        attention::mergeStates(a);                                                        \
    }                                                                                     \
    extern "C" __global__ void __launch_bounds__(32 * attention::STATES_WARPS)            \
        attention_states_backward_##T(const __grid_constant__ attention::Merge<T> a) {    \
        attention::mergeStatesBackward(a);                                                \
    }

QUERN_ATTENTION_ROWS(fp64)
QUERN_ATTENTION_ROWS(fp32)
QUERN_ATTENTION_ROWS(fp16)
QUERN_ATTENTION_ROWS(bf16)
