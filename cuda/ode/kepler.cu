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
    static constexpr int DIMENSION = 4;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp64 t, const fp64 (&y)[DIMENSION], const P& p,
                                                    fp64 (&slope)[DIMENSION]) {
        const fp64 v5 = multiply(y[1], y[1]);
        const fp64 v6 = fused(y[0], y[0], v5);
        const fp64 v7 = root(v6);
        const fp64 v8 = multiply(v6, v7);
        const fp64 v9 = -(p[0]);
        const fp64 v10 = divide(v9, v8);
        const fp64 v11 = multiply(y[0], v10);
        const fp64 v12 = multiply(y[1], v10);
        slope[0] = y[2];
        slope[1] = y[3];
        slope[2] = v11;
        slope[3] = v12;
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 4;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v5 = multiply(y[1], y[1]);
        const fp32 v6 = fused(y[0], y[0], v5);
        const fp32 v7 = root(v6);
        const fp32 v8 = multiply(v6, v7);
        const fp32 v9 = -(p[0]);
        const fp32 v10 = divide(v9, v8);
        const fp32 v11 = multiply(y[0], v10);
        const fp32 v12 = multiply(y[1], v10);
        slope[0] = y[2];
        slope[1] = y[3];
        slope[2] = v11;
        slope[3] = v12;
    }
};

QUERN_ODE_KERNELS(QUERN_PART, kepler, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
