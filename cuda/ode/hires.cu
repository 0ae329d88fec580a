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
    static constexpr int DIMENSION = 8;
    static constexpr int PARAMETERS = 0;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp64 t, const fp64 (&y)[DIMENSION], const P& p,
                                                    fp64 (&slope)[DIMENSION]) {
        const fp64 v10 = multiply(y[0], -0x1.b5c28f5c28f5cp0);
        const fp64 v12 = fused(y[1], 0x1.b851eb851eb85p-2, v10);
        const fp64 v14 = fused(y[2], 0x1.0a3d70a3d70a4p3, v12);
        const fp64 v15 = add(0x1.6f0068db8bac7p-11, v14);
        const fp64 v17 = multiply(y[0], 0x1.b5c28f5c28f5cp0);
        const fp64 v19 = fused(y[1], -0x1.18p3, v17);
        const fp64 v21 = multiply(y[2], -0x1.40f5c28f5c28fp3);
        const fp64 v22 = fused(y[3], 0x1.b851eb851eb85p-2, v21);
        const fp64 v24 = fused(y[4], 0x1.1eb851eb851ecp-5, v22);
        const fp64 v25 = multiply(y[1], 0x1.0a3d70a3d70a4p3);
        const fp64 v26 = fused(y[2], 0x1.b5c28f5c28f5cp0, v25);
        const fp64 v28 = fused(y[3], -0x1.1eb851eb851ecp0, v26);
        const fp64 v30 = multiply(y[4], -0x1.beb851eb851ecp0);
        const fp64 v31 = fused(y[5], 0x1.b851eb851eb85p-2, v30);
        const fp64 v32 = fused(y[6], 0x1.b851eb851eb85p-2, v31);
        const fp64 v34 = multiply(y[5], y[7]);
        const fp64 v35 = multiply(0x1.18p8, v34);
        const fp64 v37 = multiply(y[3], 0x1.6147ae147ae14p-1);
        const fp64 v38 = fused(y[4], 0x1.b5c28f5c28f5cp0, v37);
        const fp64 v40 = fused(y[5], -0x1.b851eb851eb85p-2, v38);
        const fp64 v41 = fused(y[6], 0x1.6147ae147ae14p-1, v40);
        const fp64 v42 = subtract(v41, v35);
        const fp64 v44 = multiply(y[6], 0x1.cf5c28f5c28f6p0);
        const fp64 v45 = subtract(v35, v44);
        const fp64 v46 = subtract(v44, v35);
        slope[0] = v15;
        slope[1] = v19;
        slope[2] = v24;
        slope[3] = v28;
        slope[4] = v32;
        slope[5] = v42;
        slope[6] = v45;
        slope[7] = v46;
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 8;
    static constexpr int PARAMETERS = 0;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v10 = multiply(y[0], -0x1.b5c29p0f);
        const fp32 v12 = fused(y[1], 0x1.b851ecp-2f, v10);
        const fp32 v14 = fused(y[2], 0x1.0a3d7p3f, v12);
        const fp32 v15 = add(0x1.6f0068p-11f, v14);
        const fp32 v17 = multiply(y[0], 0x1.b5c29p0f);
        const fp32 v19 = fused(y[1], -0x1.18p3f, v17);
        const fp32 v21 = multiply(y[2], -0x1.40f5c2p3f);
        const fp32 v22 = fused(y[3], 0x1.b851ecp-2f, v21);
        const fp32 v24 = fused(y[4], 0x1.1eb852p-5f, v22);
        const fp32 v25 = multiply(y[1], 0x1.0a3d7p3f);
        const fp32 v26 = fused(y[2], 0x1.b5c29p0f, v25);
        const fp32 v28 = fused(y[3], -0x1.1eb852p0f, v26);
        const fp32 v30 = multiply(y[4], -0x1.beb852p0f);
        const fp32 v31 = fused(y[5], 0x1.b851ecp-2f, v30);
        const fp32 v32 = fused(y[6], 0x1.b851ecp-2f, v31);
        const fp32 v34 = multiply(y[5], y[7]);
        const fp32 v35 = multiply(0x1.18p8f, v34);
        const fp32 v37 = multiply(y[3], 0x1.6147aep-1f);
        const fp32 v38 = fused(y[4], 0x1.b5c29p0f, v37);
        const fp32 v40 = fused(y[5], -0x1.b851ecp-2f, v38);
        const fp32 v41 = fused(y[6], 0x1.6147aep-1f, v40);
        const fp32 v42 = subtract(v41, v35);
        const fp32 v44 = multiply(y[6], 0x1.cf5c28p0f);
        const fp32 v45 = subtract(v35, v44);
        const fp32 v46 = subtract(v44, v35);
        slope[0] = v15;
        slope[1] = v19;
        slope[2] = v24;
        slope[3] = v28;
        slope[4] = v32;
        slope[5] = v42;
        slope[6] = v45;
        slope[7] = v46;
    }
};

QUERN_ODE_KERNELS(QUERN_PART, hires, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
