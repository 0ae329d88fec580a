// f of a field, and its kernels.
// Written by io.quern.ode.CudaSource, and held to it by CudaSourceTest, which also renews it.
// clang-format off
//
// parts: solve save
// types: fp64 fp32
#include "solve.cuh"

namespace quern {
namespace ode {

template <>
struct Field<fp64> {
    static constexpr int DIMENSION = 2;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp64 t, const fp64 (&y)[DIMENSION], const P& p,
                                                    fp64 (&slope)[DIMENSION]) {
        const fp64 v3 = -(y[0]);
        const fp64 v4 = multiply(y[0], y[0]);
        const fp64 v6 = subtract(0x1.0p0, v4);
        const fp64 v7 = multiply(p[0], v6);
        const fp64 v8 = fused(y[1], v7, v3);
        slope[0] = y[1];
        slope[1] = v8;
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 2;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v3 = -(y[0]);
        const fp32 v4 = multiply(y[0], y[0]);
        const fp32 v6 = subtract(0x1.0p0f, v4);
        const fp32 v7 = multiply(p[0], v6);
        const fp32 v8 = fused(y[1], v7, v3);
        slope[0] = y[1];
        slope[1] = v8;
    }
};

QUERN_ODE_KERNELS(QUERN_PART, vanderpol, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
