// The words that fields and steps are written in: each of them rounds once, as io.quern.ode.Arithmetic does.
#pragma once

namespace quern {
namespace ode {

using fp64 = double;
using fp32 = float;

__device__ __forceinline__ double add(double a, double b) { return __dadd_rn(a, b); }
__device__ __forceinline__ double subtract(double a, double b) { return __dsub_rn(a, b); }
__device__ __forceinline__ double multiply(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ double divide(double a, double b) { return __ddiv_rn(a, b); }
__device__ __forceinline__ double fused(double a, double b, double c) { return __fma_rn(a, b, c); }
__device__ __forceinline__ double root(double a) { return __dsqrt_rn(a); }
__device__ __forceinline__ double magnitude(double a) { return fabs(a); }

__device__ __forceinline__ float add(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ float subtract(float a, float b) { return __fsub_rn(a, b); }
__device__ __forceinline__ float multiply(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ float divide(float a, float b) { return __fdiv_rn(a, b); }
__device__ __forceinline__ float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ float root(float a) { return __fsqrt_rn(a); }
__device__ __forceinline__ float magnitude(float a) { return fabsf(a); }

/// 2^n, where a is n + 1.5 2^52 (FP32: 2^23).
__device__ __forceinline__ double powerOfTwo(double a) {
    return __longlong_as_double((__double_as_longlong(a) + 1023) << 52);
}
__device__ __forceinline__ float powerOfTwo(float a) {
    return __int_as_float((__float_as_int(a) + 127) << 23);
}

/// The number within 1..2 that has the significand of a positive normal number.
__device__ __forceinline__ double significandOf(double a) {
    return __longlong_as_double((__double_as_longlong(a) & 0x000fffffffffffffll) | 0x3ff0000000000000ll);
}
__device__ __forceinline__ float significandOf(float a) {
    return __int_as_float((__float_as_int(a) & 0x007fffff) | 0x3f800000);
}

/// 2^52 + 1023 + the exponent of a positive normal number; FP32: 2^23 + 127.
__device__ __forceinline__ double exponentOf(double a) {
    unsigned long long bits = static_cast<unsigned long long>(__double_as_longlong(a)) >> 52;
    return __longlong_as_double(static_cast<long long>(bits | 0x4330000000000000ull));
}
__device__ __forceinline__ float exponentOf(float a) {
    return __int_as_float(static_cast<int>(static_cast<unsigned>(__float_as_int(a)) >> 23 | 0x4b000000u));
}

/// A number given by its bits.
__device__ __forceinline__ double ofBits(long long bits) { return __longlong_as_double(bits); }
__device__ __forceinline__ float ofBits(int bits) { return __int_as_float(bits); }

}  // namespace ode
}  // namespace quern
