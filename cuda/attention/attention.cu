// Softmax attention on CUDA. The mathematics and its contract are in io.quern.attention (Attention.java, Backward.java,
// package-info.java); the headers beside this file say how threads share the work, AttentionCuda.java how they are
// launched.

#include "backward.cuh"
#include "decode.cuh"
#include "tensor_forward.cuh"

using namespace quern;
using quern::attention::Backward;
using quern::attention::Forward;
using quern::attention::MERGE_THREADS;
using quern::attention::TENSOR_THREADS;
using quern::attention::THREADS;

#if __CUDA_ARCH__ >= 800
constexpr bool TENSOR_CORES = true;
#else
constexpr bool TENSOR_CORES = false;
#endif

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

// The same on tensor cores: of up to DIM channels. In the file for compute_75 nobody asks for them.
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
