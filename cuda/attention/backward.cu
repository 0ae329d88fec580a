// Attention's backward pass, on every GPU: what rows of queries have in common,
// then a launch a gradient. The mathematics and its contract are in
// io.quern.attention (Backward.java, package-info.java), grids and arguments in
// AttentionBackwardCuda.java.
//
// types: fp64 fp32 fp16 bf16

#include "backward.cuh"
#include "export.cuh"

using namespace quern;
using quern::attention::Backward;
using quern::attention::THREADS;

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

QUERN_EXPORT(QUERN_ATTENTION_BACKWARD)
