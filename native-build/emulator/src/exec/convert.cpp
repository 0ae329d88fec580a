// Conversions. Those that compilers emit in inner loops have handlers of their own, "cvt.<to>.<from>"; all others are
// done by "cvt" in three steps, which op.imm describes (convert_format.hpp): read, round, write.
#include <cmath>
#include <limits>

#include "exec/convert_format.hpp"
#include "exec/rounding.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

template <typename D, typename S>
QUERN_INLINE D castTo(S a) {
    return static_cast<D>(a);
}
QUERN_INLINE float f64ToF32(double a) { return canonical(static_cast<float>(a)); }
QUERN_INLINE u32 pairOfF16(float high, float low) { return u32{nearestF16(high)} << 16 | nearestF16(low); }
QUERN_INLINE u32 pairOfBf16(float high, float low) { return u32{nearestBf16(high)} << 16 | nearestBf16(low); }
QUERN_INLINE u16 relu16(u16 h) { return h != NAN_16 && (h & 0x8000) != 0 ? u16{0} : h; }
QUERN_INLINE u32 pairOfF16Relu(float high, float low) {
    return u32{relu16(nearestF16(high))} << 16 | relu16(nearestF16(low));
}
QUERN_INLINE u32 pairOfBf16Relu(float high, float low) {
    return u32{relu16(nearestBf16(high))} << 16 | relu16(nearestBf16(low));
}
QUERN_INLINE u32 pairOfF16Zero(float high, float low) {
    return u32{toF16(high, ROUND_ZERO)} << 16 | toF16(low, ROUND_ZERO);
}
QUERN_INLINE u32 pairOfBf16Zero(float high, float low) {
    return u32{toBf16(high, ROUND_ZERO)} << 16 | toBf16(low, ROUND_ZERO);
}
QUERN_INLINE u32 pairOfF16ZeroRelu(float high, float low) {
    return u32{relu16(toF16(high, ROUND_ZERO))} << 16 | relu16(toF16(low, ROUND_ZERO));
}
QUERN_INLINE u32 pairOfBf16ZeroRelu(float high, float low) {
    return u32{relu16(toBf16(high, ROUND_ZERO))} << 16 | relu16(toBf16(low, ROUND_ZERO));
}

/// TF32: FP32 of which the lowest 13 bits are zero. The largest number and infinity stay what they are.
template <bool TIES_AWAY>
QUERN_INLINE u32 toTf32(float x) {
    const u32 bits = std::bit_cast<u32>(x);
    const u32 half = TIES_AWAY ? 0x1000 : 0xfff + (bits >> 13 & 1);
    return x != x ? NAN_F32 : (bits + ((bits & 0x7f800000) == 0x7f800000 ? 0 : half)) & 0xffffe000;
}
QUERN_INLINE u32 nearestTf32(float x) { return toTf32<false>(x); }
QUERN_INLINE u32 tiesAwayTf32(float x) { return toTf32<true>(x); }
QUERN_INLINE u32 truncatedTf32(float x) { return x != x ? NAN_F32 : std::bit_cast<u32>(x) & 0xffffe000; }
template <u32 (*F)(float)>
QUERN_INLINE u32 reluTf32(float x) {
    const u32 result = F(x);
    return result != NAN_F32 && (result >> 31) != 0 ? 0 : result;
}
/// .satfinite: the largest number instead of infinity.
QUERN_INLINE u32 finiteTf32(float x) {
    const u32 result = tiesAwayTf32(x);
    return (result & 0x7fffffff) == 0x7f800000 ? result - 0x2000 : result;
}

// Read: the lowest bytes of a register that may be wider than the type.

template <typename S, typename R, typename V>
QUERN_INLINE void readAs(const Warp& warp, u32 offset, V* out) {
    const R* a = lanesOf<R>(warp, offset);
    QUERN_LANES out[i] = static_cast<V>(static_cast<S>(a[i]));
}
template <typename S, typename V>
inline void readRegister(const Warp& warp, const Op& op, int bytes, V* out) {
    switch (bytes) {
        case 1: return readAs<S, u8>(warp, op.a, out);
        case 2: return readAs<S, u16>(warp, op.a, out);
        case 4: return readAs<S, u32>(warp, op.a, out);
        default: return readAs<S, u64>(warp, op.a, out);
    }
}

/// As a 64-bit integer; unsigned 64-bit ones keep their bits.
void readInteger(const Warp& warp, const Op& op, const Conversion& how, s64* out) {
    switch (how.from) {
        case Format::U8: return readRegister<u8>(warp, op, how.fromBytes, out);
        case Format::S8: return readRegister<s8>(warp, op, how.fromBytes, out);
        case Format::U16: return readRegister<u16>(warp, op, how.fromBytes, out);
        case Format::S16: return readRegister<s16>(warp, op, how.fromBytes, out);
        case Format::U32: return readRegister<u32>(warp, op, how.fromBytes, out);
        case Format::S32: return readRegister<s32>(warp, op, how.fromBytes, out);
        case Format::U64: return readRegister<u64>(warp, op, how.fromBytes, out);
        default: return readRegister<s64>(warp, op, how.fromBytes, out);
    }
}

/// As FP64, which holds all the formats exactly.
void readFloat(const Warp& warp, const Op& op, const Conversion& how, double* out) {
    alignas(64) u64 bits[LANES];
    readRegister<u64>(warp, op, how.fromBytes, bits);
    const bool flushes = (op.flags & FLAG_FTZ) != 0;
    switch (how.from) {
        case Format::F16: QUERN_LANES out[i] = fromF16(static_cast<u16>(bits[i])); return;
        case Format::BF16: QUERN_LANES out[i] = fromBf16(static_cast<u16>(bits[i])); return;
        case Format::F32:
            QUERN_LANES {
                const float x = std::bit_cast<float>(static_cast<u32>(bits[i]));
                out[i] = flushes ? flush(x) : x;
            }
            return;
        default: QUERN_LANES out[i] = std::bit_cast<double>(bits[i]);
    }
}

// Round.

void toWhole(double* values, unsigned mode) {
    switch (mode) {
        case ROUND_NEAREST: QUERN_LANES values[i] = __builtin_rint(values[i]); return;
        case ROUND_DOWN: QUERN_LANES values[i] = __builtin_floor(values[i]); return;
        case ROUND_UP: QUERN_LANES values[i] = __builtin_ceil(values[i]); return;
        default: QUERN_LANES values[i] = __builtin_trunc(values[i]);
    }
}

/// What NaN becomes: 0, but the top bit of D where either side has 64 bits.
template <typename D>
constexpr s64 wholeOfNan(Format from) {
    if (from != Format::F64 && sizeof(D) < 8) return 0;
    return static_cast<s64>(static_cast<D>(u64{1} << (8 * sizeof(D) - 1)));
}

/// A whole number to the nearest that D holds.
template <typename D>
QUERN_INLINE s64 clampWhole(double x, s64 ofNan) {
    // The limits as FP64: the upper one is a power of two that D itself does not reach.
    constexpr double low = static_cast<double>(std::numeric_limits<D>::min());
    const double high = std::ldexp(1.0, std::numeric_limits<D>::digits);
    if (x != x) return ofNan;
    if (x <= low) return static_cast<s64>(std::numeric_limits<D>::min());
    if (x >= high) return static_cast<s64>(std::numeric_limits<D>::max());
    return static_cast<s64>(static_cast<D>(x));
}
template <typename D>
void clampAll(const double* values, Format from, s64* out) {
    const s64 ofNan = wholeOfNan<D>(from);
    for (int i = 0; i < LANES; i++) out[i] = clampWhole<D>(values[i], ofNan);
}
void clampToFormat(const double* values, Format from, Format to, s64* out) {
    switch (to) {
        case Format::U8: return clampAll<u8>(values, from, out);
        case Format::S8: return clampAll<s8>(values, from, out);
        case Format::U16: return clampAll<u16>(values, from, out);
        case Format::S16: return clampAll<s16>(values, from, out);
        case Format::U32: return clampAll<u32>(values, from, out);
        case Format::S32: return clampAll<s32>(values, from, out);
        case Format::U64: return clampAll<u64>(values, from, out);
        default: return clampAll<s64>(values, from, out);
    }
}

template <typename D>
QUERN_INLINE s64 saturateInteger(s64 x, bool unsignedSource) {
    if (unsignedSource && static_cast<u64>(x) > static_cast<u64>(std::numeric_limits<D>::max())) {
        return static_cast<s64>(std::numeric_limits<D>::max());
    }
    if (unsignedSource) return x;
    if (std::numeric_limits<D>::min() == 0) {
        if (x < 0) return 0;
        return static_cast<u64>(x) > static_cast<u64>(std::numeric_limits<D>::max())
                   ? static_cast<s64>(std::numeric_limits<D>::max())
                   : x;
    }
    if (x < static_cast<s64>(std::numeric_limits<D>::min()))
        return static_cast<s64>(std::numeric_limits<D>::min());
    return x > static_cast<s64>(std::numeric_limits<D>::max())
               ? static_cast<s64>(std::numeric_limits<D>::max())
               : x;
}
template <typename D>
void saturateAll(s64* values, bool unsignedSource) {
    for (int i = 0; i < LANES; i++) values[i] = saturateInteger<D>(values[i], unsignedSource);
}
void saturateIntegers(s64* values, Format to, bool unsignedSource) {
    switch (to) {
        case Format::U8: return saturateAll<u8>(values, unsignedSource);
        case Format::S8: return saturateAll<s8>(values, unsignedSource);
        case Format::U16: return saturateAll<u16>(values, unsignedSource);
        case Format::S16: return saturateAll<s16>(values, unsignedSource);
        case Format::U32: return saturateAll<u32>(values, unsignedSource);
        case Format::S32: return saturateAll<s32>(values, unsignedSource);
        case Format::U64: return saturateAll<u64>(values, unsignedSource);
        default: return saturateAll<s64>(values, unsignedSource);
    }
}

/// 53 bits that round to a narrower format as the integer itself would: what is lost makes the last of them odd.
QUERN_INLINE double stickyDouble(u64 magnitude) {
    const int excess = magnitude >> 53 == 0 ? 0 : 11 - __builtin_clzll(magnitude);
    const u64 lost = magnitude & ((u64{1} << excess) - 1);
    return std::ldexp(static_cast<double>((magnitude >> excess) | (lost != 0 ? 1 : 0)), excess);
}
QUERN_INLINE double stickyDouble(s64 value, bool isUnsigned) {
    if (isUnsigned || value >= 0) return stickyDouble(static_cast<u64>(value));
    return -stickyDouble(u64{0} - static_cast<u64>(value));
}

__attribute__((noinline)) void castToF32(const double* values, float* out) {
    QUERN_LANES out[i] = canonical(static_cast<float>(values[i]));
}
__attribute__((noinline)) void castToF64(const s64* values, bool isUnsigned, double* out) {
    if (isUnsigned) {
        QUERN_LANES out[i] = static_cast<double>(static_cast<u64>(values[i]));
    } else {
        QUERN_LANES out[i] = static_cast<double>(values[i]);
    }
}

// Write: bits to a register that may be wider than the type, extended as the type says.

template <typename D, typename R>
QUERN_INLINE void writeAs(const Warp& warp, u32 offset, const u64* bits) {
    write<R>(
        warp, offset, [=](int i) __attribute__((always_inline)) {
            return static_cast<R>(static_cast<D>(bits[i]));
        });
}
template <typename D>
void writeRegister(const Warp& warp, const Op& op, int bytes, const u64* bits) {
    switch (bytes) {
        case 1: return writeAs<D, u8>(warp, op.dst, bits);
        case 2: return writeAs<D, u16>(warp, op.dst, bits);
        case 4: return writeAs<D, u32>(warp, op.dst, bits);
        default: return writeAs<D, u64>(warp, op.dst, bits);
    }
}
void writeFormat(const Warp& warp, const Op& op, const Conversion& how, const u64* bits) {
    switch (how.to) {
        case Format::S8: return writeRegister<s8>(warp, op, how.toBytes, bits);
        case Format::U8: return writeRegister<u8>(warp, op, how.toBytes, bits);
        case Format::S16: return writeRegister<s16>(warp, op, how.toBytes, bits);
        case Format::S32: return writeRegister<s32>(warp, op, how.toBytes, bits);
        case Format::U16:
        case Format::F16:
        case Format::BF16: return writeRegister<u16>(warp, op, how.toBytes, bits);
        case Format::U32:
        case Format::F32: return writeRegister<u32>(warp, op, how.toBytes, bits);
        default: return writeRegister<u64>(warp, op, how.toBytes, bits);
    }
}

void writeFloat(const Warp& warp, const Op& op, const Conversion& how, double* values) {
    const unsigned mode = how.integral ? unsigned{ROUND_NEAREST} : op.flags & ROUND_MASK;
    if ((op.flags & FLAG_SAT) != 0) QUERN_LANES values[i] = saturate(values[i]);
    if ((op.flags & FLAG_RELU) != 0) QUERN_LANES values[i] = values[i] < 0 ? 0.0 : values[i];
    alignas(64) u64 bits[LANES];
    switch (how.to) {
        case Format::F16:
            for (int i = 0; i < LANES; i++) bits[i] = toF16(values[i], mode);
            break;
        case Format::BF16:
            for (int i = 0; i < LANES; i++) bits[i] = toBf16(values[i], mode);
            break;
        case Format::F32: {
            alignas(64) float narrow[LANES];
            const RoundingScope scope(mode);
            castToF32(values, narrow);
            const bool flushes = (op.flags & FLAG_FTZ) != 0;
            QUERN_LANES bits[i] = std::bit_cast<u32>(flushes ? flush(narrow[i]) : narrow[i]);
            break;
        }
        default: QUERN_LANES bits[i] = std::bit_cast<u64>(values[i]);
    }
    writeFormat(warp, op, how, bits);
}

void convert(Warp& warp, const Op& op) {
    const Conversion how = Conversion::unpack(op.imm);
    const unsigned mode = op.flags & ROUND_MASK;
    alignas(64) double real[LANES];
    alignas(64) s64 whole[LANES];
    if (isFloat(how.from)) {
        readFloat(warp, op, how, real);
        if (how.integral || !isFloat(how.to)) toWhole(real, mode);
        if (isFloat(how.to)) return writeFloat(warp, op, how, real);
        clampToFormat(real, how.from, how.to, whole);
    } else {
        const bool isUnsigned = how.from == Format::U64;
        readInteger(warp, op, how, whole);
        if (how.to == Format::F64) {
            const RoundingScope scope(mode);
            castToF64(whole, isUnsigned, real);
            return writeFloat(warp, op, how, real);
        }
        if (isFloat(how.to)) {
            for (int i = 0; i < LANES; i++) real[i] = stickyDouble(whole[i], isUnsigned);
            return writeFloat(warp, op, how, real);
        }
        if ((op.flags & FLAG_SAT) != 0) saturateIntegers(whole, how.to, isUnsigned);
    }
    alignas(64) u64 bits[LANES];
    QUERN_LANES bits[i] = static_cast<u64>(whole[i]);
    writeFormat(warp, op, how, bits);
}

constexpr InstructionClass CONVERT = InstructionClass::CONVERT;

// Between integers whose registers are as wide as they are. Signs matter only where the result is wider.
#define TO(to, T, d)                                                    \
    {"cvt." #to ".u16", #d "=h", lanes<castTo<T, u16>>, CONVERT},       \
        {"cvt." #to ".s16", #d "=h", lanes<castTo<T, s16>>, CONVERT},   \
        {"cvt." #to ".u32", #d "=w", lanes<castTo<T, u32>>, CONVERT},   \
        {"cvt." #to ".s32", #d "=w", lanes<castTo<T, s32>>, CONVERT},   \
        {"cvt." #to ".u64", #d "=d", lanes<castTo<T, u64>>, CONVERT}, { \
        "cvt." #to ".s64", #d "=d", lanes<castTo<T, s64>>, CONVERT      \
    }

constexpr Entry TABLE[] = {
    {"cvt", nullptr, convert, CONVERT},
    TO(u16, u16, h),
    TO(s16, s16, h),
    TO(u32, u32, w),
    TO(s32, s32, w),
    TO(u64, u64, d),
    TO(s64, s64, d),
    {"cvt.f64.f32", "F=f", lanes<castTo<double, float>>, CONVERT},
    {"cvt.rn.f32.f64", "f=F", lanes<f64ToF32>, CONVERT},
    {"cvt.rn.f32.s32", "f=w", lanes<castTo<float, s32>>, CONVERT},
    {"cvt.rn.f32.u32", "f=w", lanes<castTo<float, u32>>, CONVERT},
    {"cvt.rn.f64.s32", "F=w", lanes<castTo<double, s32>>, CONVERT},
    {"cvt.rn.f64.u32", "F=w", lanes<castTo<double, u32>>, CONVERT},
    {"cvt.f32.f16", "f=h", lanes<fromF16>, CONVERT},
    {"cvt.f32.bf16", "f=h", lanes<fromBf16>, CONVERT},
    {"cvt.rn.f16.f32", "h=f", lanes<nearestF16>, CONVERT},
    {"cvt.rn.bf16.f32", "h=f", lanes<nearestBf16>, CONVERT},
    {"cvt.rn.f16x2.f32", "w=ff", lanes<pairOfF16>, CONVERT},
    {"cvt.rn.bf16x2.f32", "w=ff", lanes<pairOfBf16>, CONVERT},
    {"cvt.rn.relu.f16x2.f32", "w=ff", lanes<pairOfF16Relu>, CONVERT},
    {"cvt.rn.relu.bf16x2.f32", "w=ff", lanes<pairOfBf16Relu>, CONVERT},
    {"cvt.rz.f16x2.f32", "w=ff", lanes<pairOfF16Zero>, CONVERT},
    {"cvt.rz.bf16x2.f32", "w=ff", lanes<pairOfBf16Zero>, CONVERT},
    {"cvt.rz.relu.f16x2.f32", "w=ff", lanes<pairOfF16ZeroRelu>, CONVERT},
    {"cvt.rna.tf32.f32", "w=f", lanes<tiesAwayTf32>, CONVERT},
    {"cvt.rna.satfinite.tf32.f32", "w=f", lanes<finiteTf32>, CONVERT},
    {"cvt.rn.tf32.f32", "w=f", lanes<nearestTf32>, CONVERT},
    {"cvt.rn.relu.tf32.f32", "w=f", lanes<reluTf32<nearestTf32>>, CONVERT},
    {"cvt.rz.tf32.f32", "w=f", lanes<truncatedTf32>, CONVERT},
    {"cvt.rz.relu.tf32.f32", "w=f", lanes<reluTf32<truncatedTf32>>, CONVERT},
    {"cvt.rz.relu.bf16x2.f32", "w=ff", lanes<pairOfBf16ZeroRelu>, CONVERT},
};

}  // namespace

Entries convertTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
