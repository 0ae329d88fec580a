// Softmax attention on CUDA. The mathematics and its contract are in io.quern.attention (Attention.java, Backward.java,
// package-info.java); the headers beside this file say how threads share the work, AttentionCuda.java how they are
// launched.

#include "forward.cuh"

using namespace quern;
using quern::attention::Forward;
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
