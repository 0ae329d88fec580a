// Several numbers in one register: video instructions, pairs of 16-bit integers, FP8, packing conversions; and bit
// operations that nothing is in a hurry for.
#include "exec/packed.hpp"

#include <cmath>

#include "exec/rounding.hpp"
#include "exec/video_format.hpp"

namespace quern::emulator {

namespace {

using namespace QUERN_LEVEL;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

// Video.

s64 part(u64 from, u32 index, u32 bits, bool isSigned) {
    const u64 value = from >> (index * bits) & ((u64{1} << bits) - 1);
    const bool negative = isSigned && (value >> (bits - 1) & 1) != 0;
    return static_cast<s64>(value) - (negative ? s64{1} << bits : 0);
}

s64 lowest(u32 bits, bool isSigned) { return isSigned ? -(s64{1} << (bits - 1)) : 0; }
s64 highest(u32 bits, bool isSigned) { return (s64{1} << (isSigned ? bits - 1 : bits)) - 1; }

bool compared(VideoComparison comparison, s64 a, s64 b) {
    switch (comparison) {
        case VideoComparison::EQ: return a == b;
        case VideoComparison::NE: return a != b;
        case VideoComparison::LT: return a < b;
        case VideoComparison::LE: return a <= b;
        case VideoComparison::GT: return a > b;
        default: return a >= b;
    }
}

u32 shiftOf(const Video& video, s64 b) { return static_cast<u32>(video.wraps ? b & 31 : b > 32 ? 32 : b); }
/// At most 62 bits, without a change of the lowest 32 where nothing is cut.
__int128 clampWide(__int128 x) {
    constexpr __int128 MOST = static_cast<__int128>(1) << 62;
    // Bits below 2^62 stay: only without .sat are they looked at.
    if (x >= MOST) return (x & 0xffffffff) | MOST;
    return x < -MOST ? (x & 0xffffffff) | -MOST : x;
}

s64 operate(const Video& video, s64 a, s64 b) {
    switch (video.operation) {
        case VideoOperation::ADD: return a + b;
        case VideoOperation::SUB: return a - b;
        case VideoOperation::AVERAGE: return (a + b + (a + b >= 0 ? 1 : 0)) >> 1;
        case VideoOperation::ABSOLUTE_DIFFERENCE: return a > b ? a - b : b - a;
        case VideoOperation::MIN: return a < b ? a : b;
        case VideoOperation::MAX: return a > b ? a : b;
        case VideoOperation::SHIFT_LEFT:
            // What is beyond 62 bits is beyond every result too, and saturates as it does.
            return static_cast<s64>(clampWide(static_cast<__int128>(a) << shiftOf(video, b)));
        case VideoOperation::SHIFT_RIGHT: return a >> shiftOf(video, b);
        default: return compared(video.comparison, a, b) ? 1 : 0;
    }
}

u32 secondOf(const Video& video, s64 result, u32 c) {
    const s64 other = video.isSigned[2] ? s64{static_cast<s32>(c)} : s64{c};
    switch (video.second) {
        case VideoSecond::ADD: return static_cast<u32>(result + other);
        case VideoSecond::MIN: return static_cast<u32>(result < other ? result : other);
        case VideoSecond::MAX: return static_cast<u32>(result > other ? result : other);
        default: return static_cast<u32>(result);
    }
}

u32 placed(u32 into, u32 index, u32 bits, s64 value) {
    const u64 ones = ((u64{1} << bits) - 1) << (index * bits);
    return static_cast<u32>((into & ~ones) | (static_cast<u64>(value) << (index * bits) & ones));
}

u32 videoOf(const Video& video, u32 a, u32 b, u32 c) {
    const u64 both = u64{b} << 32 | a;
    const u64 first = video.count > 1 ? both : a;
    const u64 other = video.count > 1 ? both : b;
    u32 assembled = c;
    s64 total = 0;
    for (u32 k = 0; k < video.count; k++) {
        if ((video.mask >> k & 1) == 0) continue;
        s64 result = operate(video, part(first, video.from[0][k], video.bits[0], video.isSigned[0]),
                             part(other, video.from[1][k], video.bits[1], video.isSigned[1]));
        const s64 low = lowest(video.bits[2], video.isSigned[2]);
        const s64 high = highest(video.bits[2], video.isSigned[2]);
        if (video.saturates) result = result < low ? low : result > high ? high : result;
        if (video.count > 1) assembled = placed(assembled, k, video.bits[2], result);
        total += result;
    }
    if (video.merges) return placed(c, video.to, video.bits[2], total);
    if (video.count > 1 && video.second == VideoSecond::NONE) return assembled;
    // A single result without merging has 32 bits before anything is done with it.
    if (video.count == 1)
        total = video.isSigned[2] ? s64{static_cast<s32>(total)} : s64{static_cast<u32>(total)};
    return secondOf(video, total, c);
}

void video(Warp& warp, const Op& op) {
    Video how;
    __builtin_memcpy(static_cast<void*>(&how), op.more, sizeof how);
    const u32* a = lanesOf<u32>(warp, op.a);
    const u32* b = lanesOf<u32>(warp, op.b);
    const u32* c = lanesOf<u32>(warp, op.c);
    u32* d = lanesOf<u32>(warp, op.dst);
    forEachLane(warp.mask, [&](int lane) { d[lane] = videoOf(how, a[lane], b[lane], c[lane]); });
}

u32 productOf(const VideoProduct& how, u32 a, u32 b, u32 c) {
    using Wide = __int128;
    const s64 x = part(a, how.from[0], how.bits[0], how.isSigned[0]);
    const s64 y = part(b, how.from[1], how.bits[1], how.isSigned[1]);
    Wide product = static_cast<Wide>(x) * y;
    Wide addend = how.isSignedC ? Wide{static_cast<s32>(c)} : Wide{c};
    if (how.negatesProduct) product = -product;
    if (how.negatesC) addend = -addend;
    const Wide sum = (product + addend + (how.plusOne ? 1 : 0)) >> how.shift;
    if (!how.saturates) return static_cast<u32>(sum);
    const Wide low = lowest(32, how.isSignedC);
    const Wide high = highest(32, how.isSignedC);
    return static_cast<u32>(sum < low ? low : sum > high ? high : sum);
}

void videoProduct(Warp& warp, const Op& op) {
    VideoProduct how;
    __builtin_memcpy(static_cast<void*>(&how), op.more, sizeof how);
    const u32* a = lanesOf<u32>(warp, op.a);
    const u32* b = lanesOf<u32>(warp, op.b);
    const u32* c = lanesOf<u32>(warp, op.c);
    u32* d = lanesOf<u32>(warp, op.dst);
    forEachLane(warp.mask, [&](int lane) { d[lane] = productOf(how, a[lane], b[lane], c[lane]); });
}

// Pairs of 16-bit integers.

template <auto F>
u32 pairOf(u32 a, u32 b) {
    return u32{static_cast<u16>(F(static_cast<s16>(a), static_cast<s16>(b)))} |
           u32{static_cast<u16>(F(static_cast<s16>(a >> 16), static_cast<s16>(b >> 16)))} << 16;
}
int plus(s16 a, s16 b) { return a + b; }
int minS(s16 a, s16 b) { return a < b ? a : b; }
int maxS(s16 a, s16 b) { return a > b ? a : b; }
int minU(s16 a, s16 b) { return static_cast<u16>(a) < static_cast<u16>(b) ? a : b; }
int maxU(s16 a, s16 b) { return static_cast<u16>(a) > static_cast<u16>(b) ? a : b; }
int minRelu(s16 a, s16 b) { return maxS(static_cast<s16>(minS(a, b)), 0); }
int maxRelu(s16 a, s16 b) { return maxS(static_cast<s16>(maxS(a, b)), 0); }

// FP8. Numbers beyond the largest become it (.satfinite); e4m3 has no infinity, and one NaN of each sign.

struct E4m3 {
    static constexpr int FRACTION = 3, BIAS = 7;
    static constexpr double LARGEST = 448;
};
struct E5m2 {
    static constexpr int FRACTION = 2, BIAS = 15;
    static constexpr double LARGEST = 57344;
};

template <typename T>
u32 encode(double x) {
    if (x != x) return 0x7f;
    const u32 sign = std::signbit(x) ? 0x80 : 0;
    const double magnitude = std::fabs(x);
    constexpr int LEAST = 1 - T::BIAS;
    if (magnitude == 0) return sign;
    int exponent = magnitude >= T::LARGEST ? 0 : std::ilogb(magnitude);
    const double clamped = magnitude >= T::LARGEST ? T::LARGEST : magnitude;
    if (magnitude >= T::LARGEST) exponent = std::ilogb(T::LARGEST);
    if (exponent < LEAST) exponent = LEAST;
    // Units of the last place; a carry goes into the exponent by itself.
    const double units = std::nearbyint(std::ldexp(clamped, T::FRACTION - exponent));
    return sign | ((static_cast<u32>(exponent - LEAST) << T::FRACTION) + static_cast<u32>(units));
}

template <typename T>
double decode(u32 code) {
    const u32 exponent = (code & 0x7f) >> T::FRACTION;
    const u32 fraction = code & ((1U << T::FRACTION) - 1);
    const double sign = (code & 0x80) != 0 ? -1 : 1;
    if (T::FRACTION == 3 ? (code & 0x7f) == 0x7f : (code & 0x7f) > 0x7c) return NAN;
    if (T::FRACTION == 2 && (code & 0x7f) == 0x7c) return sign * INFINITY;
    const double units = fraction + (exponent == 0 ? 0U : 1U << T::FRACTION);
    return sign * std::ldexp(units, static_cast<int>(exponent == 0 ? 1 : exponent) - T::BIAS - T::FRACTION);
}

template <typename T, bool RELU>
u32 encodeHalf(double x) {
    return encode<T>(RELU && x < 0 ? 0.0 : x);
}
template <typename T, bool RELU>
u16 encodeFloats(float a, float b) {
    return static_cast<u16>(encodeHalf<T, RELU>(a) << 8 | encodeHalf<T, RELU>(b));
}
template <typename T, bool RELU>
u16 encodeHalves(u32 a) {
    return static_cast<u16>(encodeHalf<T, RELU>(fromF16(static_cast<u16>(a >> 16))) << 8 |
                            encodeHalf<T, RELU>(fromF16(static_cast<u16>(a))));
}
template <typename T, bool RELU>
u32 decodePair(u16 a) {
    const auto half = [](u32 code) {
        const double x = decode<T>(code);
        return u32{toF16(RELU && x < 0 ? 0.0 : x)};
    };
    return half(a & 255U) | half(a >> 8) << 16;
}

// cvt.pack: two integers, saturated, below what c has already.
template <int BITS, bool SIGNED>
u32 clamped(u32 a) {
    const s64 x = static_cast<s32>(a);
    const s64 low = lowest(BITS, SIGNED);
    const s64 high = highest(BITS, SIGNED);
    return static_cast<u32>(x < low ? low : x > high ? high : x) & ((1U << BITS) - 1);
}
template <int BITS, bool SIGNED>
u32 packTwo(u32 a, u32 b) {
    return clamped<BITS, SIGNED>(a) << BITS | clamped<BITS, SIGNED>(b);
}
template <int BITS, bool SIGNED>
u32 packOnto(u32 a, u32 b, u32 c) {
    return c << 2 * BITS | packTwo<BITS, SIGNED>(a, b);
}

/// The offset-th bit of the mask that is set, from base on, upwards or downwards.
u32 findSetBit(u32 mask, u32 base, u32 offset) {
    const s32 by = static_cast<s32>(offset);
    const auto isSet = [&](s64 at) { return at >= 0 && at < 32 && (mask >> at & 1) != 0; };
    s64 at = base;
    if (by == 0) return isSet(at) ? base : ~0U;
    s64 left = by > 0 ? s64{by} : -s64{by};
    for (; at >= 0 && at<32; at += by> 0 ? 1 : -1) {
        if (isSet(at) && --left == 0) return static_cast<u32>(at);
    }
    return ~0U;
}

template <bool SIGNED>
u32 extend(u32 a, u32 bits) {
    if (bits == 0) return 0;
    if (bits >= 32) return a;
    const u32 low = a & ((1U << bits) - 1);
    return SIGNED && (low >> (bits - 1) & 1) != 0 ? low | ~((1U << bits) - 1) : low;
}
template <bool SIGNED>
u32 extendWrap(u32 a, u32 bits) {
    return extend<SIGNED>(a, bits & 31);
}

constexpr InstructionClass INTEGER = InstructionClass::INTEGER;
constexpr InstructionClass CONVERT = InstructionClass::CONVERT;
constexpr InstructionClass LOGIC = InstructionClass::LOGIC;

#define FP8(name, T)                                                                              \
    {"cvt.rn.satfinite." name "x2.f32", "h=ff", lanes<encodeFloats<T, false>>, CONVERT},          \
        {"cvt.rn.satfinite.relu." name "x2.f32", "h=ff", lanes<encodeFloats<T, true>>, CONVERT},  \
        {"cvt.rn.satfinite." name "x2.f16x2", "h=w", lanes<encodeHalves<T, false>>, CONVERT},     \
        {"cvt.rn.satfinite.relu." name "x2.f16x2", "h=w", lanes<encodeHalves<T, true>>, CONVERT}, \
        {"cvt.rn.f16x2." name "x2", "w=h", lanes<decodePair<T, false>>, CONVERT}, {               \
        "cvt.rn.relu.f16x2." name "x2", "w=h", lanes<decodePair<T, true>>, CONVERT                \
    }
#define ONTO(bits)                                                                         \
    {"cvt.pack.sat.u" #bits ".s32.b32", "w=www", lanes<packOnto<bits, false>>, CONVERT}, { \
        "cvt.pack.sat.s" #bits ".s32.b32", "w=www", lanes<packOnto<bits, true>>, CONVERT   \
    }

constexpr Entry PACKED[] = {
    {"video", nullptr, video, INTEGER},
    {"video.product", nullptr, videoProduct, INTEGER},
    {"add.s16x2", "w=ww", lanes<pairOf<plus>>, INTEGER},
    {"add.u16x2", "w=ww", lanes<pairOf<plus>>, INTEGER},
    {"min.s16x2", "w=ww", lanes<pairOf<minS>>, INTEGER},
    {"max.s16x2", "w=ww", lanes<pairOf<maxS>>, INTEGER},
    {"min.u16x2", "w=ww", lanes<pairOf<minU>>, INTEGER},
    {"max.u16x2", "w=ww", lanes<pairOf<maxU>>, INTEGER},
    {"min.relu.s16x2", "w=ww", lanes<pairOf<minRelu>>, INTEGER},
    {"max.relu.s16x2", "w=ww", lanes<pairOf<maxRelu>>, INTEGER},
    FP8("e4m3", E4m3),
    FP8("e5m2", E5m2),
    {"cvt.pack.sat.u16.s32", "w=ww", lanes<packTwo<16, false>>, CONVERT},
    {"cvt.pack.sat.s16.s32", "w=ww", lanes<packTwo<16, true>>, CONVERT},
    ONTO(8),
    ONTO(4),
    ONTO(2),
    {"fns.b32", "w=www", lanes<findSetBit>, LOGIC},
    {"szext.clamp.u32", "w=ww", lanes<extend<false>>, LOGIC},
    {"szext.clamp.s32", "w=ww", lanes<extend<true>>, LOGIC},
    {"szext.wrap.u32", "w=ww", lanes<extendWrap<false>>, LOGIC},
    {"szext.wrap.s32", "w=ww", lanes<extendWrap<true>>, LOGIC},
};

}  // namespace

Entries packedTable() { return entries(PACKED); }

}  // namespace quern::emulator
