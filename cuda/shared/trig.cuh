// Sine and cosine of position * frequency; the mathematics and its error bound are in io.quern.cpu.Trig, which does the
// same operations in the same order.
#pragma once

#include <cstdint>

namespace quern {

struct SinCos {
    double sin;
    double cos;
};

/// x * (high + low), in quarter turns, less the nearest whole number of them.
struct QuarterTurns {
    double rest;  // within +-(1/2 + 2^-8)
    int64_t
        quadrant;  // the whole number, of which the two lowest bits count; unspecified where valid is false
    double whole;  // the same as a number
    bool valid;    // |x * high| < 2^45: beyond, a product does not say where on the circle it lies
};

__device__ __forceinline__ QuarterTurns reduce(double x, double high, double low) {
    constexpr double TO_INTEGER =
        0x1.8p52;  // added to |t| < 2^51, leaves round(t) in the low bits of the significand
    double turns = __dmul_rn(x, high);
    double error = __fma_rn(x, high, -turns);
    double whole = __dadd_rn(turns, TO_INTEGER);
    double nearest = __dsub_rn(whole, TO_INTEGER);
    double fraction = __dsub_rn(turns, nearest);
    double rest = __dadd_rn(fraction, __fma_rn(x, low, error));
    return {rest, __double_as_longlong(whole), nearest, fabs(turns) < 0x1p45};
}

__device__ __forceinline__ SinCos sinCos(double x, double high, double low) {
    QuarterTurns t = reduce(x, high, low);
    double r = t.rest;
    double z = __dmul_rn(r, r);

    double p = __fma_rn(0x1.e3ae5628cef35p-25, z, -0x1.e2ffa0ab20657p-19);
    p = __fma_rn(p, z, 0x1.50782eece1a75p-13);
    p = __fma_rn(p, z, -0x1.32d2cce1ee610p-8);
    p = __fma_rn(p, z, 0x1.466bc677579c4p-4);
    p = __fma_rn(p, z, -0x1.4abbce625be39p-1);
    p = __fma_rn(p, z, 0x1.1a62633145c07p-54);
    double sine = __fma_rn(r, 0x1.921fb54442d18p0, __dmul_rn(r, p));

    double q = __fma_rn(-0x1.b25db50b378a3p-28, z, 0x1.f9cc2ff1b31c0p-22);
    q = __fma_rn(q, z, -0x1.a6d1ec6d3e55bp-16);
    q = __fma_rn(q, z, 0x1.e1f5068359466p-11);
    q = __fma_rn(q, z, -0x1.55d3c7e3c923cp-6);
    q = __fma_rn(q, z, 0x1.03c1f081b5aaep-2);
    q = __fma_rn(q, z, -0x1.3bd3cc9be45dep0);
    double cosine = __fma_rn(q, z, 1.0);

    double s = t.quadrant & 1 ? cosine : sine;
    double c = t.quadrant & 1 ? sine : cosine;
    s = t.quadrant & 2 ? -s : s;
    c = (t.quadrant + 1) & 2 ? -c : c;
    double none = __longlong_as_double(0x7ff8000000000000);
    return {t.valid ? s : none, t.valid ? c : none};
}

}  // namespace quern
