// Powers of two; the mathematics, the error bound and what happens at the ends are in io.quern.cpu.Exp2, which does the same
// operations in the same order.
#pragma once

namespace quern {

/// 2^x for x up to 127; zero where round(x) is below -126.
__device__ __forceinline__ float exp2Polynomial(float x) {
    constexpr float TO_INTEGER = 0x1.8p23f;  // added to |x| < 2^22, leaves round(x) in the low bits
    float least = x < -127.0f ? -127.0f : x;
    float shifted = __fadd_rn(least, TO_INTEGER);
    float f = __fsub_rn(least, __fsub_rn(shifted, TO_INTEGER));
    float p = __fmaf_rn(0x1.4424b0p-13f, f, 0x1.5f0dccp-10f);
    p = __fmaf_rn(p, f, 0x1.3b2a48p-7f);
    p = __fmaf_rn(p, f, 0x1.c6af72p-5f);
    p = __fmaf_rn(p, f, 0x1.ebfbe0p-3f);
    p = __fmaf_rn(p, f, 0x1.62e430p-1f);
    p = __fmaf_rn(p, f, 1.0f);
    unsigned power = (static_cast<unsigned>(__float_as_int(shifted)) + 127u) << 23;
    return __fmul_rn(p, __int_as_float(static_cast<int>(power)));
}

/// 2^x for x up to 1023; zero where round(x) is below -1022.
__device__ __forceinline__ double exp2Polynomial(double x) {
    constexpr double TO_INTEGER = 0x1.8p52;  // added to |x| < 2^51, leaves round(x) in the low bits
    double least = x < -1023.0 ? -1023.0 : x;
    double shifted = __dadd_rn(least, TO_INTEGER);
    double f = __dsub_rn(least, __dsub_rn(shifted, TO_INTEGER));
    double p = __fma_rn(0x1.eafe8868eac99p-32, f, 0x1.e61dcc21b6ec9p-28);
    p = __fma_rn(p, f, 0x1.b524224fbe196p-24);
    p = __fma_rn(p, f, 0x1.62bfc60f5590bp-20);
    p = __fma_rn(p, f, 0x1.ffcbfcdbb0815p-17);
    p = __fma_rn(p, f, 0x1.4309130f862b6p-13);
    p = __fma_rn(p, f, 0x1.5d87fe7888b62p-10);
    p = __fma_rn(p, f, 0x1.3b2ab6fb9fd4fp-7);
    p = __fma_rn(p, f, 0x1.c6b08d704a183p-5);
    p = __fma_rn(p, f, 0x1.ebfbdff82c5a6p-3);
    p = __fma_rn(p, f, 0x1.62e42fefa39efp-1);
    p = __fma_rn(p, f, 1.0);
    unsigned long long power = (static_cast<unsigned long long>(__double_as_longlong(shifted)) + 1023u) << 52;
    return __dmul_rn(p, __longlong_as_double(static_cast<long long>(power)));
}

}  // namespace quern
