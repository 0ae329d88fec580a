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
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp64 t, const fp64 (&y)[DIMENSION], const P& p,
                                                    fp64 (&slope)[DIMENSION]) {
        const fp64 v2 = multiply(y[0], p[0]);
        const fp64 v3 = -(v2);
        slope[0] = v3;
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v2 = multiply(y[0], p[0]);
        const fp32 v3 = -(v2);
        slope[0] = v3;
    }
};

QUERN_ODE_KERNELS(QUERN_PART, decay, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
