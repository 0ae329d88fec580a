// Several numbers in one register: video instructions, pairs, FP8, packing; and what decides for pairs.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

int byteOf(u32 x, int k, bool isSigned) {
    const int value = static_cast<int>(x >> 8 * k & 255);
    return isSigned && value > 127 ? value - 256 : value;
}

int clampTo(int x, int low, int high) { return std::min(std::max(x, low), high); }

template <class F>
u32 onBytes(u32 a, u32 b, bool isSigned, F f) {
    u32 d = 0;
    for (int k = 0; k < 4; k++)
        d |= (static_cast<u32>(f(byteOf(a, k, isSigned), byteOf(b, k, isSigned))) & 255) << 8 * k;
    return d;
}

TEST(Packed, VideoOfFourBytes) {
    const auto values = manyValues<u32>(40);
    const auto expect = [&](const std::string& name, bool isSigned, auto f) {
        const std::string type = isSigned ? "s32" : "u32";
        expectEach<u32>(
            name + "." + type + "." + type + "." + type + " %d, %a, %b, %a;",
            [=](u32 a, u32 b) { return onBytes(a, b, isSigned, f); }, values, values);
    };
    for (const bool isSigned : {false, true}) {
        expect("vadd4", isSigned, [](int a, int b) { return a + b; });
        expect("vsub4", isSigned, [](int a, int b) { return a - b; });
        expect("vmin4", isSigned, [](int a, int b) { return std::min(a, b); });
        expect("vmax4", isSigned, [](int a, int b) { return std::max(a, b); });
        expect("vabsdiff4", isSigned, [](int a, int b) { return std::abs(a - b); });
        expect("vavrg4", isSigned,
               [](int a, int b) { return a + b >= 0 ? (a + b + 1) / 2 : -((-a - b) / 2 + (-a - b) % 2); });
    }
    expectEach<u32>(
        "vadd4.u32.u32.u32.sat %d, %a, %b, %a;",
        [](u32 a, u32 b) {
            return onBytes(a, b, false, [](int x, int y) { return clampTo(x + y, 0, 255); });
        },
        values, values);
    expectEach<u32>(
        "vsub4.s32.s32.s32.sat %d, %a, %b, %a;",
        [](u32 a, u32 b) {
            return onBytes(a, b, true, [](int x, int y) { return clampTo(x - y, -128, 127); });
        },
        values, values);
    expectEach<u32>(
        "vabsdiff4.u32.u32.u32.add %d, %a, %b, %b;",
        [](u32 a, u32 b) {
            u32 sum = b;
            for (int k = 0; k < 4; k++)
                sum += static_cast<u32>(std::abs(byteOf(a, k, false) - byteOf(b, k, false)));
            return sum;
        },
        values, values);
    expectEach<u32>(
        "vset4.u32.u32.lt %d, %a, %b, %a;",
        [](u32 a, u32 b) { return onBytes(a, b, false, [](int x, int y) { return x < y ? 1 : 0; }); }, values,
        values);
    // Only bytes 3 and 1 are written, byte 3 from byte 0 of b, byte 1 from byte 2 of a.
    expectEach<u32>(
        "vadd4.u32.u32.u32 %d.b31, %a.b4321, %b.b7720, %a;",
        [](u32 a, u32 b) {
            const auto of = [&](int part) { return byteOf(part < 4 ? a : b, part % 4, false); };
            const u32 high = static_cast<u32>(of(4) + of(7)) & 255;
            const u32 low = static_cast<u32>(of(2) + of(2)) & 255;
            return (a & 0x00ff00ff) | high << 24 | low << 8;
        },
        values, values);
}

TEST(Packed, VideoOfHalvesAndWords) {
    const auto values = manyValues<u32>(40);
    expectEach<u32>(
        "vmax2.s32.s32.s32 %d, %a, %b, %a;",
        [](u32 a, u32 b) {
            const auto max = [](u32 x, u32 y) {
                return static_cast<u16>(std::max(static_cast<s16>(x), static_cast<s16>(y)));
            };
            return u32{max(a, b)} | u32{max(a >> 16, b >> 16)} << 16;
        },
        values, values);
    expectEach<u32>(
        "vabsdiff.u32.s32.s32 %d, %a, %b;",
        [](u32 a, u32 b) {
            return static_cast<u32>(std::abs(s64{static_cast<s32>(a)} - static_cast<s32>(b)));
        },
        values, values);
    expectEach<u32>(
        "vadd.s32.u32.s32.sat %d, %a, %b.h1;",
        [](u32 a, u32 b) {
            const s64 sum = s64{a} + static_cast<s16>(b >> 16);
            return static_cast<u32>(std::min<s64>(std::max<s64>(sum, INT32_MIN), INT32_MAX));
        },
        values, values);
    expectEach<u32>(
        "vsub.u32.u32.u32 %d.b2, %a.b0, %b.b3, %b;",
        [](u32 a, u32 b) {
            return (b & 0xff00ffff) | (static_cast<u32>(byteOf(a, 0, false) - byteOf(b, 3, false)) & 255)
                                          << 16;
        },
        values, values);
    expectEach<u32>(
        "vset.s32.u32.lt %d, %a, %b;",
        [](u32 a, u32 b) { return s64{static_cast<s32>(a)} < s64{b} ? 1U : 0U; }, values, values);
    expectEach<u32>(
        "vset.u32.u32.ge.add %d, %a.h0, %b.h1, %b;",
        [](u32 a, u32 b) { return b + ((a & 0xffff) >= b >> 16 ? 1 : 0); }, values, values);
    expectEach<u32>(
        "vmin.s32.s32.s32.max %d, %a, %b, 5;",
        [](u32 a, u32 b) {
            return static_cast<u32>(std::max(std::min(static_cast<s32>(a), static_cast<s32>(b)), 5));
        },
        values, values);
}

u32 clamped(__int128 x, bool isSigned) {
    const __int128 low = isSigned ? INT32_MIN : 0;
    const __int128 high = isSigned ? __int128{INT32_MAX} : __int128{UINT32_MAX};
    return static_cast<u32>(std::min(std::max(x, low), high));
}

TEST(Packed, VideoShifts) {
    const auto values = manyValues<u32>(40);
    const std::vector<u32> amounts{0, 1, 7, 31, 32, 33, 63, 64, 0x80000000, 0xffffffff};
    expectEach<u32>(
        "vshl.u32.u32.u32.clamp %d, %a, %b;", [](u32 a, u32 b) { return b > 31 ? 0 : a << b; }, values,
        amounts);
    expectEach<u32>(
        "vshl.u32.u32.u32.wrap %d, %a, %b;", [](u32 a, u32 b) { return a << (b & 31); }, values, amounts);
    expectEach<u32>(
        "vshl.s32.s32.u32.sat.clamp %d, %a, %b;",
        [](u32 a, u32 b) { return clamped(__int128{static_cast<s32>(a)} << std::min(b, 32U), true); }, values,
        amounts);
    expectEach<u32>(
        "vshl.u32.u32.u32.sat.clamp %d, %a.h1, %b;",
        [](u32 a, u32 b) { return clamped(__int128{a >> 16} << std::min(b, 32U), false); }, values, amounts);
    expectEach<u32>(
        "vshr.s32.s32.u32.clamp.add %d, %a.b3, %b, %a;",
        [](u32 a, u32 b) { return static_cast<u32>(static_cast<s8>(a >> 24) >> std::min(b, 31U)) + a; },
        values, amounts);
    expectEach<u32>(
        "vshr.u32.u32.u32.wrap %d.b1, %a, %b, %b;",
        [](u32 a, u32 b) { return (b & 0xffff00ff) | (a >> (b & 31) & 255) << 8; }, values, amounts);
}

TEST(Packed, VideoProducts) {
    const auto values = manyValues<u32>(30);
    expectEach<u32>(
        "vmad.u32.u32.u32 %d, %a.b2, %b, %a;", [](u32 a, u32 b) { return (a >> 16 & 255) * b + a; }, values,
        values);
    expectEach<u32>(
        "vmad.s32.s32.u32.sat.shr7 %d, %a, %b.h0, %b;",
        [](u32 a, u32 b) {
            const __int128 product = __int128{static_cast<s32>(a)} * (b & 0xffff);
            return clamped((product + static_cast<s32>(b)) >> 7, true);
        },
        values, values);
    expectEach<u32>(
        "vmad.u32.u32.u32.sat.shr15 %d, -%a, %b, %b;",
        [](u32 a, u32 b) { return clamped((-(__int128{a} * b) + static_cast<s32>(b)) >> 15, true); }, values,
        values);
    expectEach<u32>(
        "vmad.u32.u32.u32.po.sat %d, %a.h1, %b.h1, %b;",
        [](u32 a, u32 b) { return clamped(__int128{a >> 16} * (b >> 16) + b + 1, false); }, values, values);
    expectEach<u32>(
        "vmad.u32.u32.u32.sat %d, %a, %b, -%a;",
        [](u32 a, u32 b) { return clamped(__int128{a} * b - static_cast<s32>(a), true); }, values, values);
}

TEST(Packed, PairsOfIntegers) {
    const auto values = manyValues<u32>(40);
    const auto expect = [&](const std::string& name, auto f) {
        expectEachOn<u32>(
            90, name + " %d, %a, %b;",
            [=](u32 a, u32 b) {
                return u32{static_cast<u16>(f(static_cast<s16>(a), static_cast<s16>(b)))} |
                       u32{static_cast<u16>(f(static_cast<s16>(a >> 16), static_cast<s16>(b >> 16)))} << 16;
            },
            values, values);
    };
    expect("add.s16x2", [](int a, int b) { return a + b; });
    expect("min.s16x2", [](int a, int b) { return std::min(a, b); });
    expect("max.u16x2", [](int a, int b) { return std::max(a & 0xffff, b & 0xffff); });
    expect("min.relu.s16x2", [](int a, int b) { return std::max(std::min(a, b), 0); });
    expect("max.relu.s16x2", [](int a, int b) { return std::max({a, b, 0}); });
}

TEST(Packed, BitsThatAreFoundAndExtended) {
    std::vector<u32> masks = manyValues<u32>(10), bases{0, 5, 17, 31}, offsets{0, 1, 2, 7, ~0u, ~1u, 32};
    expectEach<u32>(
        "fns.b32 %d, %a, %b, %c;",
        [](u32 mask, u32 base, u32 offset) {
            const int by = static_cast<int>(offset);
            int left = std::abs(by);
            if (by == 0) return mask >> base & 1 ? base : ~0u;
            for (int at = static_cast<int>(base); at >= 0 && at<32; at += by> 0 ? 1 : -1)
                if ((mask >> at & 1) != 0 && --left == 0) return static_cast<u32>(at);
            return ~0u;
        },
        masks, bases, offsets);
    const std::vector<u32> widths{0, 1, 8, 31, 32, 33, 200};
    const auto extended = [](u32 a, u32 bits, bool isSigned) {
        if (bits == 0) return 0u;
        const int up = static_cast<int>(32 - std::min(bits, 32u));
        return isSigned ? static_cast<u32>(static_cast<s32>(a << up) >> up) : a << up >> up;
    };
    expectEach<u32>(
        "szext.clamp.s32 %d, %a, %b;", [&](u32 a, u32 b) { return extended(a, b, true); }, masks, widths);
    expectEach<u32>(
        "szext.wrap.u32 %d, %a, %b;", [&](u32 a, u32 b) { return extended(a, b & 31, false); }, masks,
        widths);
}

TEST(Packed, PackingConversions) {
    std::vector<u32> values = manyValues<u32>(20);
    for (const int small : {-40000, -129, -128, -9, -8, 0, 1, 7, 8, 127, 128, 255, 256, 65535, 65536})
        values.push_back(static_cast<u32>(small));
    const auto clamped = [](u32 a, int low, int high) {
        return static_cast<u32>(clampTo(static_cast<s32>(a), low, high));
    };
    expectEach<u32>(
        "cvt.pack.sat.s16.s32 %d, %a, %b;",
        [&](u32 a, u32 b) {
            return (clamped(a, -32768, 32767) & 0xffff) << 16 | (clamped(b, -32768, 32767) & 0xffff);
        },
        values, values);
    expectEach<u32>(
        "cvt.pack.sat.u8.s32.b32 %d, %a, %b, %a;",
        [&](u32 a, u32 b) { return a << 16 | clamped(a, 0, 255) << 8 | clamped(b, 0, 255); }, values, values);
    expectEach<u32>(
        "cvt.pack.sat.s4.s32.b32 %d, %a, %b, %a;",
        [&](u32 a, u32 b) { return a << 8 | (clamped(a, -8, 7) & 15) << 4 | (clamped(b, -8, 7) & 15); },
        values, values);
}

/// The value of an FP8 number, written out from its format.
double fp8(u32 code, int fraction, int bias, bool hasInfinity) {
    const int exponent = static_cast<int>(code & 0x7f) >> fraction;
    const int digits = static_cast<int>(code & ((1u << fraction) - 1));
    const double sign = (code & 0x80) != 0 ? -1 : 1;
    if (hasInfinity && exponent == 31) return digits == 0 ? sign * INFINITY : NAN;
    if (!hasInfinity && (code & 0x7f) == 0x7f) return NAN;
    if (exponent == 0) return sign * std::ldexp(digits, 1 - bias - fraction);
    return sign * std::ldexp(digits + (1 << fraction), exponent - bias - fraction);
}

TEST(Packed, Fp8) {
    struct Kind {
        const char* name;
        int fraction, bias;
        bool hasInfinity;
    };
    for (const Kind kind : {Kind{"e4m3", 3, 7, false}, Kind{"e5m2", 2, 15, true}}) {
        // From FP8 every number; to it the nearest, found by looking at all.
        std::vector<u16> codes;
        for (u32 code = 0; code < 256; code++)
            codes.push_back(static_cast<u16>(code | (code * 7 & 255) << 8));
        const std::string name = kind.name;
        expectEachOn<u32>(
            89, "cvt.rn.f16x2." + name + "x2 %d, %a;",
            [&](u16 a) {
                const auto half = [&](u32 code) {
                    const double x = fp8(code, kind.fraction, kind.bias, kind.hasInfinity);
                    for (u32 bits = 0; bits < 0x10000; bits++) {
                        const double h = toDouble(f16{static_cast<u16>(bits)});
                        if (x != x ? bits == 0x7fff : h == x && std::signbit(h) == std::signbit(x))
                            return bits;
                    }
                    return 0u;
                };
                return half(a & 255u) | half(a >> 8) << 16;
            },
            codes);
        const double largest = kind.hasInfinity ? 57344 : 448;
        std::vector<float> values = floatEdges<float>();
        for (u32 code = 0; code < 0x7f; code++) {
            const double x = fp8(code, kind.fraction, kind.bias, kind.hasInfinity);
            const double next = fp8(code + 1, kind.fraction, kind.bias, kind.hasInfinity);
            for (const double v :
                 {x, -x, (x + next) / 2, std::nextafter((x + next) / 2, 0.0), x + (next - x) * 0.51})
                values.push_back(static_cast<float>(v));
        }
        const auto nearest = [&](float a) {
            if (a != a) return 0x7fu;
            u32 best = 0;
            double error = INFINITY;
            for (u32 code = 0; code < 0x80; code++) {
                const double x = fp8(code, kind.fraction, kind.bias, kind.hasInfinity);
                if (x != x || x > largest) continue;
                const double off = std::fabs(x - std::min<double>(std::fabs(a), largest));
                if (off < error || (off == error && (code & 1) == 0)) {
                    error = off;
                    best = code;
                }
            }
            return best | (std::signbit(a) ? 0x80u : 0u);
        };
        expectEachOn<u16>(
            89, "cvt.rn.satfinite." + name + "x2.f32 %d, %a, %a;",
            [&](float a) { return static_cast<u16>(nearest(a) << 8 | nearest(a)); }, values);
    }
}

TEST(Packed, ComparisonsOfPairs) {
    const auto values = manyValues<u32>(60);
    const auto half = [](u32 x, int k) { return toDouble(f16{static_cast<u16>(x >> 16 * k)}); };
    const auto both = [&](u32 a, u32 b, u32 yes, auto holds) {
        return (holds(half(a, 0), half(b, 0)) ? yes : 0) | (holds(half(a, 1), half(b, 1)) ? yes << 16 : 0);
    };
    const auto less = [](double a, double b) { return a < b; };
    const auto notLess = [](double a, double b) { return !(a < b); };
    expectEach<u32>(
        "set.lt.f16x2.f16x2 %d, %a, %b;", [&](u32 a, u32 b) { return both(a, b, 0x3c00, less); }, values,
        values);
    expectEach<u32>(
        "set.geu.u32.f16x2 %d, %a, %b;", [&](u32 a, u32 b) { return both(a, b, 0xffff, notLess); }, values,
        values);
    expectEach<u32>(
        "setp.lt.f16x2 %p0|%p1, %a, %b; selp.u32 %d, 1, 0, %p0; selp.u32 %r0, 2, 0, %p1; or.b32 %d, %d, %r0;",
        [&](u32 a, u32 b) {
            return (less(half(a, 0), half(b, 0)) ? 1u : 0u) | (less(half(a, 1), half(b, 1)) ? 2u : 0u);
        },
        values, values);
    const auto narrow = [](u32 x, int k) { return toDouble(bf16{static_cast<u16>(x >> 16 * k)}); };
    expectEachOn<u32>(
        90, "set.eq.bf16x2.bf16x2 %d, %a, %b;",
        [&](u32 a, u32 b) {
            return (narrow(a, 0) == narrow(b, 0) ? 0x3f80u : 0u) |
                   (narrow(a, 1) == narrow(b, 1) ? 0x3f800000u : 0u);
        },
        values, values);
}

TEST(Packed, Lop3WithAPredicate) {
    const auto values = manyValues<u32>(20);
    expectEach<u32>(
        "setp.lt.u32 %p1, %a, %b; lop3.or.b32 %r0|%p0, %a, %b, %c, 0x80, !%p1; selp.u32 %d, 1, 0, %p0;",
        [](u32 a, u32 b, u32 c) { return (a & b & c) != 0 || !(a < b) ? 1u : 0u; }, values, values, values);
}

}  // namespace
}  // namespace quern::emulator
