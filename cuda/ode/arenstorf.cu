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
        const fp64 v6 = subtract(0x1.0p0, p[0]);
        const fp64 v7 = subtract(y[0], v6);
        const fp64 v8 = multiply(y[1], y[1]);
        const fp64 v9 = fused(v7, v7, v8);
        const fp64 v10 = root(v9);
        const fp64 v11 = multiply(v9, v10);
        const fp64 v12 = divide(p[0], v11);
        const fp64 v13 = multiply(v7, v12);
        const fp64 v14 = add(y[0], p[0]);
        const fp64 v15 = fused(v14, v14, v8);
        const fp64 v16 = root(v15);
        const fp64 v17 = multiply(v15, v16);
        const fp64 v18 = divide(v6, v17);
        const fp64 v19 = multiply(v14, v18);
        const fp64 v21 = multiply(y[3], 0x1.0p1);
        const fp64 v22 = add(y[0], v21);
        const fp64 v23 = subtract(v22, v19);
        const fp64 v24 = subtract(v23, v13);
        const fp64 v25 = add(v12, v18);
        const fp64 v26 = multiply(y[1], v25);
        const fp64 v27 = multiply(y[2], 0x1.0p1);
        const fp64 v28 = subtract(y[1], v27);
        const fp64 v29 = subtract(v28, v26);
        slope[0] = y[2];
        slope[1] = y[3];
        slope[2] = v24;
        slope[3] = v29;
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 4;
    static constexpr int PARAMETERS = 1;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v6 = subtract(0x1.0p0f, p[0]);
        const fp32 v7 = subtract(y[0], v6);
        const fp32 v8 = multiply(y[1], y[1]);
        const fp32 v9 = fused(v7, v7, v8);
        const fp32 v10 = root(v9);
        const fp32 v11 = multiply(v9, v10);
        const fp32 v12 = divide(p[0], v11);
        const fp32 v13 = multiply(v7, v12);
        const fp32 v14 = add(y[0], p[0]);
        const fp32 v15 = fused(v14, v14, v8);
        const fp32 v16 = root(v15);
        const fp32 v17 = multiply(v15, v16);
        const fp32 v18 = divide(v6, v17);
        const fp32 v19 = multiply(v14, v18);
        const fp32 v21 = multiply(y[3], 0x1.0p1f);
        const fp32 v22 = add(y[0], v21);
        const fp32 v23 = subtract(v22, v19);
        const fp32 v24 = subtract(v23, v13);
        const fp32 v25 = add(v12, v18);
        const fp32 v26 = multiply(y[1], v25);
        const fp32 v27 = multiply(y[2], 0x1.0p1f);
        const fp32 v28 = subtract(y[1], v27);
        const fp32 v29 = subtract(v28, v26);
        slope[0] = y[2];
        slope[1] = y[3];
        slope[2] = v24;
        slope[3] = v29;
    }
};

QUERN_ODE_KERNELS(QUERN_PART, arenstorf, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
