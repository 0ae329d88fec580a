// Softmax attention on CUDA. The mathematics and its contract are in io.quern.attention (Attention.java, Backward.java,
// package-info.java); the headers beside this file say how threads share the work, AttentionCuda.java how they are
// launched.

#include "backward.cuh"
#include "decode.cuh"

using namespace quern;
using quern::attention::Backward;
using quern::attention::Forward;
using quern::attention::MERGE_THREADS;
using quern::attention::THREADS;

// Export table: the storage type, the most channels of a value that the outputs in registers have room for, and how many
// blocks are to live on a multiprocessor, which decides how many registers there are.
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

// Few queries and many keys: what splits of the keys sum to, and their merge.
#define QUERN_ATTENTION_DECODE(T, C)                                                               \
    extern "C" __global__ void __launch_bounds__(THREADS, 3)                                       \
        attention_decode_##T(const __grid_constant__ Forward<T> a, C* workspace, int64_t splits) { \
        attention::decode<T>(a, {workspace, splits});                                              \
    }                                                                                              \
    extern "C" __global__ void __launch_bounds__(MERGE_THREADS)                                    \
        attention_merge_##T(const __grid_constant__ Forward<T> a, C* workspace, int64_t splits) {  \
        attention::merge<T>(a, {workspace, splits});                                               \
    }

QUERN_ATTENTION_DECODE(fp64, fp64)
QUERN_ATTENTION_DECODE(fp32, fp32)
QUERN_ATTENTION_DECODE(fp16, fp32)
QUERN_ATTENTION_DECODE(bf16, fp32)

// The backward pass: what rows of queries have in common, then a launch a gradient.
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
