// Attention's backward pass on tensor cores: dQ, and dK with dV.
// AttentionBackwardCuda.java launches it.
//
// types: fp16 bf16
// from: compute_80

#include "export.cuh"
#include "tensor_backward.cuh"

using namespace quern;
using quern::attention::Backward;
using quern::attention::Owner;
using quern::attention::TENSOR_THREADS;

// Export table: of up to DIM channels.
#define QUERN_ATTENTION_TENSOR_BACKWARD(T, DIM)                                       \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, 2)                   \
        attention_backward_query_##DIM##_##T(const __grid_constant__ Backward<T> a) { \
        attention::tensorBackward<T, DIM, Owner::QUERIES>(a);                         \
    }                                                                                 \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, 2)                   \
        attention_backward_keys_##DIM##_##T(const __grid_constant__ Backward<T> a) {  \
        attention::tensorBackward<T, DIM, Owner::KEYS>(a);                            \
    }
#define QUERN_ATTENTION_TENSORS_BACKWARD(T) \
    QUERN_ATTENTION_TENSOR_BACKWARD(T, 64)  \
    QUERN_ATTENTION_TENSOR_BACKWARD(T, 128)

QUERN_EXPORT(QUERN_ATTENTION_TENSORS_BACKWARD)
