// The numbers of io.quern.ode.Method and StepControl.
// Written by io.quern.ode.CudaSource, and held to it by CudaSourceTest, which also renews it.
// clang-format off
#pragma once

namespace quern {
namespace ode {

/// The numbers of a method, as io.quern.ode.Method names them; 0 where it has none.
template <int STAGES>
struct Tableau {
    double a[STAGES][STAGES];
    double b[STAGES];
    double c[STAGES];
    double error[STAGES];
    double quartic[STAGES];
};

/// From the lowest power on.
template <int TERMS>
struct Polynomial {
    double coefficients[TERMS];
};

struct euler {
    static constexpr int ORDER = 1;
    static constexpr int STAGES = 1;
    static constexpr bool ADAPTIVE = false;
    static constexpr bool QUARTIC = false;
    static constexpr Tableau<STAGES> TABLEAU = {
        {
            {0.0},
        },
        {1.0},
        {0.0},
        {0.0},
        {0.0},
    };
};

struct midpoint {
    static constexpr int ORDER = 2;
    static constexpr int STAGES = 2;
    static constexpr bool ADAPTIVE = false;
    static constexpr bool QUARTIC = false;
    static constexpr Tableau<STAGES> TABLEAU = {
        {
            {0.0, 0.0},
            {0.5, 0.0},
        },
        {0.0, 1.0},
        {0.0, 0.5},
        {0.0, 0.0},
        {0.0, 0.0},
    };
};

struct heun {
    static constexpr int ORDER = 2;
    static constexpr int STAGES = 2;
    static constexpr bool ADAPTIVE = false;
    static constexpr bool QUARTIC = false;
    static constexpr Tableau<STAGES> TABLEAU = {
        {
            {0.0, 0.0},
            {1.0, 0.0},
        },
        {0.5, 0.5},
        {0.0, 1.0},
        {0.0, 0.0},
        {0.0, 0.0},
    };
};

struct runge_kutta_4 {
    static constexpr int ORDER = 4;
    static constexpr int STAGES = 4;
    static constexpr bool ADAPTIVE = false;
    static constexpr bool QUARTIC = false;
    static constexpr Tableau<STAGES> TABLEAU = {
        {
            {0.0, 0.0, 0.0, 0.0},
            {0.5, 0.0, 0.0, 0.0},
            {0.0, 0.5, 0.0, 0.0},
            {0.0, 0.0, 1.0, 0.0},
        },
        {0.16666666666666666, 0.3333333333333333, 0.3333333333333333, 0.16666666666666666},
        {0.0, 0.5, 0.5, 1.0},
        {0.0, 0.0, 0.0, 0.0},
        {0.0, 0.0, 0.0, 0.0},
    };
};

struct bogacki_shampine_3_2 {
    static constexpr int ORDER = 3;
    static constexpr int STAGES = 4;
    static constexpr bool ADAPTIVE = true;
    static constexpr bool QUARTIC = false;
    static constexpr Tableau<STAGES> TABLEAU = {
        {
            {0.0, 0.0, 0.0, 0.0},
            {0.5, 0.0, 0.0, 0.0},
            {0.0, 0.75, 0.0, 0.0},
            {0.2222222222222222, 0.3333333333333333, 0.4444444444444444, 0.0},
        },
        {0.2222222222222222, 0.3333333333333333, 0.4444444444444444, 0.0},
        {0.0, 0.5, 0.75, 1.0},
        {-0.06944444444444445, 0.08333333333333333, 0.1111111111111111, -0.125},
        {0.0, 0.0, 0.0, 0.0},
    };
};

struct dormand_prince_5_4 {
    static constexpr int ORDER = 5;
    static constexpr int STAGES = 7;
    static constexpr bool ADAPTIVE = true;
    static constexpr bool QUARTIC = true;
    static constexpr Tableau<STAGES> TABLEAU = {
        {
            {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
            {0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
            {0.075, 0.225, 0.0, 0.0, 0.0, 0.0, 0.0},
            {0.9777777777777777, -3.7333333333333334, 3.5555555555555554, 0.0, 0.0, 0.0, 0.0},
            {2.9525986892242035, -11.595793324188385, 9.822892851699436, -0.2908093278463649, 0.0, 0.0, 0.0},
            {2.8462752525252526, -10.757575757575758, 8.906422717743473, 0.2784090909090909, -0.2735313036020583, 0.0, 0.0},
            {0.09114583333333333, 0.0, 0.44923629829290207, 0.6510416666666666, -0.322376179245283, 0.13095238095238096, 0.0},
        },
        {0.09114583333333333, 0.0, 0.44923629829290207, 0.6510416666666666, -0.322376179245283, 0.13095238095238096, 0.0},
        {0.0, 0.2, 0.3, 0.8, 0.8888888888888888, 1.0, 1.0},
        {0.0012326388888888888, 0.0, -0.0042527702905061394, 0.03697916666666667, -0.05086379716981132, 0.0419047619047619, -0.025},
        {-1.1270175653862835, 0.0, 2.675424484351598, -5.685526961588504, 3.5219323679207912, -1.7672812570757455, 2.382468931778144},
    };
};

struct tsitouras_5_4 {
    static constexpr int ORDER = 5;
    static constexpr int STAGES = 7;
    static constexpr bool ADAPTIVE = true;
    static constexpr bool QUARTIC = true;
    static constexpr Tableau<STAGES> TABLEAU = {
        {
            {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
            {0.161, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0},
            {-0.008480655492356989, 0.335480655492357, 0.0, 0.0, 0.0, 0.0, 0.0},
            {2.8971530571054935, -6.359448489975075, 4.3622954328695815, 0.0, 0.0, 0.0, 0.0},
            {5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525, 0.0, 0.0, 0.0},
            {5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383, 0.0, 0.0},
            {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774, 0.0},
        },
        {0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774, 0.0},
        {0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0},
        {-0.001780011052225777, -8.164344596567469E-4, 0.007880878010261995, -0.1447110071732629, 0.5823571654525552, -0.45808210592918697, 0.015151515151515152},
        {-1.0530884977290216, 0.1017, 2.490627285651253, -16.548102889244902, 47.37952196281928, -34.87065786149661, 2.5},
    };
};

constexpr int LOG2_TERMS = 8;
constexpr Polynomial<LOG2_TERMS> LOG2 = {{0.584962785243988, 0.9617965221405029, -0.32063189148902893, 0.14250802993774414, -0.07059455662965775, 0.03761046379804611, -0.025110140442848206, 0.014440352097153664}};
constexpr int EXP2_TERMS = 6;
constexpr Polynomial<EXP2_TERMS> EXP2 = {{0.6931471824645996, 0.24022650718688965, 0.05550358071923256, 0.009618077427148819, 0.0013391643296927214, 1.545635750517249E-4}};

constexpr double STRETCH = 1.01;
constexpr double MOST_SQUARE = 1.2676506002282294E30;
constexpr double LOG2_FIRST_ERROR = -13.287712379549449;
constexpr double LOG2_SAFETY = -0.15200309344504997;
constexpr double LOG2_LEAST_FACTOR = -2.321928094887362;
constexpr double LOG2_MOST_FACTOR = 3.3219280948873626;
constexpr double SMALL_NORM = 1.0E-5;
constexpr double SMALL_STEP = 1.0E-6;
constexpr double FIRST_SHARE = 0.01;
constexpr double NO_CURVATURE = 1.0E-15;
constexpr double MOST_GROWTH = 100.0;
constexpr double FLAT_SHARE = 0.001;
constexpr double LOG2_FIRST_SHARE = -6.643856189774724;

}  // namespace ode
}  // namespace quern
