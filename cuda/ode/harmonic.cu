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
        const fp64 v3 = multiply(p[0], p[0]);
        const fp64 v4 = -(v3);
        const fp64 v5 = multiply(y[0], v4);
        slope[0] = y[1];
        slope[1] = v5;
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 2;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v3 = multiply(p[0], p[0]);
        const fp32 v4 = -(v3);
        const fp32 v5 = multiply(y[0], v4);
        slope[0] = y[1];
        slope[1] = v5;
    }
};

QUERN_ODE_KERNELS(QUERN_PART, harmonic, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
