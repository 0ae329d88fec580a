// f of a field, and its kernels.
// Written by io.quern.ode.CudaSource, and held to it by CudaSourceTest, which also renews it.
// clang-format off
//
// parts: solve save watch
// types: fp64 fp32
#include "solve.cuh"

namespace quern {
namespace ode {

template <>
struct Field<fp64> {
    static constexpr int DIMENSION = 2;
    static constexpr int PARAMETERS = 2;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp64 t, const fp64 (&y)[DIMENSION], const P& p,
                                                    fp64 (&slope)[DIMENSION]) {
        const fp64 v2 = -(p[0]);
        slope[0] = y[1];
        slope[1] = v2;
    }
};

template <>
struct Events<fp64> {
    static constexpr int COUNT = 1;
    static constexpr EventSet RISING = 0x0ull;
    static constexpr EventSet FALLING = 0x1ull;
    static constexpr EventSet TERMINAL = 0x0ull;
    static constexpr EventSet RESETTING = 0x1ull;

    template <typename Y, typename P>
    static __device__ __forceinline__ fp64 function(int e, fp64 t, const Y& y, const P& p) {
        switch (e) {
            case 0: {
                return y[0];
            }
            default: return 0;
        }
    }

    template <typename P>
    static __device__ __forceinline__ void reset(int e, fp64 t, fp64 (&y)[2], const P& p) {
        switch (e) {
            case 0: {
                const fp64 v3 = -(p[1]);
                const fp64 v4 = multiply(y[1], v3);
                const fp64 y0 = 0x0.0p0;
                const fp64 y1 = v4;
                y[0] = y0;
                y[1] = y1;
                break;
            }
            default: break;
        }
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 2;
    static constexpr int PARAMETERS = 2;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v2 = -(p[0]);
        slope[0] = y[1];
        slope[1] = v2;
    }
};

template <>
struct Events<fp32> {
    static constexpr int COUNT = 1;
    static constexpr EventSet RISING = 0x0ull;
    static constexpr EventSet FALLING = 0x1ull;
    static constexpr EventSet TERMINAL = 0x0ull;
    static constexpr EventSet RESETTING = 0x1ull;

    template <typename Y, typename P>
    static __device__ __forceinline__ fp32 function(int e, fp32 t, const Y& y, const P& p) {
        switch (e) {
            case 0: {
                return y[0];
            }
            default: return 0;
        }
    }

    template <typename P>
    static __device__ __forceinline__ void reset(int e, fp32 t, fp32 (&y)[2], const P& p) {
        switch (e) {
            case 0: {
                const fp32 v3 = -(p[1]);
                const fp32 v4 = multiply(y[1], v3);
                const fp32 y0 = 0x0.0p0f;
                const fp32 y1 = v4;
                y[0] = y0;
                y[1] = y1;
                break;
            }
            default: break;
        }
    }
};

QUERN_ODE_KERNELS(QUERN_PART, bouncingball, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
