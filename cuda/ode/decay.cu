// Written by io.quern.ode.CudaSource, and held to it by CudaSourceTest, which also renews it.
// clang-format off
#include "solve.cuh"

struct ode_decay_fixed_runge_kutta_4_fp64_steps {
    using Number = double;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 2;

    template <typename P>
    static __device__ __forceinline__ void step(Number (&carried)[CARRIED], Number start, Number h, const P& p) {
        using namespace quern::ode;
        const Number c1 = carried[1];
        const Number c0 = carried[0];
        const Number v5 = add(c0, 0x1.0p0);
        const Number v6 = multiply(c1, p[0]);
        const Number v7 = -(v6);
        const Number v9 = multiply(h, 0x1.0p-1);
        const Number v10 = fused(v7, v9, c1);
        const Number v11 = multiply(p[0], v10);
        const Number v12 = -(v11);
        const Number v13 = fused(v9, v12, c1);
        const Number v14 = multiply(p[0], v13);
        const Number v15 = -(v14);
        const Number v16 = multiply(h, 0x1.0p0);
        const Number v17 = fused(v15, v16, c1);
        const Number v18 = multiply(p[0], v17);
        const Number v19 = -(v18);
        const Number v21 = multiply(h, 0x1.5555555555555p-3);
        const Number v22 = add(v7, v19);
        const Number v23 = add(v12, v15);
        const Number v25 = fused(v23, 0x1.0p1, v22);
        const Number v26 = fused(v21, v25, c1);
        carried[0] = v5;
        carried[1] = v26;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_fixed_runge_kutta_4_fp64(
    const double* state, const double* parameters, const double* start, const double* target, double* out,
    quern::ode::Index stateStride, quern::ode::Index parameterStride, quern::ode::Index parameterStep,
    quern::ode::Index outStride, quern::ode::Index batch, double startOfAll, double targetOfAll, int steps,
    int sized) {
    quern::ode::solveFixed<ode_decay_fixed_runge_kutta_4_fp64_steps>(state, parameters, start, target, out, stateStride, parameterStride,
                                       parameterStep, outStride, batch, startOfAll, targetOfAll, steps, sized);
}

struct ode_decay_adaptive_bogacki_shampine_3_2_fp64_steps {
    using Number = double;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 10;
    static constexpr int T = 0;
    static constexpr int ACCEPTED = 4;
    static constexpr int REJECTED = 5;
    static constexpr int STATUS = 6;
    static constexpr int LAST_STEP = 7;
    static constexpr int Y = 8;
    static constexpr int EVALUATIONS = 3;

    template <typename P>
    static __device__ __forceinline__ void begin(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v8 = magnitude(c8);
        const Number v11 = fused(v8, settings.relative[0], settings.absolute[0]);
        const Number v12 = divide(c8, v11);
        const Number v13 = divide(v5, v11);
        const Number v14 = multiply(v12, v12);
        const Number v16 = multiply(v14, 0x1.0p0);
        const Number v17 = root(v16);
        const Number v18 = multiply(v13, v13);
        const Number v19 = multiply(0x1.0p0, v18);
        const Number v20 = root(v19);
        const Number v24 = multiply(v17, 0x1.47ae147ae147bp-7);
        const Number v25 = divide(v24, v20);
        const Number v26 = v20 < 0x1.4f8b588e368f1p-17 ? 0x1.0c6f7a0b5ed8dp-20 : v25;
        const Number v27 = v17 < 0x1.4f8b588e368f1p-17 ? 0x1.0c6f7a0b5ed8dp-20 : v26;
        const Number v28 = v27 < v7 ? v27 : v7;
        const Number v29 = -(v28);
        const Number v30 = c0 <= end ? v28 : v29;
        const Number v31 = fused(v5, v30, c8);
        const Number v32 = multiply(p[0], v31);
        const Number v33 = -(v32);
        const Number v34 = subtract(v33, v5);
        const Number v35 = divide(v34, v11);
        const Number v36 = multiply(v35, v35);
        const Number v37 = multiply(0x1.0p0, v36);
        const Number v38 = root(v37);
        const Number v39 = divide(v38, v28);
        const Number v40 = v20 < v39 ? v39 : v20;
        const Number v42 = multiply(v28, 0x1.0624dd2f1a9fcp-10);
        const Number v43 = v42 < 0x1.0c6f7a0b5ed8dp-20 ? 0x1.0c6f7a0b5ed8dp-20 : v42;
        const Number v47 = v40 < 0x1.0p100 ? v40 : 0x1.0p100;
        const Number v48 = v47 < 0x1.0p-100 ? 0x1.0p-100 : v47;
        const Number v49 = exponentOf(v48);
        const Number v51 = subtract(v49, 0x1.00000000003ffp52);
        const Number v52 = significandOf(v48);
        const Number v54 = subtract(v52, 0x1.8p0);
        const Number v57 = fused(v54, 0x1.d92e74p-7, -0x1.9b679p-6);
        const Number v59 = fused(v54, v57, 0x1.341adcp-5);
        const Number v61 = fused(v54, v59, -0x1.2127c2p-4);
        const Number v63 = fused(v54, v61, 0x1.23db4p-3);
        const Number v65 = fused(v54, v63, -0x1.4853bap-2);
        const Number v67 = fused(v54, v65, 0x1.ec7098p-1);
        const Number v69 = fused(v54, v67, 0x1.2b803ep-1);
        const Number v70 = add(v51, v69);
        const Number v71 = subtract(-0x1.a934f0979a371p2, v70);
        const Number v73 = multiply(v71, 0x1.5555555555555p-2);
        const Number v75 = add(v73, 0x1.8p52);
        const Number v76 = subtract(v75, 0x1.8p52);
        const Number v77 = subtract(v73, v76);
        const Number v80 = fused(v77, 0x1.4424bp-13, 0x1.5f0dccp-10);
        const Number v82 = fused(v77, v80, 0x1.3b2a48p-7);
        const Number v84 = fused(v77, v82, 0x1.c6af72p-5);
        const Number v86 = fused(v77, v84, 0x1.ebfbep-3);
        const Number v88 = fused(v77, v86, 0x1.62e43p-1);
        const Number v89 = fused(v77, v88, 0x1.0p0);
        const Number v90 = powerOfTwo(v75);
        const Number v91 = multiply(v89, v90);
        const Number v93 = v40 <= 0x1.203af9ee75616p-50 ? v43 : v91;
        const Number v95 = multiply(v28, 0x1.9p6);
        const Number v96 = v93 < v95 ? v93 : v95;
        const Number v98 = v96 < settings.most ? v96 : settings.most;
        const Number v99 = v98 < v7 ? v98 : v7;
        const Number v101 = -(v99);
        const Number v102 = c0 <= end ? v99 : v101;
        carried[0] = c0;
        carried[1] = v102;
        carried[2] = -0x1.a934f0979a371p3;
        carried[3] = 0x1.0p0;
        carried[4] = 0x0.0p0;
        carried[5] = 0x0.0p0;
        carried[6] = 0x0.0p0;
        carried[7] = 0x0.0p0;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void beginAtGivenStep(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v10 = settings.first < settings.most ? settings.first : settings.most;
        const Number v11 = v10 < v7 ? v10 : v7;
        const Number v13 = -(v11);
        const Number v14 = c0 <= end ? v11 : v13;
        carried[0] = c0;
        carried[1] = v14;
        carried[2] = -0x1.a934f0979a371p3;
        carried[3] = 0x1.0p0;
        carried[4] = 0x0.0p0;
        carried[5] = 0x0.0p0;
        carried[6] = 0x0.0p0;
        carried[7] = 0x0.0p0;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void attempt(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number c1 = carried[1];
        const Number v7 = subtract(end, c0);
        const Number v8 = magnitude(c1);
        const Number v10 = multiply(v8, 0x1.028f5c28f5c29p0);
        const Number v11 = magnitude(v7);
        const Number v12 = v11 <= v10 ? v7 : c1;
        const Number v13 = add(c0, v12);
        const Number v14 = v11 <= v10 ? end : v13;
        const Number c9 = carried[9];
        const Number v17 = multiply(v12, 0x1.0p-1);
        const Number v18 = fused(c9, v17, c8);
        const Number v19 = multiply(p[0], v18);
        const Number v20 = -(v19);
        const Number v22 = multiply(v12, 0x1.8p-1);
        const Number v23 = fused(v20, v22, c8);
        const Number v24 = multiply(p[0], v23);
        const Number v25 = -(v24);
        const Number v27 = multiply(v12, 0x1.c71c71c71c71cp-3);
        const Number v29 = fused(v20, 0x1.8p0, c9);
        const Number v31 = fused(v25, 0x1.0p1, v29);
        const Number v32 = fused(v27, v31, c8);
        const Number v33 = multiply(p[0], v32);
        const Number v34 = -(v33);
        const Number v35 = magnitude(c8);
        const Number v36 = magnitude(v32);
        const Number v37 = v35 < v36 ? v36 : v35;
        const Number v39 = fused(v20, -0x1.3333333333333p0, c9);
        const Number v41 = fused(v25, -0x1.9999999999999p0, v39);
        const Number v43 = fused(v34, 0x1.cccccccccccccp0, v41);
        const Number v46 = fused(v37, settings.relative[0], settings.absolute[0]);
        const Number v47 = divide(v43, v46);
        const Number v49 = multiply(v12, -0x1.1c71c71c71c72p-4);
        const Number v50 = multiply(v47, v47);
        const Number v51 = multiply(0x1.0p0, v50);
        const Number v52 = multiply(v49, v49);
        const Number v53 = multiply(v51, v52);
        const Number v56 = v53 < 0x1.0p100 ? v53 : 0x1.0p100;
        const Number v57 = v56 < 0x1.0p-100 ? 0x1.0p-100 : v56;
        const Number v58 = exponentOf(v57);
        const Number v60 = subtract(v58, 0x1.00000000003ffp52);
        const Number v61 = significandOf(v57);
        const Number v62 = subtract(v61, 0x1.8p0);
        const Number v65 = fused(v62, 0x1.d92e74p-7, -0x1.9b679p-6);
        const Number v67 = fused(v62, v65, 0x1.341adcp-5);
        const Number v69 = fused(v62, v67, -0x1.2127c2p-4);
        const Number v71 = fused(v62, v69, 0x1.23db4p-3);
        const Number v73 = fused(v62, v71, -0x1.4853bap-2);
        const Number v75 = fused(v62, v73, 0x1.ec7098p-1);
        const Number v77 = fused(v62, v75, 0x1.2b803ep-1);
        const Number v78 = add(v60, v77);
        const Number v79 = multiply(0x1.0p-1, v78);
        const Number c3 = carried[3];
        const Number v82 = multiply(c3, 0x1.a934f0979a372p1);
        const Number c2 = carried[2];
        const Number v86 = fused(0x1.1111111111111p-3, c2, -0x1.374d65d9e608ep-3);
        const Number v88 = fused(v79, -0x1.ddddddddddddep-3, v86);
        const Number v90 = v88 < -0x1.2934f0979a371p1 ? -0x1.2934f0979a371p1 : v88;
        const Number v91 = v82 < v90 ? v82 : v90;
        const Number v93 = fused(v79, -0x1.5555555555555p-2, -0x1.374d65d9e608ep-3);
        const Number v94 = v93 < -0x1.2934f0979a371p1 ? -0x1.2934f0979a371p1 : v93;
        const Number v95 = v53 <= 0x1.0p0 ? v91 : v94;
        const Number v97 = add(v95, 0x1.8p52);
        const Number v98 = subtract(v97, 0x1.8p52);
        const Number v99 = subtract(v95, v98);
        const Number v102 = fused(v99, 0x1.4424bp-13, 0x1.5f0dccp-10);
        const Number v104 = fused(v99, v102, 0x1.3b2a48p-7);
        const Number v106 = fused(v99, v104, 0x1.c6af72p-5);
        const Number v108 = fused(v99, v106, 0x1.ebfbep-3);
        const Number v110 = fused(v99, v108, 0x1.62e43p-1);
        const Number v111 = fused(v99, v110, 0x1.0p0);
        const Number v112 = powerOfTwo(v97);
        const Number v113 = multiply(v111, v112);
        const Number v114 = multiply(v12, v113);
        const Number v115 = magnitude(v114);
        const Number v118 = -(settings.most);
        const Number v119 = v12 < 0x0.0p0 ? v118 : settings.most;
        const Number v120 = settings.most < v115 ? v119 : v114;
        const Number v121 = -(settings.least);
        const Number v122 = v12 < 0x0.0p0 ? v121 : settings.least;
        const Number v123 = v115 < settings.least ? v122 : v120;
        const Number c4 = carried[4];
        const Number v126 = add(0x1.0p0, c4);
        const Number c5 = carried[5];
        const Number v128 = add(0x1.0p0, c5);
        const Number v129 = add(v126, c5);
        const Number v132 = settings.budget <= v129 ? 0x1.8p1 : 0x0.0p0;
        const Number v133 = subtract(v53, v53);
        const Number v136 = v133 == 0x0.0p0 ? 0x1.0p2 : 0x1.4p2;
        const Number v137 = add(c0, v114);
        const Number v138 = v137 == c0 ? v136 : v132;
        const Number v139 = v115 < settings.least ? v136 : v138;
        const Number v140 = v11 <= v10 ? 0x1.0p0 : v132;
        const Number v141 = v53 <= 0x1.0p0 ? v140 : v139;
        const Number c6 = carried[6];
        const Number v143 = v53 <= 0x1.0p0 ? v14 : c0;
        const Number v144 = v53 <= 0x1.0p0 ? v123 : v114;
        const Number v145 = v79 < -0x1.a934f0979a371p3 ? -0x1.a934f0979a371p3 : v79;
        const Number v146 = v53 <= 0x1.0p0 ? v145 : c2;
        const Number v147 = v53 <= 0x1.0p0 ? 0x1.0p0 : 0x0.0p0;
        const Number v148 = v53 <= 0x1.0p0 ? v126 : c4;
        const Number v149 = v53 <= 0x1.0p0 ? c5 : v128;
        const Number v150 = c6 < 0x0.0p0 ? c6 : v141;
        const Number c7 = carried[7];
        const Number v152 = v53 <= 0x1.0p0 ? v12 : c7;
        const Number v153 = v53 <= 0x1.0p0 ? v32 : c8;
        const Number v154 = v53 <= 0x1.0p0 ? v34 : c9;
        carried[0] = v143;
        carried[1] = v144;
        carried[2] = v146;
        carried[3] = v147;
        carried[4] = v148;
        carried[5] = v149;
        carried[6] = v150;
        carried[7] = v152;
        carried[8] = v153;
        carried[9] = v154;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_adaptive_bogacki_shampine_3_2_fp64(
    const double* state, const double* parameters, const double* start, const double* end, double* out,
    int* statistics, double* lastStep, quern::ode::Index stateStride, quern::ode::Index parameterStride,
    quern::ode::Index parameterStep, quern::ode::Index outStride, quern::ode::Index statisticsStride,
    quern::ode::Index batch, quern::ode::Index share, double startOfAll, double endOfAll, int firstGiven,
    const quern::ode::Settings<double, 1> settings) {
    quern::ode::solveAdaptive<ode_decay_adaptive_bogacki_shampine_3_2_fp64_steps>(state, parameters, start, end, out, statistics, lastStep,
                                          stateStride, parameterStride, parameterStep, outStride,
                                          statisticsStride, batch, share, startOfAll, endOfAll, firstGiven,
                                          settings);
}

struct ode_decay_adaptive_dormand_prince_5_4_fp64_steps {
    using Number = double;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 10;
    static constexpr int T = 0;
    static constexpr int ACCEPTED = 4;
    static constexpr int REJECTED = 5;
    static constexpr int STATUS = 6;
    static constexpr int LAST_STEP = 7;
    static constexpr int Y = 8;
    static constexpr int EVALUATIONS = 6;

    template <typename P>
    static __device__ __forceinline__ void begin(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v8 = magnitude(c8);
        const Number v11 = fused(v8, settings.relative[0], settings.absolute[0]);
        const Number v12 = divide(c8, v11);
        const Number v13 = divide(v5, v11);
        const Number v14 = multiply(v12, v12);
        const Number v16 = multiply(v14, 0x1.0p0);
        const Number v17 = root(v16);
        const Number v18 = multiply(v13, v13);
        const Number v19 = multiply(0x1.0p0, v18);
        const Number v20 = root(v19);
        const Number v24 = multiply(v17, 0x1.47ae147ae147bp-7);
        const Number v25 = divide(v24, v20);
        const Number v26 = v20 < 0x1.4f8b588e368f1p-17 ? 0x1.0c6f7a0b5ed8dp-20 : v25;
        const Number v27 = v17 < 0x1.4f8b588e368f1p-17 ? 0x1.0c6f7a0b5ed8dp-20 : v26;
        const Number v28 = v27 < v7 ? v27 : v7;
        const Number v29 = -(v28);
        const Number v30 = c0 <= end ? v28 : v29;
        const Number v31 = fused(v5, v30, c8);
        const Number v32 = multiply(p[0], v31);
        const Number v33 = -(v32);
        const Number v34 = subtract(v33, v5);
        const Number v35 = divide(v34, v11);
        const Number v36 = multiply(v35, v35);
        const Number v37 = multiply(0x1.0p0, v36);
        const Number v38 = root(v37);
        const Number v39 = divide(v38, v28);
        const Number v40 = v20 < v39 ? v39 : v20;
        const Number v42 = multiply(v28, 0x1.0624dd2f1a9fcp-10);
        const Number v43 = v42 < 0x1.0c6f7a0b5ed8dp-20 ? 0x1.0c6f7a0b5ed8dp-20 : v42;
        const Number v47 = v40 < 0x1.0p100 ? v40 : 0x1.0p100;
        const Number v48 = v47 < 0x1.0p-100 ? 0x1.0p-100 : v47;
        const Number v49 = exponentOf(v48);
        const Number v51 = subtract(v49, 0x1.00000000003ffp52);
        const Number v52 = significandOf(v48);
        const Number v54 = subtract(v52, 0x1.8p0);
        const Number v57 = fused(v54, 0x1.d92e74p-7, -0x1.9b679p-6);
        const Number v59 = fused(v54, v57, 0x1.341adcp-5);
        const Number v61 = fused(v54, v59, -0x1.2127c2p-4);
        const Number v63 = fused(v54, v61, 0x1.23db4p-3);
        const Number v65 = fused(v54, v63, -0x1.4853bap-2);
        const Number v67 = fused(v54, v65, 0x1.ec7098p-1);
        const Number v69 = fused(v54, v67, 0x1.2b803ep-1);
        const Number v70 = add(v51, v69);
        const Number v71 = subtract(-0x1.a934f0979a371p2, v70);
        const Number v73 = multiply(v71, 0x1.999999999999ap-3);
        const Number v75 = add(v73, 0x1.8p52);
        const Number v76 = subtract(v75, 0x1.8p52);
        const Number v77 = subtract(v73, v76);
        const Number v80 = fused(v77, 0x1.4424bp-13, 0x1.5f0dccp-10);
        const Number v82 = fused(v77, v80, 0x1.3b2a48p-7);
        const Number v84 = fused(v77, v82, 0x1.c6af72p-5);
        const Number v86 = fused(v77, v84, 0x1.ebfbep-3);
        const Number v88 = fused(v77, v86, 0x1.62e43p-1);
        const Number v89 = fused(v77, v88, 0x1.0p0);
        const Number v90 = powerOfTwo(v75);
        const Number v91 = multiply(v89, v90);
        const Number v93 = v40 <= 0x1.203af9ee75616p-50 ? v43 : v91;
        const Number v95 = multiply(v28, 0x1.9p6);
        const Number v96 = v93 < v95 ? v93 : v95;
        const Number v98 = v96 < settings.most ? v96 : settings.most;
        const Number v99 = v98 < v7 ? v98 : v7;
        const Number v101 = -(v99);
        const Number v102 = c0 <= end ? v99 : v101;
        carried[0] = c0;
        carried[1] = v102;
        carried[2] = -0x1.a934f0979a371p3;
        carried[3] = 0x1.0p0;
        carried[4] = 0x0.0p0;
        carried[5] = 0x0.0p0;
        carried[6] = 0x0.0p0;
        carried[7] = 0x0.0p0;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void beginAtGivenStep(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v10 = settings.first < settings.most ? settings.first : settings.most;
        const Number v11 = v10 < v7 ? v10 : v7;
        const Number v13 = -(v11);
        const Number v14 = c0 <= end ? v11 : v13;
        carried[0] = c0;
        carried[1] = v14;
        carried[2] = -0x1.a934f0979a371p3;
        carried[3] = 0x1.0p0;
        carried[4] = 0x0.0p0;
        carried[5] = 0x0.0p0;
        carried[6] = 0x0.0p0;
        carried[7] = 0x0.0p0;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void attempt(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number c1 = carried[1];
        const Number v7 = subtract(end, c0);
        const Number v8 = magnitude(c1);
        const Number v10 = multiply(v8, 0x1.028f5c28f5c29p0);
        const Number v11 = magnitude(v7);
        const Number v12 = v11 <= v10 ? v7 : c1;
        const Number v13 = add(c0, v12);
        const Number v14 = v11 <= v10 ? end : v13;
        const Number c9 = carried[9];
        const Number v17 = multiply(v12, 0x1.999999999999ap-3);
        const Number v18 = fused(c9, v17, c8);
        const Number v19 = multiply(p[0], v18);
        const Number v20 = -(v19);
        const Number v22 = multiply(v12, 0x1.3333333333333p-4);
        const Number v24 = fused(v20, 0x1.8p1, c9);
        const Number v25 = fused(v22, v24, c8);
        const Number v26 = multiply(p[0], v25);
        const Number v27 = -(v26);
        const Number v29 = multiply(v12, 0x1.f49f49f49f49fp-1);
        const Number v31 = fused(v20, -0x1.e8ba2e8ba2e8cp1, c9);
        const Number v33 = fused(v27, 0x1.d1745d1745d17p1, v31);
        const Number v34 = fused(v29, v33, c8);
        const Number v35 = multiply(p[0], v34);
        const Number v36 = -(v35);
        const Number v38 = multiply(v12, 0x1.79eec0fc37181p1);
        const Number v40 = fused(v20, -0x1.f6b25955434a6p1, c9);
        const Number v42 = fused(v27, 0x1.a9d6a9e4321c7p1, v40);
        const Number v44 = fused(v36, -0x1.936d0cbd3cf28p-4, v42);
        const Number v45 = fused(v38, v44, c8);
        const Number v46 = multiply(p[0], v45);
        const Number v47 = -(v46);
        const Number v49 = multiply(v12, 0x1.6c52bf5a814bp1);
        const Number v51 = fused(v20, -0x1.e3c78f1e3c78fp1, c9);
        const Number v53 = fused(v27, 0x1.9087fe3ae99d1p1, v51);
        const Number v55 = fused(v36, 0x1.90a6b5fc3214dp-4, v53);
        const Number v57 = fused(v47, -0x1.89a1b85122b69p-4, v55);
        const Number v58 = fused(v49, v57, c8);
        const Number v59 = multiply(p[0], v58);
        const Number v60 = -(v59);
        const Number v62 = multiply(v12, 0x1.7555555555555p-4);
        const Number v64 = fused(v27, 0x1.3b70de62c5bep2, c9);
        const Number v66 = fused(v36, 0x1.c924924924925p2, v64);
        const Number v68 = fused(v47, -0x1.c4ba08011aa29p1, v66);
        const Number v70 = fused(v60, 0x1.6fcdd84b3b8f3p0, v68);
        const Number v71 = fused(v62, v70, c8);
        const Number v72 = multiply(p[0], v71);
        const Number v73 = -(v72);
        const Number v74 = magnitude(c8);
        const Number v75 = magnitude(v71);
        const Number v76 = v74 < v75 ? v75 : v74;
        const Number v78 = fused(v27, -0x1.b99e0423e1a39p1, c9);
        const Number v80 = fused(v36, 0x1.e000000000001p4, v78);
        const Number v82 = fused(v47, -0x1.4a1cfb2b78c14p5, v80);
        const Number v84 = fused(v60, 0x1.0ff7c2306b239p5, v82);
        const Number v86 = fused(v73, -0x1.4481cd8568904p4, v84);
        const Number v89 = fused(v76, settings.relative[0], settings.absolute[0]);
        const Number v90 = divide(v86, v89);
        const Number v92 = multiply(v12, 0x1.4320fedcba987p-10);
        const Number v93 = multiply(v90, v90);
        const Number v94 = multiply(0x1.0p0, v93);
        const Number v95 = multiply(v92, v92);
        const Number v96 = multiply(v94, v95);
        const Number v100 = v96 < 0x1.0p100 ? v96 : 0x1.0p100;
        const Number v101 = v100 < 0x1.0p-100 ? 0x1.0p-100 : v100;
        const Number v102 = exponentOf(v101);
        const Number v104 = subtract(v102, 0x1.00000000003ffp52);
        const Number v105 = significandOf(v101);
        const Number v107 = subtract(v105, 0x1.8p0);
        const Number v110 = fused(v107, 0x1.d92e74p-7, -0x1.9b679p-6);
        const Number v112 = fused(v107, v110, 0x1.341adcp-5);
        const Number v114 = fused(v107, v112, -0x1.2127c2p-4);
        const Number v116 = fused(v107, v114, 0x1.23db4p-3);
        const Number v118 = fused(v107, v116, -0x1.4853bap-2);
        const Number v120 = fused(v107, v118, 0x1.ec7098p-1);
        const Number v122 = fused(v107, v120, 0x1.2b803ep-1);
        const Number v123 = add(v104, v122);
        const Number v124 = multiply(0x1.0p-1, v123);
        const Number c3 = carried[3];
        const Number v127 = multiply(c3, 0x1.a934f0979a372p1);
        const Number c2 = carried[2];
        const Number v131 = fused(0x1.47ae147ae147bp-4, c2, -0x1.374d65d9e608ep-3);
        const Number v133 = fused(v124, -0x1.1eb851eb851ecp-3, v131);
        const Number v135 = v133 < -0x1.2934f0979a371p1 ? -0x1.2934f0979a371p1 : v133;
        const Number v136 = v127 < v135 ? v127 : v135;
        const Number v138 = fused(v124, -0x1.999999999999ap-3, -0x1.374d65d9e608ep-3);
        const Number v139 = v138 < -0x1.2934f0979a371p1 ? -0x1.2934f0979a371p1 : v138;
        const Number v140 = v96 <= 0x1.0p0 ? v136 : v139;
        const Number v142 = add(v140, 0x1.8p52);
        const Number v143 = subtract(v142, 0x1.8p52);
        const Number v144 = subtract(v140, v143);
        const Number v147 = fused(v144, 0x1.4424bp-13, 0x1.5f0dccp-10);
        const Number v149 = fused(v144, v147, 0x1.3b2a48p-7);
        const Number v151 = fused(v144, v149, 0x1.c6af72p-5);
        const Number v153 = fused(v144, v151, 0x1.ebfbep-3);
        const Number v155 = fused(v144, v153, 0x1.62e43p-1);
        const Number v156 = fused(v144, v155, 0x1.0p0);
        const Number v157 = powerOfTwo(v142);
        const Number v158 = multiply(v156, v157);
        const Number v159 = multiply(v12, v158);
        const Number v160 = magnitude(v159);
        const Number v163 = -(settings.most);
        const Number v164 = v12 < 0x0.0p0 ? v163 : settings.most;
        const Number v165 = settings.most < v160 ? v164 : v159;
        const Number v166 = -(settings.least);
        const Number v167 = v12 < 0x0.0p0 ? v166 : settings.least;
        const Number v168 = v160 < settings.least ? v167 : v165;
        const Number c4 = carried[4];
        const Number v171 = add(0x1.0p0, c4);
        const Number c5 = carried[5];
        const Number v173 = add(0x1.0p0, c5);
        const Number v174 = add(v171, c5);
        const Number v176 = settings.budget <= v174 ? 0x1.8p1 : 0x0.0p0;
        const Number v177 = subtract(v96, v96);
        const Number v180 = v177 == 0x0.0p0 ? 0x1.0p2 : 0x1.4p2;
        const Number v181 = add(c0, v159);
        const Number v182 = v181 == c0 ? v180 : v176;
        const Number v183 = v160 < settings.least ? v180 : v182;
        const Number v184 = v11 <= v10 ? 0x1.0p0 : v176;
        const Number v185 = v96 <= 0x1.0p0 ? v184 : v183;
        const Number c6 = carried[6];
        const Number v187 = v96 <= 0x1.0p0 ? v14 : c0;
        const Number v188 = v96 <= 0x1.0p0 ? v168 : v159;
        const Number v189 = v124 < -0x1.a934f0979a371p3 ? -0x1.a934f0979a371p3 : v124;
        const Number v190 = v96 <= 0x1.0p0 ? v189 : c2;
        const Number v191 = v96 <= 0x1.0p0 ? 0x1.0p0 : 0x0.0p0;
        const Number v192 = v96 <= 0x1.0p0 ? v171 : c4;
        const Number v193 = v96 <= 0x1.0p0 ? c5 : v173;
        const Number v194 = c6 < 0x0.0p0 ? c6 : v185;
        const Number c7 = carried[7];
        const Number v196 = v96 <= 0x1.0p0 ? v12 : c7;
        const Number v197 = v96 <= 0x1.0p0 ? v71 : c8;
        const Number v198 = v96 <= 0x1.0p0 ? v73 : c9;
        carried[0] = v187;
        carried[1] = v188;
        carried[2] = v190;
        carried[3] = v191;
        carried[4] = v192;
        carried[5] = v193;
        carried[6] = v194;
        carried[7] = v196;
        carried[8] = v197;
        carried[9] = v198;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_adaptive_dormand_prince_5_4_fp64(
    const double* state, const double* parameters, const double* start, const double* end, double* out,
    int* statistics, double* lastStep, quern::ode::Index stateStride, quern::ode::Index parameterStride,
    quern::ode::Index parameterStep, quern::ode::Index outStride, quern::ode::Index statisticsStride,
    quern::ode::Index batch, quern::ode::Index share, double startOfAll, double endOfAll, int firstGiven,
    const quern::ode::Settings<double, 1> settings) {
    quern::ode::solveAdaptive<ode_decay_adaptive_dormand_prince_5_4_fp64_steps>(state, parameters, start, end, out, statistics, lastStep,
                                          stateStride, parameterStride, parameterStep, outStride,
                                          statisticsStride, batch, share, startOfAll, endOfAll, firstGiven,
                                          settings);
}

struct ode_decay_adaptive_tsitouras_5_4_fp64_steps {
    using Number = double;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 10;
    static constexpr int T = 0;
    static constexpr int ACCEPTED = 4;
    static constexpr int REJECTED = 5;
    static constexpr int STATUS = 6;
    static constexpr int LAST_STEP = 7;
    static constexpr int Y = 8;
    static constexpr int EVALUATIONS = 6;

    template <typename P>
    static __device__ __forceinline__ void begin(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v8 = magnitude(c8);
        const Number v11 = fused(v8, settings.relative[0], settings.absolute[0]);
        const Number v12 = divide(c8, v11);
        const Number v13 = divide(v5, v11);
        const Number v14 = multiply(v12, v12);
        const Number v16 = multiply(v14, 0x1.0p0);
        const Number v17 = root(v16);
        const Number v18 = multiply(v13, v13);
        const Number v19 = multiply(0x1.0p0, v18);
        const Number v20 = root(v19);
        const Number v24 = multiply(v17, 0x1.47ae147ae147bp-7);
        const Number v25 = divide(v24, v20);
        const Number v26 = v20 < 0x1.4f8b588e368f1p-17 ? 0x1.0c6f7a0b5ed8dp-20 : v25;
        const Number v27 = v17 < 0x1.4f8b588e368f1p-17 ? 0x1.0c6f7a0b5ed8dp-20 : v26;
        const Number v28 = v27 < v7 ? v27 : v7;
        const Number v29 = -(v28);
        const Number v30 = c0 <= end ? v28 : v29;
        const Number v31 = fused(v5, v30, c8);
        const Number v32 = multiply(p[0], v31);
        const Number v33 = -(v32);
        const Number v34 = subtract(v33, v5);
        const Number v35 = divide(v34, v11);
        const Number v36 = multiply(v35, v35);
        const Number v37 = multiply(0x1.0p0, v36);
        const Number v38 = root(v37);
        const Number v39 = divide(v38, v28);
        const Number v40 = v20 < v39 ? v39 : v20;
        const Number v42 = multiply(v28, 0x1.0624dd2f1a9fcp-10);
        const Number v43 = v42 < 0x1.0c6f7a0b5ed8dp-20 ? 0x1.0c6f7a0b5ed8dp-20 : v42;
        const Number v47 = v40 < 0x1.0p100 ? v40 : 0x1.0p100;
        const Number v48 = v47 < 0x1.0p-100 ? 0x1.0p-100 : v47;
        const Number v49 = exponentOf(v48);
        const Number v51 = subtract(v49, 0x1.00000000003ffp52);
        const Number v52 = significandOf(v48);
        const Number v54 = subtract(v52, 0x1.8p0);
        const Number v57 = fused(v54, 0x1.d92e74p-7, -0x1.9b679p-6);
        const Number v59 = fused(v54, v57, 0x1.341adcp-5);
        const Number v61 = fused(v54, v59, -0x1.2127c2p-4);
        const Number v63 = fused(v54, v61, 0x1.23db4p-3);
        const Number v65 = fused(v54, v63, -0x1.4853bap-2);
        const Number v67 = fused(v54, v65, 0x1.ec7098p-1);
        const Number v69 = fused(v54, v67, 0x1.2b803ep-1);
        const Number v70 = add(v51, v69);
        const Number v71 = subtract(-0x1.a934f0979a371p2, v70);
        const Number v73 = multiply(v71, 0x1.999999999999ap-3);
        const Number v75 = add(v73, 0x1.8p52);
        const Number v76 = subtract(v75, 0x1.8p52);
        const Number v77 = subtract(v73, v76);
        const Number v80 = fused(v77, 0x1.4424bp-13, 0x1.5f0dccp-10);
        const Number v82 = fused(v77, v80, 0x1.3b2a48p-7);
        const Number v84 = fused(v77, v82, 0x1.c6af72p-5);
        const Number v86 = fused(v77, v84, 0x1.ebfbep-3);
        const Number v88 = fused(v77, v86, 0x1.62e43p-1);
        const Number v89 = fused(v77, v88, 0x1.0p0);
        const Number v90 = powerOfTwo(v75);
        const Number v91 = multiply(v89, v90);
        const Number v93 = v40 <= 0x1.203af9ee75616p-50 ? v43 : v91;
        const Number v95 = multiply(v28, 0x1.9p6);
        const Number v96 = v93 < v95 ? v93 : v95;
        const Number v98 = v96 < settings.most ? v96 : settings.most;
        const Number v99 = v98 < v7 ? v98 : v7;
        const Number v101 = -(v99);
        const Number v102 = c0 <= end ? v99 : v101;
        carried[0] = c0;
        carried[1] = v102;
        carried[2] = -0x1.a934f0979a371p3;
        carried[3] = 0x1.0p0;
        carried[4] = 0x0.0p0;
        carried[5] = 0x0.0p0;
        carried[6] = 0x0.0p0;
        carried[7] = 0x0.0p0;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void beginAtGivenStep(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v10 = settings.first < settings.most ? settings.first : settings.most;
        const Number v11 = v10 < v7 ? v10 : v7;
        const Number v13 = -(v11);
        const Number v14 = c0 <= end ? v11 : v13;
        carried[0] = c0;
        carried[1] = v14;
        carried[2] = -0x1.a934f0979a371p3;
        carried[3] = 0x1.0p0;
        carried[4] = 0x0.0p0;
        carried[5] = 0x0.0p0;
        carried[6] = 0x0.0p0;
        carried[7] = 0x0.0p0;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void attempt(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number c1 = carried[1];
        const Number v7 = subtract(end, c0);
        const Number v8 = magnitude(c1);
        const Number v10 = multiply(v8, 0x1.028f5c28f5c29p0);
        const Number v11 = magnitude(v7);
        const Number v12 = v11 <= v10 ? v7 : c1;
        const Number v13 = add(c0, v12);
        const Number v14 = v11 <= v10 ? end : v13;
        const Number c9 = carried[9];
        const Number v17 = multiply(v12, 0x1.49ba5e353f7cfp-3);
        const Number v18 = fused(c9, v17, c8);
        const Number v19 = multiply(p[0], v18);
        const Number v20 = -(v19);
        const Number v22 = multiply(v12, -0x1.15e4e4fe8123ep-7);
        const Number v24 = fused(v20, -0x1.3c777b17881a3p5, c9);
        const Number v25 = fused(v22, v24, c8);
        const Number v26 = multiply(p[0], v25);
        const Number v27 = -(v26);
        const Number v29 = multiply(v12, 0x1.72d5e94fe3235p1);
        const Number v31 = fused(v20, -0x1.18f7fe80146a8p1, c9);
        const Number v33 = fused(v27, 0x1.8176bbb1573e3p0, v31);
        const Number v34 = fused(v29, v33, c8);
        const Number v35 = multiply(p[0], v34);
        const Number v36 = -(v35);
        const Number v38 = multiply(v12, 0x1.54daf827440c7p2);
        const Number v40 = fused(v20, -0x1.1a5e5dcf5d934p1, c9);
        const Number v42 = fused(v27, 0x1.684a58ea16215p0, v40);
        const Number v44 = fused(v36, -0x1.1c8b15e066053p-6, v42);
        const Number v45 = fused(v38, v44, c8);
        const Number v46 = multiply(p[0], v45);
        const Number v47 = -(v46);
        const Number v49 = multiply(v12, 0x1.772216029aa0ep2);
        const Number v51 = fused(v20, -0x1.1a29a678db8e3p1, c9);
        const Number v53 = fused(v27, 0x1.645c97e0d6375p0, v51);
        const Number v55 = fused(v36, -0x1.9030a9ff83407p-7, v53);
        const Number v57 = fused(v47, -0x1.3c125e49eebc8p-8, v55);
        const Number v58 = fused(v49, v57, c8);
        const Number v59 = multiply(p[0], v58);
        const Number v60 = -(v59);
        const Number v62 = multiply(v12, 0x1.8b1a71ed4a6eep-4);
        const Number v64 = fused(v20, 0x1.a8a0ebadd19eap-4, c9);
        const Number v66 = fused(v27, 0x1.3e65f28ac4917p2, v64);
        const Number v68 = fused(v36, 0x1.c9794b84485dbp3, v66);
        const Number v70 = fused(v47, -0x1.10dce14691535p5, v68);
        const Number v72 = fused(v60, 0x1.8199db4c8563cp4, v70);
        const Number v73 = fused(v62, v72, c8);
        const Number v74 = multiply(p[0], v73);
        const Number v75 = -(v74);
        const Number v76 = magnitude(c8);
        const Number v77 = magnitude(v73);
        const Number v78 = v76 < v77 ? v77 : v76;
        const Number v80 = fused(v20, 0x1.d5ad1da459e41p-2, c9);
        const Number v82 = fused(v27, -0x1.1b5b0c06106ffp2, v80);
        const Number v84 = fused(v36, 0x1.4530f61d19685p6, v82);
        const Number v86 = fused(v47, -0x1.472a37e69b846p8, v84);
        const Number v88 = fused(v60, 0x1.01590ff642f25p8, v86);
        const Number v90 = fused(v75, -0x1.106295c7d3974p3, v88);
        const Number v93 = fused(v78, settings.relative[0], settings.absolute[0]);
        const Number v94 = divide(v90, v93);
        const Number v96 = multiply(v12, -0x1.d29e8505f7d7fp-10);
        const Number v97 = multiply(v94, v94);
        const Number v98 = multiply(0x1.0p0, v97);
        const Number v99 = multiply(v96, v96);
        const Number v100 = multiply(v98, v99);
        const Number v104 = v100 < 0x1.0p100 ? v100 : 0x1.0p100;
        const Number v105 = v104 < 0x1.0p-100 ? 0x1.0p-100 : v104;
        const Number v106 = exponentOf(v105);
        const Number v108 = subtract(v106, 0x1.00000000003ffp52);
        const Number v109 = significandOf(v105);
        const Number v111 = subtract(v109, 0x1.8p0);
        const Number v114 = fused(v111, 0x1.d92e74p-7, -0x1.9b679p-6);
        const Number v116 = fused(v111, v114, 0x1.341adcp-5);
        const Number v118 = fused(v111, v116, -0x1.2127c2p-4);
        const Number v120 = fused(v111, v118, 0x1.23db4p-3);
        const Number v122 = fused(v111, v120, -0x1.4853bap-2);
        const Number v124 = fused(v111, v122, 0x1.ec7098p-1);
        const Number v126 = fused(v111, v124, 0x1.2b803ep-1);
        const Number v127 = add(v108, v126);
        const Number v128 = multiply(0x1.0p-1, v127);
        const Number c3 = carried[3];
        const Number v131 = multiply(c3, 0x1.a934f0979a372p1);
        const Number c2 = carried[2];
        const Number v135 = fused(0x1.47ae147ae147bp-4, c2, -0x1.374d65d9e608ep-3);
        const Number v137 = fused(v128, -0x1.1eb851eb851ecp-3, v135);
        const Number v139 = v137 < -0x1.2934f0979a371p1 ? -0x1.2934f0979a371p1 : v137;
        const Number v140 = v131 < v139 ? v131 : v139;
        const Number v142 = fused(v128, -0x1.999999999999ap-3, -0x1.374d65d9e608ep-3);
        const Number v143 = v142 < -0x1.2934f0979a371p1 ? -0x1.2934f0979a371p1 : v142;
        const Number v144 = v100 <= 0x1.0p0 ? v140 : v143;
        const Number v146 = add(v144, 0x1.8p52);
        const Number v147 = subtract(v146, 0x1.8p52);
        const Number v148 = subtract(v144, v147);
        const Number v151 = fused(v148, 0x1.4424bp-13, 0x1.5f0dccp-10);
        const Number v153 = fused(v148, v151, 0x1.3b2a48p-7);
        const Number v155 = fused(v148, v153, 0x1.c6af72p-5);
        const Number v157 = fused(v148, v155, 0x1.ebfbep-3);
        const Number v159 = fused(v148, v157, 0x1.62e43p-1);
        const Number v160 = fused(v148, v159, 0x1.0p0);
        const Number v161 = powerOfTwo(v146);
        const Number v162 = multiply(v160, v161);
        const Number v163 = multiply(v12, v162);
        const Number v164 = magnitude(v163);
        const Number v167 = -(settings.most);
        const Number v168 = v12 < 0x0.0p0 ? v167 : settings.most;
        const Number v169 = settings.most < v164 ? v168 : v163;
        const Number v170 = -(settings.least);
        const Number v171 = v12 < 0x0.0p0 ? v170 : settings.least;
        const Number v172 = v164 < settings.least ? v171 : v169;
        const Number c4 = carried[4];
        const Number v175 = add(0x1.0p0, c4);
        const Number c5 = carried[5];
        const Number v177 = add(0x1.0p0, c5);
        const Number v178 = add(v175, c5);
        const Number v181 = settings.budget <= v178 ? 0x1.8p1 : 0x0.0p0;
        const Number v182 = subtract(v100, v100);
        const Number v185 = v182 == 0x0.0p0 ? 0x1.0p2 : 0x1.4p2;
        const Number v186 = add(c0, v163);
        const Number v187 = v186 == c0 ? v185 : v181;
        const Number v188 = v164 < settings.least ? v185 : v187;
        const Number v189 = v11 <= v10 ? 0x1.0p0 : v181;
        const Number v190 = v100 <= 0x1.0p0 ? v189 : v188;
        const Number c6 = carried[6];
        const Number v192 = v100 <= 0x1.0p0 ? v14 : c0;
        const Number v193 = v100 <= 0x1.0p0 ? v172 : v163;
        const Number v194 = v128 < -0x1.a934f0979a371p3 ? -0x1.a934f0979a371p3 : v128;
        const Number v195 = v100 <= 0x1.0p0 ? v194 : c2;
        const Number v196 = v100 <= 0x1.0p0 ? 0x1.0p0 : 0x0.0p0;
        const Number v197 = v100 <= 0x1.0p0 ? v175 : c4;
        const Number v198 = v100 <= 0x1.0p0 ? c5 : v177;
        const Number v199 = c6 < 0x0.0p0 ? c6 : v190;
        const Number c7 = carried[7];
        const Number v201 = v100 <= 0x1.0p0 ? v12 : c7;
        const Number v202 = v100 <= 0x1.0p0 ? v73 : c8;
        const Number v203 = v100 <= 0x1.0p0 ? v75 : c9;
        carried[0] = v192;
        carried[1] = v193;
        carried[2] = v195;
        carried[3] = v196;
        carried[4] = v197;
        carried[5] = v198;
        carried[6] = v199;
        carried[7] = v201;
        carried[8] = v202;
        carried[9] = v203;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_adaptive_tsitouras_5_4_fp64(
    const double* state, const double* parameters, const double* start, const double* end, double* out,
    int* statistics, double* lastStep, quern::ode::Index stateStride, quern::ode::Index parameterStride,
    quern::ode::Index parameterStep, quern::ode::Index outStride, quern::ode::Index statisticsStride,
    quern::ode::Index batch, quern::ode::Index share, double startOfAll, double endOfAll, int firstGiven,
    const quern::ode::Settings<double, 1> settings) {
    quern::ode::solveAdaptive<ode_decay_adaptive_tsitouras_5_4_fp64_steps>(state, parameters, start, end, out, statistics, lastStep,
                                          stateStride, parameterStride, parameterStep, outStride,
                                          statisticsStride, batch, share, startOfAll, endOfAll, firstGiven,
                                          settings);
}

struct ode_decay_fixed_runge_kutta_4_fp32_steps {
    using Number = float;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 2;

    template <typename P>
    static __device__ __forceinline__ void step(Number (&carried)[CARRIED], Number start, Number h, const P& p) {
        using namespace quern::ode;
        const Number c1 = carried[1];
        const Number c0 = carried[0];
        const Number v5 = add(c0, 0x1.0p0f);
        const Number v6 = multiply(c1, p[0]);
        const Number v7 = -(v6);
        const Number v9 = multiply(h, 0x1.0p-1f);
        const Number v10 = fused(v7, v9, c1);
        const Number v11 = multiply(p[0], v10);
        const Number v12 = -(v11);
        const Number v13 = fused(v9, v12, c1);
        const Number v14 = multiply(p[0], v13);
        const Number v15 = -(v14);
        const Number v16 = multiply(h, 0x1.0p0f);
        const Number v17 = fused(v15, v16, c1);
        const Number v18 = multiply(p[0], v17);
        const Number v19 = -(v18);
        const Number v21 = multiply(h, 0x1.555556p-3f);
        const Number v22 = add(v7, v19);
        const Number v23 = add(v12, v15);
        const Number v25 = fused(v23, 0x1.0p1f, v22);
        const Number v26 = fused(v21, v25, c1);
        carried[0] = v5;
        carried[1] = v26;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_fixed_runge_kutta_4_fp32(
    const float* state, const float* parameters, const float* start, const float* target, float* out,
    quern::ode::Index stateStride, quern::ode::Index parameterStride, quern::ode::Index parameterStep,
    quern::ode::Index outStride, quern::ode::Index batch, double startOfAll, double targetOfAll, int steps,
    int sized) {
    quern::ode::solveFixed<ode_decay_fixed_runge_kutta_4_fp32_steps>(state, parameters, start, target, out, stateStride, parameterStride,
                                       parameterStep, outStride, batch, startOfAll, targetOfAll, steps, sized);
}

struct ode_decay_adaptive_bogacki_shampine_3_2_fp32_steps {
    using Number = float;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 10;
    static constexpr int T = 0;
    static constexpr int ACCEPTED = 4;
    static constexpr int REJECTED = 5;
    static constexpr int STATUS = 6;
    static constexpr int LAST_STEP = 7;
    static constexpr int Y = 8;
    static constexpr int EVALUATIONS = 3;

    template <typename P>
    static __device__ __forceinline__ void begin(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v8 = magnitude(c8);
        const Number v11 = fused(v8, settings.relative[0], settings.absolute[0]);
        const Number v12 = divide(c8, v11);
        const Number v13 = divide(v5, v11);
        const Number v14 = multiply(v12, v12);
        const Number v16 = multiply(v14, 0x1.0p0f);
        const Number v17 = root(v16);
        const Number v18 = multiply(v13, v13);
        const Number v19 = multiply(0x1.0p0f, v18);
        const Number v20 = root(v19);
        const Number v24 = multiply(v17, 0x1.47ae14p-7f);
        const Number v25 = divide(v24, v20);
        const Number v26 = v20 < 0x1.4f8b58p-17f ? 0x1.0c6f7ap-20f : v25;
        const Number v27 = v17 < 0x1.4f8b58p-17f ? 0x1.0c6f7ap-20f : v26;
        const Number v28 = v27 < v7 ? v27 : v7;
        const Number v29 = -(v28);
        const Number v30 = c0 <= end ? v28 : v29;
        const Number v31 = fused(v5, v30, c8);
        const Number v32 = multiply(p[0], v31);
        const Number v33 = -(v32);
        const Number v34 = subtract(v33, v5);
        const Number v35 = divide(v34, v11);
        const Number v36 = multiply(v35, v35);
        const Number v37 = multiply(0x1.0p0f, v36);
        const Number v38 = root(v37);
        const Number v39 = divide(v38, v28);
        const Number v40 = v20 < v39 ? v39 : v20;
        const Number v42 = multiply(v28, 0x1.0624dep-10f);
        const Number v43 = v42 < 0x1.0c6f7ap-20f ? 0x1.0c6f7ap-20f : v42;
        const Number v47 = v40 < 0x1.0p100f ? v40 : 0x1.0p100f;
        const Number v48 = v47 < 0x1.0p-100f ? 0x1.0p-100f : v47;
        const Number v49 = exponentOf(v48);
        const Number v51 = subtract(v49, 0x1.0000fep23f);
        const Number v52 = significandOf(v48);
        const Number v54 = subtract(v52, 0x1.8p0f);
        const Number v57 = fused(v54, 0x1.d92e74p-7f, -0x1.9b679p-6f);
        const Number v59 = fused(v54, v57, 0x1.341adcp-5f);
        const Number v61 = fused(v54, v59, -0x1.2127c2p-4f);
        const Number v63 = fused(v54, v61, 0x1.23db4p-3f);
        const Number v65 = fused(v54, v63, -0x1.4853bap-2f);
        const Number v67 = fused(v54, v65, 0x1.ec7098p-1f);
        const Number v69 = fused(v54, v67, 0x1.2b803ep-1f);
        const Number v70 = add(v51, v69);
        const Number v71 = subtract(-0x1.a934fp2f, v70);
        const Number v73 = multiply(v71, 0x1.555556p-2f);
        const Number v75 = add(v73, 0x1.8p23f);
        const Number v76 = subtract(v75, 0x1.8p23f);
        const Number v77 = subtract(v73, v76);
        const Number v80 = fused(v77, 0x1.4424bp-13f, 0x1.5f0dccp-10f);
        const Number v82 = fused(v77, v80, 0x1.3b2a48p-7f);
        const Number v84 = fused(v77, v82, 0x1.c6af72p-5f);
        const Number v86 = fused(v77, v84, 0x1.ebfbep-3f);
        const Number v88 = fused(v77, v86, 0x1.62e43p-1f);
        const Number v89 = fused(v77, v88, 0x1.0p0f);
        const Number v90 = powerOfTwo(v75);
        const Number v91 = multiply(v89, v90);
        const Number v93 = v40 <= 0x1.203afap-50f ? v43 : v91;
        const Number v95 = multiply(v28, 0x1.9p6f);
        const Number v96 = v93 < v95 ? v93 : v95;
        const Number v98 = v96 < settings.most ? v96 : settings.most;
        const Number v99 = v98 < v7 ? v98 : v7;
        const Number v101 = -(v99);
        const Number v102 = c0 <= end ? v99 : v101;
        carried[0] = c0;
        carried[1] = v102;
        carried[2] = -0x1.a934fp3f;
        carried[3] = 0x1.0p0f;
        carried[4] = 0x0.0p0f;
        carried[5] = 0x0.0p0f;
        carried[6] = 0x0.0p0f;
        carried[7] = 0x0.0p0f;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void beginAtGivenStep(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v10 = settings.first < settings.most ? settings.first : settings.most;
        const Number v11 = v10 < v7 ? v10 : v7;
        const Number v13 = -(v11);
        const Number v14 = c0 <= end ? v11 : v13;
        carried[0] = c0;
        carried[1] = v14;
        carried[2] = -0x1.a934fp3f;
        carried[3] = 0x1.0p0f;
        carried[4] = 0x0.0p0f;
        carried[5] = 0x0.0p0f;
        carried[6] = 0x0.0p0f;
        carried[7] = 0x0.0p0f;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void attempt(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number c1 = carried[1];
        const Number v7 = subtract(end, c0);
        const Number v8 = magnitude(c1);
        const Number v10 = multiply(v8, 0x1.028f5cp0f);
        const Number v11 = magnitude(v7);
        const Number v12 = v11 <= v10 ? v7 : c1;
        const Number v13 = add(c0, v12);
        const Number v14 = v11 <= v10 ? end : v13;
        const Number c9 = carried[9];
        const Number v17 = multiply(v12, 0x1.0p-1f);
        const Number v18 = fused(c9, v17, c8);
        const Number v19 = multiply(p[0], v18);
        const Number v20 = -(v19);
        const Number v22 = multiply(v12, 0x1.8p-1f);
        const Number v23 = fused(v20, v22, c8);
        const Number v24 = multiply(p[0], v23);
        const Number v25 = -(v24);
        const Number v27 = multiply(v12, 0x1.c71c72p-3f);
        const Number v29 = fused(v20, 0x1.8p0f, c9);
        const Number v31 = fused(v25, 0x1.0p1f, v29);
        const Number v32 = fused(v27, v31, c8);
        const Number v33 = multiply(p[0], v32);
        const Number v34 = -(v33);
        const Number v35 = magnitude(c8);
        const Number v36 = magnitude(v32);
        const Number v37 = v35 < v36 ? v36 : v35;
        const Number v39 = fused(v20, -0x1.333334p0f, c9);
        const Number v41 = fused(v25, -0x1.99999ap0f, v39);
        const Number v43 = fused(v34, 0x1.ccccccp0f, v41);
        const Number v46 = fused(v37, settings.relative[0], settings.absolute[0]);
        const Number v47 = divide(v43, v46);
        const Number v49 = multiply(v12, -0x1.1c71c8p-4f);
        const Number v50 = multiply(v47, v47);
        const Number v51 = multiply(0x1.0p0f, v50);
        const Number v52 = multiply(v49, v49);
        const Number v53 = multiply(v51, v52);
        const Number v56 = v53 < 0x1.0p100f ? v53 : 0x1.0p100f;
        const Number v57 = v56 < 0x1.0p-100f ? 0x1.0p-100f : v56;
        const Number v58 = exponentOf(v57);
        const Number v60 = subtract(v58, 0x1.0000fep23f);
        const Number v61 = significandOf(v57);
        const Number v62 = subtract(v61, 0x1.8p0f);
        const Number v65 = fused(v62, 0x1.d92e74p-7f, -0x1.9b679p-6f);
        const Number v67 = fused(v62, v65, 0x1.341adcp-5f);
        const Number v69 = fused(v62, v67, -0x1.2127c2p-4f);
        const Number v71 = fused(v62, v69, 0x1.23db4p-3f);
        const Number v73 = fused(v62, v71, -0x1.4853bap-2f);
        const Number v75 = fused(v62, v73, 0x1.ec7098p-1f);
        const Number v77 = fused(v62, v75, 0x1.2b803ep-1f);
        const Number v78 = add(v60, v77);
        const Number v79 = multiply(0x1.0p-1f, v78);
        const Number c3 = carried[3];
        const Number v82 = multiply(c3, 0x1.a934fp1f);
        const Number c2 = carried[2];
        const Number v86 = fused(0x1.111112p-3f, c2, -0x1.374d66p-3f);
        const Number v88 = fused(v79, -0x1.dddddep-3f, v86);
        const Number v90 = v88 < -0x1.2934fp1f ? -0x1.2934fp1f : v88;
        const Number v91 = v82 < v90 ? v82 : v90;
        const Number v93 = fused(v79, -0x1.555556p-2f, -0x1.374d66p-3f);
        const Number v94 = v93 < -0x1.2934fp1f ? -0x1.2934fp1f : v93;
        const Number v95 = v53 <= 0x1.0p0f ? v91 : v94;
        const Number v97 = add(v95, 0x1.8p23f);
        const Number v98 = subtract(v97, 0x1.8p23f);
        const Number v99 = subtract(v95, v98);
        const Number v102 = fused(v99, 0x1.4424bp-13f, 0x1.5f0dccp-10f);
        const Number v104 = fused(v99, v102, 0x1.3b2a48p-7f);
        const Number v106 = fused(v99, v104, 0x1.c6af72p-5f);
        const Number v108 = fused(v99, v106, 0x1.ebfbep-3f);
        const Number v110 = fused(v99, v108, 0x1.62e43p-1f);
        const Number v111 = fused(v99, v110, 0x1.0p0f);
        const Number v112 = powerOfTwo(v97);
        const Number v113 = multiply(v111, v112);
        const Number v114 = multiply(v12, v113);
        const Number v115 = magnitude(v114);
        const Number v118 = -(settings.most);
        const Number v119 = v12 < 0x0.0p0f ? v118 : settings.most;
        const Number v120 = settings.most < v115 ? v119 : v114;
        const Number v121 = -(settings.least);
        const Number v122 = v12 < 0x0.0p0f ? v121 : settings.least;
        const Number v123 = v115 < settings.least ? v122 : v120;
        const Number c4 = carried[4];
        const Number v126 = add(0x1.0p0f, c4);
        const Number c5 = carried[5];
        const Number v128 = add(0x1.0p0f, c5);
        const Number v129 = add(v126, c5);
        const Number v132 = settings.budget <= v129 ? 0x1.8p1f : 0x0.0p0f;
        const Number v133 = subtract(v53, v53);
        const Number v136 = v133 == 0x0.0p0f ? 0x1.0p2f : 0x1.4p2f;
        const Number v137 = add(c0, v114);
        const Number v138 = v137 == c0 ? v136 : v132;
        const Number v139 = v115 < settings.least ? v136 : v138;
        const Number v140 = v11 <= v10 ? 0x1.0p0f : v132;
        const Number v141 = v53 <= 0x1.0p0f ? v140 : v139;
        const Number c6 = carried[6];
        const Number v143 = v53 <= 0x1.0p0f ? v14 : c0;
        const Number v144 = v53 <= 0x1.0p0f ? v123 : v114;
        const Number v145 = v79 < -0x1.a934fp3f ? -0x1.a934fp3f : v79;
        const Number v146 = v53 <= 0x1.0p0f ? v145 : c2;
        const Number v147 = v53 <= 0x1.0p0f ? 0x1.0p0f : 0x0.0p0f;
        const Number v148 = v53 <= 0x1.0p0f ? v126 : c4;
        const Number v149 = v53 <= 0x1.0p0f ? c5 : v128;
        const Number v150 = c6 < 0x0.0p0f ? c6 : v141;
        const Number c7 = carried[7];
        const Number v152 = v53 <= 0x1.0p0f ? v12 : c7;
        const Number v153 = v53 <= 0x1.0p0f ? v32 : c8;
        const Number v154 = v53 <= 0x1.0p0f ? v34 : c9;
        carried[0] = v143;
        carried[1] = v144;
        carried[2] = v146;
        carried[3] = v147;
        carried[4] = v148;
        carried[5] = v149;
        carried[6] = v150;
        carried[7] = v152;
        carried[8] = v153;
        carried[9] = v154;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_adaptive_bogacki_shampine_3_2_fp32(
    const float* state, const float* parameters, const float* start, const float* end, float* out,
    int* statistics, float* lastStep, quern::ode::Index stateStride, quern::ode::Index parameterStride,
    quern::ode::Index parameterStep, quern::ode::Index outStride, quern::ode::Index statisticsStride,
    quern::ode::Index batch, quern::ode::Index share, double startOfAll, double endOfAll, int firstGiven,
    const quern::ode::Settings<float, 1> settings) {
    quern::ode::solveAdaptive<ode_decay_adaptive_bogacki_shampine_3_2_fp32_steps>(state, parameters, start, end, out, statistics, lastStep,
                                          stateStride, parameterStride, parameterStep, outStride,
                                          statisticsStride, batch, share, startOfAll, endOfAll, firstGiven,
                                          settings);
}

struct ode_decay_adaptive_dormand_prince_5_4_fp32_steps {
    using Number = float;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 10;
    static constexpr int T = 0;
    static constexpr int ACCEPTED = 4;
    static constexpr int REJECTED = 5;
    static constexpr int STATUS = 6;
    static constexpr int LAST_STEP = 7;
    static constexpr int Y = 8;
    static constexpr int EVALUATIONS = 6;

    template <typename P>
    static __device__ __forceinline__ void begin(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v8 = magnitude(c8);
        const Number v11 = fused(v8, settings.relative[0], settings.absolute[0]);
        const Number v12 = divide(c8, v11);
        const Number v13 = divide(v5, v11);
        const Number v14 = multiply(v12, v12);
        const Number v16 = multiply(v14, 0x1.0p0f);
        const Number v17 = root(v16);
        const Number v18 = multiply(v13, v13);
        const Number v19 = multiply(0x1.0p0f, v18);
        const Number v20 = root(v19);
        const Number v24 = multiply(v17, 0x1.47ae14p-7f);
        const Number v25 = divide(v24, v20);
        const Number v26 = v20 < 0x1.4f8b58p-17f ? 0x1.0c6f7ap-20f : v25;
        const Number v27 = v17 < 0x1.4f8b58p-17f ? 0x1.0c6f7ap-20f : v26;
        const Number v28 = v27 < v7 ? v27 : v7;
        const Number v29 = -(v28);
        const Number v30 = c0 <= end ? v28 : v29;
        const Number v31 = fused(v5, v30, c8);
        const Number v32 = multiply(p[0], v31);
        const Number v33 = -(v32);
        const Number v34 = subtract(v33, v5);
        const Number v35 = divide(v34, v11);
        const Number v36 = multiply(v35, v35);
        const Number v37 = multiply(0x1.0p0f, v36);
        const Number v38 = root(v37);
        const Number v39 = divide(v38, v28);
        const Number v40 = v20 < v39 ? v39 : v20;
        const Number v42 = multiply(v28, 0x1.0624dep-10f);
        const Number v43 = v42 < 0x1.0c6f7ap-20f ? 0x1.0c6f7ap-20f : v42;
        const Number v47 = v40 < 0x1.0p100f ? v40 : 0x1.0p100f;
        const Number v48 = v47 < 0x1.0p-100f ? 0x1.0p-100f : v47;
        const Number v49 = exponentOf(v48);
        const Number v51 = subtract(v49, 0x1.0000fep23f);
        const Number v52 = significandOf(v48);
        const Number v54 = subtract(v52, 0x1.8p0f);
        const Number v57 = fused(v54, 0x1.d92e74p-7f, -0x1.9b679p-6f);
        const Number v59 = fused(v54, v57, 0x1.341adcp-5f);
        const Number v61 = fused(v54, v59, -0x1.2127c2p-4f);
        const Number v63 = fused(v54, v61, 0x1.23db4p-3f);
        const Number v65 = fused(v54, v63, -0x1.4853bap-2f);
        const Number v67 = fused(v54, v65, 0x1.ec7098p-1f);
        const Number v69 = fused(v54, v67, 0x1.2b803ep-1f);
        const Number v70 = add(v51, v69);
        const Number v71 = subtract(-0x1.a934fp2f, v70);
        const Number v73 = multiply(v71, 0x1.99999ap-3f);
        const Number v75 = add(v73, 0x1.8p23f);
        const Number v76 = subtract(v75, 0x1.8p23f);
        const Number v77 = subtract(v73, v76);
        const Number v80 = fused(v77, 0x1.4424bp-13f, 0x1.5f0dccp-10f);
        const Number v82 = fused(v77, v80, 0x1.3b2a48p-7f);
        const Number v84 = fused(v77, v82, 0x1.c6af72p-5f);
        const Number v86 = fused(v77, v84, 0x1.ebfbep-3f);
        const Number v88 = fused(v77, v86, 0x1.62e43p-1f);
        const Number v89 = fused(v77, v88, 0x1.0p0f);
        const Number v90 = powerOfTwo(v75);
        const Number v91 = multiply(v89, v90);
        const Number v93 = v40 <= 0x1.203afap-50f ? v43 : v91;
        const Number v95 = multiply(v28, 0x1.9p6f);
        const Number v96 = v93 < v95 ? v93 : v95;
        const Number v98 = v96 < settings.most ? v96 : settings.most;
        const Number v99 = v98 < v7 ? v98 : v7;
        const Number v101 = -(v99);
        const Number v102 = c0 <= end ? v99 : v101;
        carried[0] = c0;
        carried[1] = v102;
        carried[2] = -0x1.a934fp3f;
        carried[3] = 0x1.0p0f;
        carried[4] = 0x0.0p0f;
        carried[5] = 0x0.0p0f;
        carried[6] = 0x0.0p0f;
        carried[7] = 0x0.0p0f;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void beginAtGivenStep(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v10 = settings.first < settings.most ? settings.first : settings.most;
        const Number v11 = v10 < v7 ? v10 : v7;
        const Number v13 = -(v11);
        const Number v14 = c0 <= end ? v11 : v13;
        carried[0] = c0;
        carried[1] = v14;
        carried[2] = -0x1.a934fp3f;
        carried[3] = 0x1.0p0f;
        carried[4] = 0x0.0p0f;
        carried[5] = 0x0.0p0f;
        carried[6] = 0x0.0p0f;
        carried[7] = 0x0.0p0f;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void attempt(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number c1 = carried[1];
        const Number v7 = subtract(end, c0);
        const Number v8 = magnitude(c1);
        const Number v10 = multiply(v8, 0x1.028f5cp0f);
        const Number v11 = magnitude(v7);
        const Number v12 = v11 <= v10 ? v7 : c1;
        const Number v13 = add(c0, v12);
        const Number v14 = v11 <= v10 ? end : v13;
        const Number c9 = carried[9];
        const Number v17 = multiply(v12, 0x1.99999ap-3f);
        const Number v18 = fused(c9, v17, c8);
        const Number v19 = multiply(p[0], v18);
        const Number v20 = -(v19);
        const Number v22 = multiply(v12, 0x1.333334p-4f);
        const Number v24 = fused(v20, 0x1.8p1f, c9);
        const Number v25 = fused(v22, v24, c8);
        const Number v26 = multiply(p[0], v25);
        const Number v27 = -(v26);
        const Number v29 = multiply(v12, 0x1.f49f4ap-1f);
        const Number v31 = fused(v20, -0x1.e8ba2ep1f, c9);
        const Number v33 = fused(v27, 0x1.d1745ep1f, v31);
        const Number v34 = fused(v29, v33, c8);
        const Number v35 = multiply(p[0], v34);
        const Number v36 = -(v35);
        const Number v38 = multiply(v12, 0x1.79eecp1f);
        const Number v40 = fused(v20, -0x1.f6b25ap1f, c9);
        const Number v42 = fused(v27, 0x1.a9d6aap1f, v40);
        const Number v44 = fused(v36, -0x1.936d0cp-4f, v42);
        const Number v45 = fused(v38, v44, c8);
        const Number v46 = multiply(p[0], v45);
        const Number v47 = -(v46);
        const Number v49 = multiply(v12, 0x1.6c52cp1f);
        const Number v51 = fused(v20, -0x1.e3c79p1f, c9);
        const Number v53 = fused(v27, 0x1.9087fep1f, v51);
        const Number v55 = fused(v36, 0x1.90a6b6p-4f, v53);
        const Number v57 = fused(v47, -0x1.89a1b8p-4f, v55);
        const Number v58 = fused(v49, v57, c8);
        const Number v59 = multiply(p[0], v58);
        const Number v60 = -(v59);
        const Number v62 = multiply(v12, 0x1.755556p-4f);
        const Number v64 = fused(v27, 0x1.3b70dep2f, c9);
        const Number v66 = fused(v36, 0x1.c92492p2f, v64);
        const Number v68 = fused(v47, -0x1.c4ba08p1f, v66);
        const Number v70 = fused(v60, 0x1.6fcdd8p0f, v68);
        const Number v71 = fused(v62, v70, c8);
        const Number v72 = multiply(p[0], v71);
        const Number v73 = -(v72);
        const Number v74 = magnitude(c8);
        const Number v75 = magnitude(v71);
        const Number v76 = v74 < v75 ? v75 : v74;
        const Number v78 = fused(v27, -0x1.b99e04p1f, c9);
        const Number v80 = fused(v36, 0x1.ep4f, v78);
        const Number v82 = fused(v47, -0x1.4a1cfcp5f, v80);
        const Number v84 = fused(v60, 0x1.0ff7c2p5f, v82);
        const Number v86 = fused(v73, -0x1.4481cep4f, v84);
        const Number v89 = fused(v76, settings.relative[0], settings.absolute[0]);
        const Number v90 = divide(v86, v89);
        const Number v92 = multiply(v12, 0x1.4320fep-10f);
        const Number v93 = multiply(v90, v90);
        const Number v94 = multiply(0x1.0p0f, v93);
        const Number v95 = multiply(v92, v92);
        const Number v96 = multiply(v94, v95);
        const Number v100 = v96 < 0x1.0p100f ? v96 : 0x1.0p100f;
        const Number v101 = v100 < 0x1.0p-100f ? 0x1.0p-100f : v100;
        const Number v102 = exponentOf(v101);
        const Number v104 = subtract(v102, 0x1.0000fep23f);
        const Number v105 = significandOf(v101);
        const Number v107 = subtract(v105, 0x1.8p0f);
        const Number v110 = fused(v107, 0x1.d92e74p-7f, -0x1.9b679p-6f);
        const Number v112 = fused(v107, v110, 0x1.341adcp-5f);
        const Number v114 = fused(v107, v112, -0x1.2127c2p-4f);
        const Number v116 = fused(v107, v114, 0x1.23db4p-3f);
        const Number v118 = fused(v107, v116, -0x1.4853bap-2f);
        const Number v120 = fused(v107, v118, 0x1.ec7098p-1f);
        const Number v122 = fused(v107, v120, 0x1.2b803ep-1f);
        const Number v123 = add(v104, v122);
        const Number v124 = multiply(0x1.0p-1f, v123);
        const Number c3 = carried[3];
        const Number v127 = multiply(c3, 0x1.a934fp1f);
        const Number c2 = carried[2];
        const Number v131 = fused(0x1.47ae14p-4f, c2, -0x1.374d66p-3f);
        const Number v133 = fused(v124, -0x1.1eb852p-3f, v131);
        const Number v135 = v133 < -0x1.2934fp1f ? -0x1.2934fp1f : v133;
        const Number v136 = v127 < v135 ? v127 : v135;
        const Number v138 = fused(v124, -0x1.99999ap-3f, -0x1.374d66p-3f);
        const Number v139 = v138 < -0x1.2934fp1f ? -0x1.2934fp1f : v138;
        const Number v140 = v96 <= 0x1.0p0f ? v136 : v139;
        const Number v142 = add(v140, 0x1.8p23f);
        const Number v143 = subtract(v142, 0x1.8p23f);
        const Number v144 = subtract(v140, v143);
        const Number v147 = fused(v144, 0x1.4424bp-13f, 0x1.5f0dccp-10f);
        const Number v149 = fused(v144, v147, 0x1.3b2a48p-7f);
        const Number v151 = fused(v144, v149, 0x1.c6af72p-5f);
        const Number v153 = fused(v144, v151, 0x1.ebfbep-3f);
        const Number v155 = fused(v144, v153, 0x1.62e43p-1f);
        const Number v156 = fused(v144, v155, 0x1.0p0f);
        const Number v157 = powerOfTwo(v142);
        const Number v158 = multiply(v156, v157);
        const Number v159 = multiply(v12, v158);
        const Number v160 = magnitude(v159);
        const Number v163 = -(settings.most);
        const Number v164 = v12 < 0x0.0p0f ? v163 : settings.most;
        const Number v165 = settings.most < v160 ? v164 : v159;
        const Number v166 = -(settings.least);
        const Number v167 = v12 < 0x0.0p0f ? v166 : settings.least;
        const Number v168 = v160 < settings.least ? v167 : v165;
        const Number c4 = carried[4];
        const Number v171 = add(0x1.0p0f, c4);
        const Number c5 = carried[5];
        const Number v173 = add(0x1.0p0f, c5);
        const Number v174 = add(v171, c5);
        const Number v176 = settings.budget <= v174 ? 0x1.8p1f : 0x0.0p0f;
        const Number v177 = subtract(v96, v96);
        const Number v180 = v177 == 0x0.0p0f ? 0x1.0p2f : 0x1.4p2f;
        const Number v181 = add(c0, v159);
        const Number v182 = v181 == c0 ? v180 : v176;
        const Number v183 = v160 < settings.least ? v180 : v182;
        const Number v184 = v11 <= v10 ? 0x1.0p0f : v176;
        const Number v185 = v96 <= 0x1.0p0f ? v184 : v183;
        const Number c6 = carried[6];
        const Number v187 = v96 <= 0x1.0p0f ? v14 : c0;
        const Number v188 = v96 <= 0x1.0p0f ? v168 : v159;
        const Number v189 = v124 < -0x1.a934fp3f ? -0x1.a934fp3f : v124;
        const Number v190 = v96 <= 0x1.0p0f ? v189 : c2;
        const Number v191 = v96 <= 0x1.0p0f ? 0x1.0p0f : 0x0.0p0f;
        const Number v192 = v96 <= 0x1.0p0f ? v171 : c4;
        const Number v193 = v96 <= 0x1.0p0f ? c5 : v173;
        const Number v194 = c6 < 0x0.0p0f ? c6 : v185;
        const Number c7 = carried[7];
        const Number v196 = v96 <= 0x1.0p0f ? v12 : c7;
        const Number v197 = v96 <= 0x1.0p0f ? v71 : c8;
        const Number v198 = v96 <= 0x1.0p0f ? v73 : c9;
        carried[0] = v187;
        carried[1] = v188;
        carried[2] = v190;
        carried[3] = v191;
        carried[4] = v192;
        carried[5] = v193;
        carried[6] = v194;
        carried[7] = v196;
        carried[8] = v197;
        carried[9] = v198;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_adaptive_dormand_prince_5_4_fp32(
    const float* state, const float* parameters, const float* start, const float* end, float* out,
    int* statistics, float* lastStep, quern::ode::Index stateStride, quern::ode::Index parameterStride,
    quern::ode::Index parameterStep, quern::ode::Index outStride, quern::ode::Index statisticsStride,
    quern::ode::Index batch, quern::ode::Index share, double startOfAll, double endOfAll, int firstGiven,
    const quern::ode::Settings<float, 1> settings) {
    quern::ode::solveAdaptive<ode_decay_adaptive_dormand_prince_5_4_fp32_steps>(state, parameters, start, end, out, statistics, lastStep,
                                          stateStride, parameterStride, parameterStep, outStride,
                                          statisticsStride, batch, share, startOfAll, endOfAll, firstGiven,
                                          settings);
}

struct ode_decay_adaptive_tsitouras_5_4_fp32_steps {
    using Number = float;
    static constexpr int DIMENSION = 1;
    static constexpr int PARAMETERS = 1;
    static constexpr int CARRIED = 10;
    static constexpr int T = 0;
    static constexpr int ACCEPTED = 4;
    static constexpr int REJECTED = 5;
    static constexpr int STATUS = 6;
    static constexpr int LAST_STEP = 7;
    static constexpr int Y = 8;
    static constexpr int EVALUATIONS = 6;

    template <typename P>
    static __device__ __forceinline__ void begin(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v8 = magnitude(c8);
        const Number v11 = fused(v8, settings.relative[0], settings.absolute[0]);
        const Number v12 = divide(c8, v11);
        const Number v13 = divide(v5, v11);
        const Number v14 = multiply(v12, v12);
        const Number v16 = multiply(v14, 0x1.0p0f);
        const Number v17 = root(v16);
        const Number v18 = multiply(v13, v13);
        const Number v19 = multiply(0x1.0p0f, v18);
        const Number v20 = root(v19);
        const Number v24 = multiply(v17, 0x1.47ae14p-7f);
        const Number v25 = divide(v24, v20);
        const Number v26 = v20 < 0x1.4f8b58p-17f ? 0x1.0c6f7ap-20f : v25;
        const Number v27 = v17 < 0x1.4f8b58p-17f ? 0x1.0c6f7ap-20f : v26;
        const Number v28 = v27 < v7 ? v27 : v7;
        const Number v29 = -(v28);
        const Number v30 = c0 <= end ? v28 : v29;
        const Number v31 = fused(v5, v30, c8);
        const Number v32 = multiply(p[0], v31);
        const Number v33 = -(v32);
        const Number v34 = subtract(v33, v5);
        const Number v35 = divide(v34, v11);
        const Number v36 = multiply(v35, v35);
        const Number v37 = multiply(0x1.0p0f, v36);
        const Number v38 = root(v37);
        const Number v39 = divide(v38, v28);
        const Number v40 = v20 < v39 ? v39 : v20;
        const Number v42 = multiply(v28, 0x1.0624dep-10f);
        const Number v43 = v42 < 0x1.0c6f7ap-20f ? 0x1.0c6f7ap-20f : v42;
        const Number v47 = v40 < 0x1.0p100f ? v40 : 0x1.0p100f;
        const Number v48 = v47 < 0x1.0p-100f ? 0x1.0p-100f : v47;
        const Number v49 = exponentOf(v48);
        const Number v51 = subtract(v49, 0x1.0000fep23f);
        const Number v52 = significandOf(v48);
        const Number v54 = subtract(v52, 0x1.8p0f);
        const Number v57 = fused(v54, 0x1.d92e74p-7f, -0x1.9b679p-6f);
        const Number v59 = fused(v54, v57, 0x1.341adcp-5f);
        const Number v61 = fused(v54, v59, -0x1.2127c2p-4f);
        const Number v63 = fused(v54, v61, 0x1.23db4p-3f);
        const Number v65 = fused(v54, v63, -0x1.4853bap-2f);
        const Number v67 = fused(v54, v65, 0x1.ec7098p-1f);
        const Number v69 = fused(v54, v67, 0x1.2b803ep-1f);
        const Number v70 = add(v51, v69);
        const Number v71 = subtract(-0x1.a934fp2f, v70);
        const Number v73 = multiply(v71, 0x1.99999ap-3f);
        const Number v75 = add(v73, 0x1.8p23f);
        const Number v76 = subtract(v75, 0x1.8p23f);
        const Number v77 = subtract(v73, v76);
        const Number v80 = fused(v77, 0x1.4424bp-13f, 0x1.5f0dccp-10f);
        const Number v82 = fused(v77, v80, 0x1.3b2a48p-7f);
        const Number v84 = fused(v77, v82, 0x1.c6af72p-5f);
        const Number v86 = fused(v77, v84, 0x1.ebfbep-3f);
        const Number v88 = fused(v77, v86, 0x1.62e43p-1f);
        const Number v89 = fused(v77, v88, 0x1.0p0f);
        const Number v90 = powerOfTwo(v75);
        const Number v91 = multiply(v89, v90);
        const Number v93 = v40 <= 0x1.203afap-50f ? v43 : v91;
        const Number v95 = multiply(v28, 0x1.9p6f);
        const Number v96 = v93 < v95 ? v93 : v95;
        const Number v98 = v96 < settings.most ? v96 : settings.most;
        const Number v99 = v98 < v7 ? v98 : v7;
        const Number v101 = -(v99);
        const Number v102 = c0 <= end ? v99 : v101;
        carried[0] = c0;
        carried[1] = v102;
        carried[2] = -0x1.a934fp3f;
        carried[3] = 0x1.0p0f;
        carried[4] = 0x0.0p0f;
        carried[5] = 0x0.0p0f;
        carried[6] = 0x0.0p0f;
        carried[7] = 0x0.0p0f;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void beginAtGivenStep(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number v4 = multiply(c8, p[0]);
        const Number v5 = -(v4);
        const Number v6 = subtract(end, c0);
        const Number v7 = magnitude(v6);
        const Number v10 = settings.first < settings.most ? settings.first : settings.most;
        const Number v11 = v10 < v7 ? v10 : v7;
        const Number v13 = -(v11);
        const Number v14 = c0 <= end ? v11 : v13;
        carried[0] = c0;
        carried[1] = v14;
        carried[2] = -0x1.a934fp3f;
        carried[3] = 0x1.0p0f;
        carried[4] = 0x0.0p0f;
        carried[5] = 0x0.0p0f;
        carried[6] = 0x0.0p0f;
        carried[7] = 0x0.0p0f;
        carried[8] = c8;
        carried[9] = v5;
    }

    template <typename P>
    static __device__ __forceinline__ void attempt(Number (&carried)[CARRIED], Number end, const quern::ode::Settings<Number, DIMENSION>& settings, const P& p) {
        using namespace quern::ode;
        const Number c8 = carried[8];
        const Number c0 = carried[0];
        const Number c1 = carried[1];
        const Number v7 = subtract(end, c0);
        const Number v8 = magnitude(c1);
        const Number v10 = multiply(v8, 0x1.028f5cp0f);
        const Number v11 = magnitude(v7);
        const Number v12 = v11 <= v10 ? v7 : c1;
        const Number v13 = add(c0, v12);
        const Number v14 = v11 <= v10 ? end : v13;
        const Number c9 = carried[9];
        const Number v17 = multiply(v12, 0x1.49ba5ep-3f);
        const Number v18 = fused(c9, v17, c8);
        const Number v19 = multiply(p[0], v18);
        const Number v20 = -(v19);
        const Number v22 = multiply(v12, -0x1.15e4e4p-7f);
        const Number v24 = fused(v20, -0x1.3c777cp5f, c9);
        const Number v25 = fused(v22, v24, c8);
        const Number v26 = multiply(p[0], v25);
        const Number v27 = -(v26);
        const Number v29 = multiply(v12, 0x1.72d5eap1f);
        const Number v31 = fused(v20, -0x1.18f7fep1f, c9);
        const Number v33 = fused(v27, 0x1.8176bcp0f, v31);
        const Number v34 = fused(v29, v33, c8);
        const Number v35 = multiply(p[0], v34);
        const Number v36 = -(v35);
        const Number v38 = multiply(v12, 0x1.54daf8p2f);
        const Number v40 = fused(v20, -0x1.1a5e5ep1f, c9);
        const Number v42 = fused(v27, 0x1.684a58p0f, v40);
        const Number v44 = fused(v36, -0x1.1c8b16p-6f, v42);
        const Number v45 = fused(v38, v44, c8);
        const Number v46 = multiply(p[0], v45);
        const Number v47 = -(v46);
        const Number v49 = multiply(v12, 0x1.772216p2f);
        const Number v51 = fused(v20, -0x1.1a29a6p1f, c9);
        const Number v53 = fused(v27, 0x1.645c98p0f, v51);
        const Number v55 = fused(v36, -0x1.9030aap-7f, v53);
        const Number v57 = fused(v47, -0x1.3c125ep-8f, v55);
        const Number v58 = fused(v49, v57, c8);
        const Number v59 = multiply(p[0], v58);
        const Number v60 = -(v59);
        const Number v62 = multiply(v12, 0x1.8b1a72p-4f);
        const Number v64 = fused(v20, 0x1.a8a0ecp-4f, c9);
        const Number v66 = fused(v27, 0x1.3e65f2p2f, v64);
        const Number v68 = fused(v36, 0x1.c9794cp3f, v66);
        const Number v70 = fused(v47, -0x1.10dce2p5f, v68);
        const Number v72 = fused(v60, 0x1.8199dcp4f, v70);
        const Number v73 = fused(v62, v72, c8);
        const Number v74 = multiply(p[0], v73);
        const Number v75 = -(v74);
        const Number v76 = magnitude(c8);
        const Number v77 = magnitude(v73);
        const Number v78 = v76 < v77 ? v77 : v76;
        const Number v80 = fused(v20, 0x1.d5ad1ep-2f, c9);
        const Number v82 = fused(v27, -0x1.1b5b0cp2f, v80);
        const Number v84 = fused(v36, 0x1.4530f6p6f, v82);
        const Number v86 = fused(v47, -0x1.472a38p8f, v84);
        const Number v88 = fused(v60, 0x1.01591p8f, v86);
        const Number v90 = fused(v75, -0x1.106296p3f, v88);
        const Number v93 = fused(v78, settings.relative[0], settings.absolute[0]);
        const Number v94 = divide(v90, v93);
        const Number v96 = multiply(v12, -0x1.d29e86p-10f);
        const Number v97 = multiply(v94, v94);
        const Number v98 = multiply(0x1.0p0f, v97);
        const Number v99 = multiply(v96, v96);
        const Number v100 = multiply(v98, v99);
        const Number v104 = v100 < 0x1.0p100f ? v100 : 0x1.0p100f;
        const Number v105 = v104 < 0x1.0p-100f ? 0x1.0p-100f : v104;
        const Number v106 = exponentOf(v105);
        const Number v108 = subtract(v106, 0x1.0000fep23f);
        const Number v109 = significandOf(v105);
        const Number v111 = subtract(v109, 0x1.8p0f);
        const Number v114 = fused(v111, 0x1.d92e74p-7f, -0x1.9b679p-6f);
        const Number v116 = fused(v111, v114, 0x1.341adcp-5f);
        const Number v118 = fused(v111, v116, -0x1.2127c2p-4f);
        const Number v120 = fused(v111, v118, 0x1.23db4p-3f);
        const Number v122 = fused(v111, v120, -0x1.4853bap-2f);
        const Number v124 = fused(v111, v122, 0x1.ec7098p-1f);
        const Number v126 = fused(v111, v124, 0x1.2b803ep-1f);
        const Number v127 = add(v108, v126);
        const Number v128 = multiply(0x1.0p-1f, v127);
        const Number c3 = carried[3];
        const Number v131 = multiply(c3, 0x1.a934fp1f);
        const Number c2 = carried[2];
        const Number v135 = fused(0x1.47ae14p-4f, c2, -0x1.374d66p-3f);
        const Number v137 = fused(v128, -0x1.1eb852p-3f, v135);
        const Number v139 = v137 < -0x1.2934fp1f ? -0x1.2934fp1f : v137;
        const Number v140 = v131 < v139 ? v131 : v139;
        const Number v142 = fused(v128, -0x1.99999ap-3f, -0x1.374d66p-3f);
        const Number v143 = v142 < -0x1.2934fp1f ? -0x1.2934fp1f : v142;
        const Number v144 = v100 <= 0x1.0p0f ? v140 : v143;
        const Number v146 = add(v144, 0x1.8p23f);
        const Number v147 = subtract(v146, 0x1.8p23f);
        const Number v148 = subtract(v144, v147);
        const Number v151 = fused(v148, 0x1.4424bp-13f, 0x1.5f0dccp-10f);
        const Number v153 = fused(v148, v151, 0x1.3b2a48p-7f);
        const Number v155 = fused(v148, v153, 0x1.c6af72p-5f);
        const Number v157 = fused(v148, v155, 0x1.ebfbep-3f);
        const Number v159 = fused(v148, v157, 0x1.62e43p-1f);
        const Number v160 = fused(v148, v159, 0x1.0p0f);
        const Number v161 = powerOfTwo(v146);
        const Number v162 = multiply(v160, v161);
        const Number v163 = multiply(v12, v162);
        const Number v164 = magnitude(v163);
        const Number v167 = -(settings.most);
        const Number v168 = v12 < 0x0.0p0f ? v167 : settings.most;
        const Number v169 = settings.most < v164 ? v168 : v163;
        const Number v170 = -(settings.least);
        const Number v171 = v12 < 0x0.0p0f ? v170 : settings.least;
        const Number v172 = v164 < settings.least ? v171 : v169;
        const Number c4 = carried[4];
        const Number v175 = add(0x1.0p0f, c4);
        const Number c5 = carried[5];
        const Number v177 = add(0x1.0p0f, c5);
        const Number v178 = add(v175, c5);
        const Number v181 = settings.budget <= v178 ? 0x1.8p1f : 0x0.0p0f;
        const Number v182 = subtract(v100, v100);
        const Number v185 = v182 == 0x0.0p0f ? 0x1.0p2f : 0x1.4p2f;
        const Number v186 = add(c0, v163);
        const Number v187 = v186 == c0 ? v185 : v181;
        const Number v188 = v164 < settings.least ? v185 : v187;
        const Number v189 = v11 <= v10 ? 0x1.0p0f : v181;
        const Number v190 = v100 <= 0x1.0p0f ? v189 : v188;
        const Number c6 = carried[6];
        const Number v192 = v100 <= 0x1.0p0f ? v14 : c0;
        const Number v193 = v100 <= 0x1.0p0f ? v172 : v163;
        const Number v194 = v128 < -0x1.a934fp3f ? -0x1.a934fp3f : v128;
        const Number v195 = v100 <= 0x1.0p0f ? v194 : c2;
        const Number v196 = v100 <= 0x1.0p0f ? 0x1.0p0f : 0x0.0p0f;
        const Number v197 = v100 <= 0x1.0p0f ? v175 : c4;
        const Number v198 = v100 <= 0x1.0p0f ? c5 : v177;
        const Number v199 = c6 < 0x0.0p0f ? c6 : v190;
        const Number c7 = carried[7];
        const Number v201 = v100 <= 0x1.0p0f ? v12 : c7;
        const Number v202 = v100 <= 0x1.0p0f ? v73 : c8;
        const Number v203 = v100 <= 0x1.0p0f ? v75 : c9;
        carried[0] = v192;
        carried[1] = v193;
        carried[2] = v195;
        carried[3] = v196;
        carried[4] = v197;
        carried[5] = v198;
        carried[6] = v199;
        carried[7] = v201;
        carried[8] = v202;
        carried[9] = v203;
    }
};

extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) ode_decay_adaptive_tsitouras_5_4_fp32(
    const float* state, const float* parameters, const float* start, const float* end, float* out,
    int* statistics, float* lastStep, quern::ode::Index stateStride, quern::ode::Index parameterStride,
    quern::ode::Index parameterStep, quern::ode::Index outStride, quern::ode::Index statisticsStride,
    quern::ode::Index batch, quern::ode::Index share, double startOfAll, double endOfAll, int firstGiven,
    const quern::ode::Settings<float, 1> settings) {
    quern::ode::solveAdaptive<ode_decay_adaptive_tsitouras_5_4_fp32_steps>(state, parameters, start, end, out, statistics, lastStep,
                                          stateStride, parameterStride, parameterStep, outStride,
                                          statisticsStride, batch, share, startOfAll, endOfAll, firstGiven,
                                          settings);
}
