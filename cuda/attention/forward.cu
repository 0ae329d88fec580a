// Attention's forward pass, on every GPU. The mathematics and its contract are in
// io.quern.attention (Attention.java, package-info.java), grids and arguments in
// AttentionCuda.java.
//
// types: fp64 fp32 fp16 bf16

#include "export.cuh"
#include "forward.cuh"

using namespace quern;
using quern::attention::Forward;
using quern::attention::THREADS;

// Export table: the most channels of a value that the outputs in registers have
// room for, and how many blocks are to live on a multiprocessor, which decides
// how many registers there are.
#define QUERN_ATTENTION_FORWARD(T, CLASS, BLOCKS)                               \
    extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)               \
        attention_forward_##CLASS##_##T(const __grid_constant__ Forward<T> a) { \
        attention::forward<T, CLASS>(a);                                        \
    }
#define QUERN_ATTENTION_FORWARD_64(T)  QUERN_ATTENTION_FORWARD(T, 64, 3)
#define QUERN_ATTENTION_FORWARD_256(T) QUERN_ATTENTION_FORWARD(T, 256, 2)

#if QUERN_TYPE_BYTES > 2
QUERN_EXPORT(QUERN_ATTENTION_FORWARD_64)
#endif
QUERN_EXPORT(QUERN_ATTENTION_FORWARD_256)
