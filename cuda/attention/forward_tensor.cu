// Attention's forward pass on tensor cores; AttentionCuda.java launches it.
//
// types: fp16 bf16
// from: compute_80

#include "export.cuh"
#include "tensor_forward.cuh"

using namespace quern;
using quern::attention::Forward;
using quern::attention::TENSOR_THREADS;

// Export table: of up to DIM channels.
#define QUERN_ATTENTION_TENSOR(T, DIM)                                               \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, 2)                  \
        attention_forward_tensor_##DIM##_##T(const __grid_constant__ Forward<T> a) { \
        attention::tensorForward<T, DIM>(a);                                         \
    }
#define QUERN_ATTENTION_TENSORS(T) \
    QUERN_ATTENTION_TENSOR(T, 64)  \
    QUERN_ATTENTION_TENSOR(T, 128) \
    QUERN_ATTENTION_TENSOR(T, 256)

QUERN_EXPORT(QUERN_ATTENTION_TENSORS)
