// What comes before and after the pass over the data: moments and weights; what the pass's sums make.
//
// types: fp64 fp32

#include "attend.cuh"
#include "export.cuh"

using namespace quern;

#define QUERN_FLOW(T)                                                          \
    extern "C" __global__ void __launch_bounds__(flow::PREPARE_THREADS)        \
        flow_prepare_##T(const __grid_constant__ flow::Problem<T> a) {         \
        flow::prepare(a);                                                      \
    }                                                                          \
    extern "C" __global__ void __launch_bounds__(flow::PREPARE_THREADS)        \
        flow_combine_##T(const __grid_constant__ flow::Terms<T> a) {           \
        flow::combine(a);                                                      \
    }                                                                          \
    extern "C" __global__ void __launch_bounds__(flow::THREADS)                \
        flow_finish_##T(const __grid_constant__ flow::Problem<T> a) {          \
        flow::finish(a);                                                       \
    }                                                                          \
    extern "C" __global__ void __launch_bounds__(flow::THREADS, 1)             \
        flow_finish_gradient_##T(const __grid_constant__ flow::Problem<T> a) { \
        flow::finishGradient(a);                                               \
    }

QUERN_EXPORT(QUERN_FLOW)
