// Softmax of rows; RowSoftmaxCuda.java launches it.
//
// types: fp64 fp32 fp16 bf16

#include "export.cuh"
#include "softmax.cuh"

using namespace quern;

#define QUERN_ATTENTION_SOFTMAX(T)                                                        \
    extern "C" __global__ void __launch_bounds__(attention::SOFTMAX_THREADS)              \
        attention_softmax_##T(const __grid_constant__ attention::Softmax<T> a) {          \
        attention::softmax(a);                                                            \
    }                                                                                     \
    extern "C" __global__ void __launch_bounds__(attention::SOFTMAX_THREADS)              \
        attention_softmax_backward_##T(const __grid_constant__ attention::Softmax<T> a) { \
        attention::softmaxBackward(a);                                                    \
    }

QUERN_EXPORT(QUERN_ATTENTION_SOFTMAX)
