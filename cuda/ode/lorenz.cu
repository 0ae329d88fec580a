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
    static constexpr int DIMENSION = 3;
    static constexpr int PARAMETERS = 3;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp64 t, const fp64 (&y)[DIMENSION], const P& p,
                                                    fp64 (&slope)[DIMENSION]) {
        const fp64 v6 = subtract(y[1], y[0]);
        const fp64 v7 = multiply(p[0], v6);
        const fp64 v8 = subtract(p[1], y[2]);
        const fp64 v9 = multiply(y[0], v8);
        const fp64 v10 = subtract(v9, y[1]);
        const fp64 v11 = multiply(y[0], y[1]);
        const fp64 v12 = -(p[2]);
        const fp64 v13 = fused(y[2], v12, v11);
        slope[0] = v7;
        slope[1] = v10;
        slope[2] = v13;
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 3;
    static constexpr int PARAMETERS = 3;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v6 = subtract(y[1], y[0]);
        const fp32 v7 = multiply(p[0], v6);
        const fp32 v8 = subtract(p[1], y[2]);
        const fp32 v9 = multiply(y[0], v8);
        const fp32 v10 = subtract(v9, y[1]);
        const fp32 v11 = multiply(y[0], y[1]);
        const fp32 v12 = -(p[2]);
        const fp32 v13 = fused(y[2], v12, v11);
        slope[0] = v7;
        slope[1] = v10;
        slope[2] = v13;
    }
};

QUERN_ODE_KERNELS(QUERN_PART, lorenz, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
