// f of a field, and its kernels.
// Written by io.quern.ode.CudaSource, and held to it by CudaSourceTest, which also renews it.
// clang-format off
//
// parts: watch
// types: fp64 fp32
#include "solve.cuh"

namespace quern {
namespace ode {

template <>
struct Field<fp64> {
    static constexpr int DIMENSION = 24;
    static constexpr int PARAMETERS = 18;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp64 t, const fp64 (&y)[DIMENSION], const P& p,
                                                    fp64 (&slope)[DIMENSION]) {
        const fp64 v20 = subtract(y[0], p[3]);
        const fp64 v21 = multiply(p[2], v20);
        const fp64 v24 = y[15] == 0x1.0p0 ? p[6] : p[7];
        const fp64 v25 = y[15] == 0x1.0p0 ? p[4] : y[7];
        const fp64 v26 = subtract(p[5], v25);
        const fp64 v27 = v26 < v24 ? v26 : v24;
        const fp64 v28 = 0x0.0p0 < v27 ? v27 : 0x0.0p0;
        const fp64 v29 = multiply(y[17], v28);
        const fp64 v30 = add(v25, v29);
        const fp64 v31 = subtract(v30, y[0]);
        const fp64 v32 = subtract(0x1.0p0, y[15]);
        const fp64 v33 = multiply(y[14], v32);
        const fp64 v34 = multiply(p[1], v33);
        const fp64 v35 = fused(y[15], p[0], v34);
        const fp64 v36 = multiply(v31, v35);
        const fp64 v37 = subtract(v36, v21);
        const fp64 v38 = subtract(y[1], p[3]);
        const fp64 v39 = multiply(p[2], v38);
        const fp64 v40 = subtract(y[0], y[1]);
        const fp64 v41 = multiply(v35, v40);
        const fp64 v42 = subtract(v41, v39);
        const fp64 v43 = subtract(y[2], p[3]);
        const fp64 v44 = multiply(p[2], v43);
        const fp64 v45 = subtract(y[1], y[2]);
        const fp64 v46 = multiply(v35, v45);
        const fp64 v47 = subtract(v46, v44);
        const fp64 v48 = subtract(y[3], p[3]);
        const fp64 v49 = multiply(p[2], v48);
        const fp64 v50 = subtract(y[2], y[3]);
        const fp64 v51 = multiply(v35, v50);
        const fp64 v52 = subtract(v51, v49);
        const fp64 v53 = subtract(y[4], p[3]);
        const fp64 v54 = multiply(p[2], v53);
        const fp64 v55 = subtract(y[3], y[4]);
        const fp64 v56 = multiply(v34, v55);
        const fp64 v57 = subtract(v56, v54);
        const fp64 v58 = subtract(y[5], p[3]);
        const fp64 v59 = multiply(p[2], v58);
        const fp64 v60 = subtract(y[4], y[5]);
        const fp64 v61 = multiply(v34, v60);
        const fp64 v62 = subtract(v61, v59);
        const fp64 v63 = subtract(y[6], p[3]);
        const fp64 v64 = multiply(p[2], v63);
        const fp64 v65 = subtract(y[5], y[6]);
        const fp64 v66 = multiply(v34, v65);
        const fp64 v67 = subtract(v66, v64);
        const fp64 v68 = subtract(y[7], p[3]);
        const fp64 v69 = multiply(p[2], v68);
        const fp64 v70 = subtract(y[6], y[7]);
        const fp64 v71 = multiply(v34, v70);
        const fp64 v72 = subtract(v71, v69);
        const fp64 v73 = multiply(v29, v35);
        const fp64 v74 = add(v21, 0x0.0p0);
        const fp64 v75 = add(v39, v74);
        const fp64 v76 = add(v44, v75);
        const fp64 v77 = add(v49, v76);
        const fp64 v78 = add(v54, v77);
        const fp64 v79 = add(v59, v78);
        const fp64 v80 = add(v64, v79);
        const fp64 v81 = add(v69, v80);
        const fp64 v82 = subtract(y[3], p[4]);
        const fp64 v83 = multiply(y[15], p[0]);
        const fp64 v84 = multiply(v82, v83);
        slope[0] = v37;
        slope[1] = v42;
        slope[2] = v47;
        slope[3] = v52;
        slope[4] = v57;
        slope[5] = v62;
        slope[6] = v67;
        slope[7] = v72;
        slope[8] = v73;
        slope[9] = v81;
        slope[10] = v84;
        slope[11] = y[16];
        slope[12] = y[15];
        slope[13] = v33;
        slope[14] = 0x0.0p0;
        slope[15] = 0x0.0p0;
        slope[16] = 0x0.0p0;
        slope[17] = 0x0.0p0;
        slope[18] = 0x0.0p0;
        slope[19] = 0x0.0p0;
        slope[20] = 0x0.0p0;
        slope[21] = 0x0.0p0;
        slope[22] = 0x0.0p0;
        slope[23] = 0x0.0p0;
    }
};

template <>
struct Events<fp64> {
    static constexpr int COUNT = 8;
    static constexpr EventSet RISING = 0xffull;
    static constexpr EventSet FALLING = 0x0ull;
    static constexpr EventSet TERMINAL = 0x0ull;
    static constexpr EventSet RESETTING = 0xffull;

    template <typename Y, typename P>
    static __device__ __forceinline__ fp64 function(int e, fp64 t, const Y& y, const P& p) {
        switch (e) {
            case 0: {
                const fp64 v2 = subtract(t, y[19]);
                return v2;
            }
            case 1: {
                const fp64 v4 = subtract(y[3], p[9]);
                const fp64 v6 = y[16] == 0x1.0p0 ? v4 : -0x1.0p0;
                return v6;
            }
            case 2: {
                const fp64 v2 = subtract(t, y[20]);
                return v2;
            }
            case 3: {
                const fp64 v2 = subtract(t, y[18]);
                return v2;
            }
            case 4: {
                const fp64 v6 = subtract(p[10], y[3]);
                const fp64 v8 = subtract(0x1.0p0, y[14]);
                const fp64 v9 = subtract(0x1.0p0, y[15]);
                const fp64 v10 = multiply(y[22], v9);
                const fp64 v11 = multiply(v8, v10);
                const fp64 v12 = v11 == 0x1.0p0 ? v6 : -0x1.0p0;
                return v12;
            }
            case 5: {
                const fp64 v4 = subtract(y[3], p[11]);
                const fp64 v6 = y[14] == 0x1.0p0 ? v4 : -0x1.0p0;
                return v6;
            }
            case 6: {
                const fp64 v2 = subtract(t, y[23]);
                return v2;
            }
            case 7: {
                const fp64 v5 = add(t, p[13]);
                const fp64 v6 = subtract(v5, y[19]);
                const fp64 v8 = p[12] == 0x1.8p1 ? v6 : -0x1.0p0;
                return v8;
            }
            default: return 0;
        }
    }

    template <typename P>
    static __device__ __forceinline__ void reset(int e, fp64 t, fp64 (&y)[24], const P& p) {
        switch (e) {
            case 0: {
                const fp64 v26 = p[9] <= y[3] ? 0x0.0p0 : 0x1.0p0;
                const fp64 v27 = add(t, p[8]);
                const fp64 v28 = y[14] == 0x1.0p0 ? y[18] : v27;
                const fp64 v30 = y[17] == 0x1.0p0 ? 0x1.dcd65p29 : v28;
                const fp64 v31 = add(t, p[14]);
                const fp64 v32 = p[9] <= y[3] ? v31 : 0x1.dcd65p29;
                const fp64 y14 = 0x0.0p0;
                const fp64 y15 = 0x1.0p0;
                const fp64 y16 = v26;
                const fp64 y18 = v30;
                const fp64 y19 = 0x1.dcd65p29;
                const fp64 y20 = v32;
                y[14] = y14;
                y[15] = y15;
                y[16] = y16;
                y[18] = y18;
                y[19] = y19;
                y[20] = y20;
                break;
            }
            case 1: {
                const fp64 v25 = add(t, p[14]);
                const fp64 y16 = 0x0.0p0;
                const fp64 y20 = v25;
                y[16] = y16;
                y[20] = y20;
                break;
            }
            case 2: {
                const fp64 v25 = add(t, 0x1.0p0);
                const fp64 v26 = v25 < p[16] ? p[16] : v25;
                const fp64 v27 = add(y[21], 0x1.0p0);
                const fp64 v28 = v27 == 0x1.0p0 ? v26 : 0x1.dcd65p29;
                const fp64 v29 = v25 < p[17] ? p[17] : v25;
                const fp64 v31 = v27 == 0x1.0p1 ? v29 : v28;
                const fp64 y15 = 0x0.0p0;
                const fp64 y17 = 0x0.0p0;
                const fp64 y18 = 0x1.dcd65p29;
                const fp64 y19 = v31;
                const fp64 y20 = 0x1.dcd65p29;
                const fp64 y21 = v27;
                y[15] = y15;
                y[17] = y17;
                y[18] = y18;
                y[19] = y19;
                y[20] = y20;
                y[21] = y21;
                break;
            }
            case 3: {
                const fp64 y17 = 0x1.0p0;
                const fp64 y18 = 0x1.dcd65p29;
                y[17] = y17;
                y[18] = y18;
                break;
            }
            case 4: {
                const fp64 v25 = add(t, p[8]);
                const fp64 y14 = 0x1.0p0;
                const fp64 y18 = v25;
                y[14] = y14;
                y[18] = y18;
                break;
            }
            case 5: {
                const fp64 y14 = 0x0.0p0;
                const fp64 y17 = 0x0.0p0;
                const fp64 y18 = 0x1.dcd65p29;
                y[14] = y14;
                y[17] = y17;
                y[18] = y18;
                break;
            }
            case 6: {
                const fp64 v26 = subtract(0x1.0p0, y[22]);
                const fp64 v30 = t < 0x1.de2p15 ? 0x1.de2p15 : 0x1.437p16;
                const fp64 v32 = t < 0x1.fa4p14 ? 0x1.fa4p14 : v30;
                const fp64 v33 = t < 0x1.437p16 ? v32 : 0x1.dcd65p29;
                const fp64 v35 = p[12] == 0x1.0p1 ? v33 : 0x1.dcd65p29;
                const fp64 y22 = v26;
                const fp64 y23 = v35;
                y[22] = y22;
                y[23] = y23;
                break;
            }
            case 7: {
                const fp64 v28 = p[9] <= y[3] ? y[14] : 0x1.0p0;
                const fp64 v29 = add(t, p[8]);
                const fp64 v30 = p[9] <= y[3] ? y[18] : v29;
                const fp64 y14 = v28;
                const fp64 y18 = v30;
                y[14] = y14;
                y[18] = y18;
                break;
            }
            default: break;
        }
    }
};

template <>
struct Field<fp32> {
    static constexpr int DIMENSION = 24;
    static constexpr int PARAMETERS = 18;

    template <typename P>
    static __device__ __forceinline__ void evaluate(fp32 t, const fp32 (&y)[DIMENSION], const P& p,
                                                    fp32 (&slope)[DIMENSION]) {
        const fp32 v20 = subtract(y[0], p[3]);
        const fp32 v21 = multiply(p[2], v20);
        const fp32 v24 = y[15] == 0x1.0p0f ? p[6] : p[7];
        const fp32 v25 = y[15] == 0x1.0p0f ? p[4] : y[7];
        const fp32 v26 = subtract(p[5], v25);
        const fp32 v27 = v26 < v24 ? v26 : v24;
        const fp32 v28 = 0x0.0p0f < v27 ? v27 : 0x0.0p0f;
        const fp32 v29 = multiply(y[17], v28);
        const fp32 v30 = add(v25, v29);
        const fp32 v31 = subtract(v30, y[0]);
        const fp32 v32 = subtract(0x1.0p0f, y[15]);
        const fp32 v33 = multiply(y[14], v32);
        const fp32 v34 = multiply(p[1], v33);
        const fp32 v35 = fused(y[15], p[0], v34);
        const fp32 v36 = multiply(v31, v35);
        const fp32 v37 = subtract(v36, v21);
        const fp32 v38 = subtract(y[1], p[3]);
        const fp32 v39 = multiply(p[2], v38);
        const fp32 v40 = subtract(y[0], y[1]);
        const fp32 v41 = multiply(v35, v40);
        const fp32 v42 = subtract(v41, v39);
        const fp32 v43 = subtract(y[2], p[3]);
        const fp32 v44 = multiply(p[2], v43);
        const fp32 v45 = subtract(y[1], y[2]);
        const fp32 v46 = multiply(v35, v45);
        const fp32 v47 = subtract(v46, v44);
        const fp32 v48 = subtract(y[3], p[3]);
        const fp32 v49 = multiply(p[2], v48);
        const fp32 v50 = subtract(y[2], y[3]);
        const fp32 v51 = multiply(v35, v50);
        const fp32 v52 = subtract(v51, v49);
        const fp32 v53 = subtract(y[4], p[3]);
        const fp32 v54 = multiply(p[2], v53);
        const fp32 v55 = subtract(y[3], y[4]);
        const fp32 v56 = multiply(v34, v55);
        const fp32 v57 = subtract(v56, v54);
        const fp32 v58 = subtract(y[5], p[3]);
        const fp32 v59 = multiply(p[2], v58);
        const fp32 v60 = subtract(y[4], y[5]);
        const fp32 v61 = multiply(v34, v60);
        const fp32 v62 = subtract(v61, v59);
        const fp32 v63 = subtract(y[6], p[3]);
        const fp32 v64 = multiply(p[2], v63);
        const fp32 v65 = subtract(y[5], y[6]);
        const fp32 v66 = multiply(v34, v65);
        const fp32 v67 = subtract(v66, v64);
        const fp32 v68 = subtract(y[7], p[3]);
        const fp32 v69 = multiply(p[2], v68);
        const fp32 v70 = subtract(y[6], y[7]);
        const fp32 v71 = multiply(v34, v70);
        const fp32 v72 = subtract(v71, v69);
        const fp32 v73 = multiply(v29, v35);
        const fp32 v74 = add(v21, 0x0.0p0f);
        const fp32 v75 = add(v39, v74);
        const fp32 v76 = add(v44, v75);
        const fp32 v77 = add(v49, v76);
        const fp32 v78 = add(v54, v77);
        const fp32 v79 = add(v59, v78);
        const fp32 v80 = add(v64, v79);
        const fp32 v81 = add(v69, v80);
        const fp32 v82 = subtract(y[3], p[4]);
        const fp32 v83 = multiply(y[15], p[0]);
        const fp32 v84 = multiply(v82, v83);
        slope[0] = v37;
        slope[1] = v42;
        slope[2] = v47;
        slope[3] = v52;
        slope[4] = v57;
        slope[5] = v62;
        slope[6] = v67;
        slope[7] = v72;
        slope[8] = v73;
        slope[9] = v81;
        slope[10] = v84;
        slope[11] = y[16];
        slope[12] = y[15];
        slope[13] = v33;
        slope[14] = 0x0.0p0f;
        slope[15] = 0x0.0p0f;
        slope[16] = 0x0.0p0f;
        slope[17] = 0x0.0p0f;
        slope[18] = 0x0.0p0f;
        slope[19] = 0x0.0p0f;
        slope[20] = 0x0.0p0f;
        slope[21] = 0x0.0p0f;
        slope[22] = 0x0.0p0f;
        slope[23] = 0x0.0p0f;
    }
};

template <>
struct Events<fp32> {
    static constexpr int COUNT = 8;
    static constexpr EventSet RISING = 0xffull;
    static constexpr EventSet FALLING = 0x0ull;
    static constexpr EventSet TERMINAL = 0x0ull;
    static constexpr EventSet RESETTING = 0xffull;

    template <typename Y, typename P>
    static __device__ __forceinline__ fp32 function(int e, fp32 t, const Y& y, const P& p) {
        switch (e) {
            case 0: {
                const fp32 v2 = subtract(t, y[19]);
                return v2;
            }
            case 1: {
                const fp32 v4 = subtract(y[3], p[9]);
                const fp32 v6 = y[16] == 0x1.0p0f ? v4 : -0x1.0p0f;
                return v6;
            }
            case 2: {
                const fp32 v2 = subtract(t, y[20]);
                return v2;
            }
            case 3: {
                const fp32 v2 = subtract(t, y[18]);
                return v2;
            }
            case 4: {
                const fp32 v6 = subtract(p[10], y[3]);
                const fp32 v8 = subtract(0x1.0p0f, y[14]);
                const fp32 v9 = subtract(0x1.0p0f, y[15]);
                const fp32 v10 = multiply(y[22], v9);
                const fp32 v11 = multiply(v8, v10);
                const fp32 v12 = v11 == 0x1.0p0f ? v6 : -0x1.0p0f;
                return v12;
            }
            case 5: {
                const fp32 v4 = subtract(y[3], p[11]);
                const fp32 v6 = y[14] == 0x1.0p0f ? v4 : -0x1.0p0f;
                return v6;
            }
            case 6: {
                const fp32 v2 = subtract(t, y[23]);
                return v2;
            }
            case 7: {
                const fp32 v5 = add(t, p[13]);
                const fp32 v6 = subtract(v5, y[19]);
                const fp32 v8 = p[12] == 0x1.8p1f ? v6 : -0x1.0p0f;
                return v8;
            }
            default: return 0;
        }
    }

    template <typename P>
    static __device__ __forceinline__ void reset(int e, fp32 t, fp32 (&y)[24], const P& p) {
        switch (e) {
            case 0: {
                const fp32 v26 = p[9] <= y[3] ? 0x0.0p0f : 0x1.0p0f;
                const fp32 v27 = add(t, p[8]);
                const fp32 v28 = y[14] == 0x1.0p0f ? y[18] : v27;
                const fp32 v30 = y[17] == 0x1.0p0f ? 0x1.dcd65p29f : v28;
                const fp32 v31 = add(t, p[14]);
                const fp32 v32 = p[9] <= y[3] ? v31 : 0x1.dcd65p29f;
                const fp32 y14 = 0x0.0p0f;
                const fp32 y15 = 0x1.0p0f;
                const fp32 y16 = v26;
                const fp32 y18 = v30;
                const fp32 y19 = 0x1.dcd65p29f;
                const fp32 y20 = v32;
                y[14] = y14;
                y[15] = y15;
                y[16] = y16;
                y[18] = y18;
                y[19] = y19;
                y[20] = y20;
                break;
            }
            case 1: {
                const fp32 v25 = add(t, p[14]);
                const fp32 y16 = 0x0.0p0f;
                const fp32 y20 = v25;
                y[16] = y16;
                y[20] = y20;
                break;
            }
            case 2: {
                const fp32 v25 = add(t, 0x1.0p0f);
                const fp32 v26 = v25 < p[16] ? p[16] : v25;
                const fp32 v27 = add(y[21], 0x1.0p0f);
                const fp32 v28 = v27 == 0x1.0p0f ? v26 : 0x1.dcd65p29f;
                const fp32 v29 = v25 < p[17] ? p[17] : v25;
                const fp32 v31 = v27 == 0x1.0p1f ? v29 : v28;
                const fp32 y15 = 0x0.0p0f;
                const fp32 y17 = 0x0.0p0f;
                const fp32 y18 = 0x1.dcd65p29f;
                const fp32 y19 = v31;
                const fp32 y20 = 0x1.dcd65p29f;
                const fp32 y21 = v27;
                y[15] = y15;
                y[17] = y17;
                y[18] = y18;
                y[19] = y19;
                y[20] = y20;
                y[21] = y21;
                break;
            }
            case 3: {
                const fp32 y17 = 0x1.0p0f;
                const fp32 y18 = 0x1.dcd65p29f;
                y[17] = y17;
                y[18] = y18;
                break;
            }
            case 4: {
                const fp32 v25 = add(t, p[8]);
                const fp32 y14 = 0x1.0p0f;
                const fp32 y18 = v25;
                y[14] = y14;
                y[18] = y18;
                break;
            }
            case 5: {
                const fp32 y14 = 0x0.0p0f;
                const fp32 y17 = 0x0.0p0f;
                const fp32 y18 = 0x1.dcd65p29f;
                y[14] = y14;
                y[17] = y17;
                y[18] = y18;
                break;
            }
            case 6: {
                const fp32 v26 = subtract(0x1.0p0f, y[22]);
                const fp32 v30 = t < 0x1.de2p15f ? 0x1.de2p15f : 0x1.437p16f;
                const fp32 v32 = t < 0x1.fa4p14f ? 0x1.fa4p14f : v30;
                const fp32 v33 = t < 0x1.437p16f ? v32 : 0x1.dcd65p29f;
                const fp32 v35 = p[12] == 0x1.0p1f ? v33 : 0x1.dcd65p29f;
                const fp32 y22 = v26;
                const fp32 y23 = v35;
                y[22] = y22;
                y[23] = y23;
                break;
            }
            case 7: {
                const fp32 v28 = p[9] <= y[3] ? y[14] : 0x1.0p0f;
                const fp32 v29 = add(t, p[8]);
                const fp32 v30 = p[9] <= y[3] ? y[18] : v29;
                const fp32 y14 = v28;
                const fp32 y18 = v30;
                y[14] = y14;
                y[18] = y18;
                break;
            }
            default: break;
        }
    }
};

QUERN_ODE_KERNELS(QUERN_PART, hotwater, QUERN_TYPE)

}  // namespace ode
}  // namespace quern
