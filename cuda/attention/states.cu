// Merges what attention to parts of the keys left; MergeCuda.java launches it.
//
// types: fp64 fp32 fp16 bf16

#include "export.cuh"
#include "states.cuh"

using namespace quern;

#define QUERN_ATTENTION_STATES(T)                                                      \
    extern "C" __global__ void __launch_bounds__(32 * attention::STATES_WARPS)         \
        attention_states_##T(const __grid_constant__ attention::Merge<T> a) {          \
        attention::mergeStates(a);                                                     \
    }                                                                                  \
    extern "C" __global__ void __launch_bounds__(32 * attention::STATES_WARPS)         \
        attention_states_backward_##T(const __grid_constant__ attention::Merge<T> a) { \
        attention::mergeStatesBackward(a);                                             \
    }

QUERN_EXPORT(QUERN_ATTENTION_STATES)
