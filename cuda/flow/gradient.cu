// What a gradient of io.quern.flow.Flow sums up over the data; FlowCuda launches it between the kernels of ends.cu.
//
// parts: gaussian student tanh exponential uniform
// types: fp64 fp32

#include "attend.cuh"
#include "export.cuh"

using namespace quern;

#define QUERN_FLOW(NOISE, T) QUERN_FLOW_AS(NOISE, T)
#define QUERN_FLOW_AS(NOISE, T)                                                       \
    extern "C" __global__ void __launch_bounds__(flow::THREADS)                       \
        flow_gradient_##NOISE##_64_##T(const __grid_constant__ flow::Problem<T> a) {  \
        flow::attend<flow::noise_##NOISE, 64, true>(a);                               \
    }                                                                                 \
    extern "C" __global__ void __launch_bounds__(flow::THREADS)                       \
        flow_gradient_##NOISE##_256_##T(const __grid_constant__ flow::Problem<T> a) { \
        flow::attend<flow::noise_##NOISE, 256, true>(a);                              \
    }

QUERN_FLOW(QUERN_PART, QUERN_TYPE)
