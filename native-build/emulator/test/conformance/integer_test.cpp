// Integer arithmetic: add sub mul mad mul24 mad24 sad div rem abs neg min max, and the carry chains.
#include <algorithm>

#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

template <class T>
using Unsigned = std::make_unsigned_t<T>;

// Arithmetic modulo 2^N, wide enough that the promotion of 16-bit operands cannot overflow.
template <class T>
T wrapped(u128 value) {
    return static_cast<T>(static_cast<Unsigned<T>>(value));
}

template <class T>
s128 exact(T value) {
    return static_cast<s128>(value);
}

template <class T>
T highHalf(T a, T b) {
    // 64 x 64 bits do not fit a signed 128-bit product only if unsigned: multiply as the type says.
    if constexpr (std::is_signed_v<T>)
        return static_cast<T>((exact(a) * exact(b)) >> (8 * sizeof(T)));
    else
        return static_cast<T>((static_cast<u128>(a) * b) >> (8 * sizeof(T)));
}

#define FOR_WORDS(...) forTypes<u16, s16, u32, s32, u64, s64>(__VA_ARGS__)

TEST(Integer, AddAndSub) {
    FOR_WORDS([](auto zero) {
        using T = decltype(zero);
        const std::string type = typeName<T>();
        expectEach<T>(
            "add." + type + " %d, %a, %b;", [](T a, T b) { return wrapped<T>(exact(a) + exact(b)); },
            edges<T>(), edges<T>());
        expectEach<T>(
            "sub." + type + " %d, %a, %b;", [](T a, T b) { return wrapped<T>(exact(a) - exact(b)); },
            edges<T>(), edges<T>());
    });
}

TEST(Integer, AddAndSubSaturateForS32Only) {
    const auto clamp = [](s64 value) {
        return static_cast<s32>(
            std::clamp<s64>(value, std::numeric_limits<s32>::min(), std::numeric_limits<s32>::max()));
    };
    expectEach<s32>(
        "add.sat.s32 %d, %a, %b;", [&](s32 a, s32 b) { return clamp(s64{a} + b); }, edges<s32>(),
        edges<s32>());
    expectEach<s32>(
        "sub.sat.s32 %d, %a, %b;", [&](s32 a, s32 b) { return clamp(s64{a} - b); }, edges<s32>(),
        edges<s32>());
    expectEach<s32>(
        "mad.hi.sat.s32 %d, %a, %b, %c;", [&](s32 a, s32 b, s32 c) { return clamp(s64{highHalf(a, b)} + c); },
        edges<s32>(), edges<s32>(),
        std::vector<s32>{0, 1, -1, std::numeric_limits<s32>::max(), std::numeric_limits<s32>::min()});
}

TEST(Integer, MulLowAndHigh) {
    FOR_WORDS([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "mul.lo." + typeName<T>() + " %d, %a, %b;",
            [](T a, T b) { return wrapped<T>(static_cast<u128>(exact(a)) * static_cast<u128>(exact(b))); },
            edges<T>(), edges<T>());
        expectEach<T>("mul.hi." + typeName<T>() + " %d, %a, %b;", highHalf<T>, edges<T>(), edges<T>());
    });
}

template <class Wide, class T>
void expectWide() {
    const std::string type = typeName<T>();
    expectEach<Wide>(
        "mul.wide." + type + " %d, %a, %b;", [](T a, T b) { return static_cast<Wide>(exact(a) * exact(b)); },
        edges<T>(), edges<T>());
    expectEach<Wide>(
        "mad.wide." + type + " %d, %a, %b, %c;",
        [](T a, T b, Wide c) { return wrapped<Wide>(exact(a) * exact(b) + exact(c)); }, edges<T>(),
        edges<T>(), edges<Wide>());
}

TEST(Integer, MulAndMadWide) {
    expectWide<u32, u16>();
    expectWide<s32, s16>();
    expectWide<u64, u32>();
    expectWide<s64, s32>();
}

TEST(Integer, MadLowAndHigh) {
    FOR_WORDS([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "mad.lo." + typeName<T>() + " %d, %a, %b, %c;",
            [](T a, T b, T c) {
                return wrapped<T>(static_cast<u128>(exact(a)) * static_cast<u128>(exact(b)) + exact(c));
            },
            edges<T>(), edges<T>(), edges<T>());
        expectEach<T>(
            "mad.hi." + typeName<T>() + " %d, %a, %b, %c;",
            [](T a, T b, T c) { return wrapped<T>(exact(highHalf(a, b)) + exact(c)); }, edges<T>(),
            edges<T>(), edges<T>());
    });
}

// The 48-bit product of the low 24 bits of each operand: .lo its low 32 bits, .hi its high 32 bits (bits 47..16).
template <class T>
s64 product24(T a, T b) {
    const auto low24 = [](T value) {
        const u32 bits = static_cast<u32>(value) & 0xffffff;
        return std::is_signed_v<T> && (bits & 0x800000) ? s64{bits} - 0x1000000 : s64{bits};
    };
    return low24(a) * low24(b);
}

TEST(Integer, Mul24AndMad24) {
    forTypes<u32, s32>([](auto zero) {
        using T = decltype(zero);
        const std::string type = typeName<T>();
        const std::vector<T> addends{0, 1, static_cast<T>(-1), static_cast<T>(0x80000000), 0x7fffffff};
        expectEach<T>(
            "mul24.lo." + type + " %d, %a, %b;", [](T a, T b) { return static_cast<T>(product24(a, b)); },
            edges<T>(), edges<T>());
        expectEach<T>(
            "mul24.hi." + type + " %d, %a, %b;",
            [](T a, T b) { return static_cast<T>(product24(a, b) >> 16); }, edges<T>(), edges<T>());
        expectEach<T>(
            "mad24.lo." + type + " %d, %a, %b, %c;",
            [](T a, T b, T c) { return wrapped<T>(product24(a, b) + exact(c)); }, edges<T>(), edges<T>(),
            addends);
        expectEach<T>(
            "mad24.hi." + type + " %d, %a, %b, %c;",
            [](T a, T b, T c) { return wrapped<T>((product24(a, b) >> 16) + exact(c)); }, edges<T>(),
            edges<T>(), addends);
    });
}

TEST(Integer, Sad) {
    FOR_WORDS([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "sad." + typeName<T>() + " %d, %a, %b, %c;",
            [](T a, T b, T c) {
                const s128 distance = exact(a) < exact(b) ? exact(b) - exact(a) : exact(a) - exact(b);
                return wrapped<T>(exact(c) + distance);
            },
            edges<T>(), edges<T>(), edges<T>());
    });
}

// "Division by zero yields an unspecified, machine-specific value": it must only not end the program. The quotient
// of the least number and -1 does not fit; two's complement wraps it.
TEST(Integer, DivAndRem) {
    FOR_WORDS([](auto zero) {
        using T = decltype(zero);
        std::vector<T> divisors = edges<T>();
        std::erase(divisors, T{0});
        expectEach<T>(
            "div." + typeName<T>() + " %d, %a, %b;", [](T a, T b) { return wrapped<T>(exact(a) / exact(b)); },
            edges<T>(), divisors);
        expectEach<T>(
            "rem." + typeName<T>() + " %d, %a, %b;", [](T a, T b) { return wrapped<T>(exact(a) % exact(b)); },
            edges<T>(), divisors);
    });
}

TEST(Integer, DivisionByZeroDoesNotEndTheProgram) {
    FOR_WORDS([](auto zero) {
        using T = decltype(zero);
        for (const char* operation : {"div", "rem"}) {
            const std::string body = std::string(operation) + "." + typeName<T>() + " %d, %a, %b; mov.b" +
                                     std::to_string(8 * sizeof(T)) + " %d, %a;";
            expectEach<T>(
                body, [](T a, T) { return a; }, edges<T>(), std::vector<T>{0});
        }
    });
}

TEST(Integer, AbsAndNeg) {
    forTypes<s16, s32, s64>([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "abs." + typeName<T>() + " %d, %a;", [](T a) { return a < 0 ? wrapped<T>(-exact(a)) : a; },
            edges<T>());
        expectEach<T>(
            "neg." + typeName<T>() + " %d, %a;", [](T a) { return wrapped<T>(-exact(a)); }, edges<T>());
    });
}

TEST(Integer, MinAndMax) {
    FOR_WORDS([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "min." + typeName<T>() + " %d, %a, %b;", [](T a, T b) { return std::min(a, b); }, edges<T>(),
            edges<T>());
        expectEach<T>(
            "max." + typeName<T>() + " %d, %a, %b;", [](T a, T b) { return std::max(a, b); }, edges<T>(),
            edges<T>());
    });
}

TEST(Integer, ImmediateOperands) {
    expectEach<u32>(
        "add.u32 %d, %a, 0xffffffff;", [](u32 a) { return a - 1; }, edges<u32>());
    expectEach<s32>(
        "add.s32 %d, %a, -2147483648;", [](s32 a) { return static_cast<s32>(u32(a) + 0x80000000u); },
        edges<s32>());
    expectEach<s64>(
        "add.s64 %d, %a, -1;", [](s64 a) { return static_cast<s64>(u64(a) - 1); }, edges<s64>());
    expectEach<u64>(
        "add.s64 %d, %a, 0x8000000000000000U;", [](u64 a) { return a + 0x8000000000000000u; }, edges<u64>());
    expectEach<u16>(
        "add.s16 %d, %a, -3;", [](u16 a) { return static_cast<u16>(a - 3); }, edges<u16>());
    expectEach<u32>(
        "add.u32 %d, %a, 0b1011; add.u32 %d, %d, 017;", [](u32 a) { return a + 11 + 15; }, edges<u32>());
    expectEach<u32>(
        "sub.u32 %d, 7, %a;", [](u32 a) { return 7 - a; }, edges<u32>());
}

// ---- carry chains -------------------------------------------------------------------------------------------------

template <class T>
u128 widths() {
    return u128{1} << (8 * sizeof(T));
}

// The flag is made by the first instruction and taken by the second; `high` tells whether it was set.
TEST(Carry, AddSetsAndAddcTakesIt) {
    forTypes<u32, u64, s32, s64>([](auto zero) {
        using T = decltype(zero);
        const std::string type = typeName<T>();
        const std::string scratch = sizeof(T) == 4 ? "%r0" : "%x0";
        expectEach<T>(
            "add.cc." + type + " " + scratch + ", %a, %b; addc." + type + " %d, %c, 0;",
            [](T a, T b, T c) {
                const u128 sum = u128{Unsigned<T>(a)} + Unsigned<T>(b);
                return wrapped<T>(u128{Unsigned<T>(c)} + (sum >= widths<T>()));
            },
            edges<T>(), edges<T>(), std::vector<T>{0, 5, static_cast<T>(-1)});
    });
}

TEST(Carry, SubSetsAndSubcTakesIt) {
    forTypes<u32, u64, s32, s64>([](auto zero) {
        using T = decltype(zero);
        const std::string type = typeName<T>();
        const std::string scratch = sizeof(T) == 4 ? "%r0" : "%x0";
        expectEach<T>(
            "sub.cc." + type + " " + scratch + ", %a, %b; subc." + type + " %d, %c, 0;",
            [](T a, T b, T c) {
                return wrapped<T>(u128{Unsigned<T>(c)} - (Unsigned<T>(a) < Unsigned<T>(b)));
            },
            edges<T>(), edges<T>(), std::vector<T>{0, 5, static_cast<T>(-1)});
    });
}

TEST(Carry, WholeChainsOf128Bits) {
    // d = the upper word of (a:b) +- (c:e)
    expectEach<u64>(
        "add.cc.u64 %x0, %b, %e; addc.u64 %d, %a, %c;",
        [](u64 a, u64 b, u64 c, u64 e) {
            return static_cast<u64>(((((u128{a} << 64) | b) + ((u128{c} << 64) | e)) >> 64));
        },
        randomBits<u64>(5), edges<u64>(), std::vector<u64>{0, ~u64{0}, 77}, edges<u64>());
    expectEach<u64>(
        "sub.cc.u64 %x0, %b, %e; subc.u64 %d, %a, %c;",
        [](u64 a, u64 b, u64 c, u64 e) {
            return static_cast<u64>(((((u128{a} << 64) | b) - ((u128{c} << 64) | e)) >> 64));
        },
        randomBits<u64>(5), edges<u64>(), std::vector<u64>{0, ~u64{0}, 77}, edges<u64>());
}

TEST(Carry, AddcAndSubcPassItOn) {
    // Three words: the middle one both takes and makes the flag. a = all three words of one operand, b of the other.
    expectEach<u32>(
        "add.cc.u32 %r0, %a, %b; addc.cc.u32 %r1, %a, %b; addc.u32 %d, 0, 0;",
        [](u32 a, u32 b) {
            const u64 low = u64{a} + b;
            return static_cast<u32>((u64{a} + b + (low >> 32)) >> 32);
        },
        edges<u32>(), edges<u32>());
    expectEach<u32>(
        "sub.cc.u32 %r0, %a, %b; subc.cc.u32 %r1, %a, %b; subc.u32 %d, 0, 0;",
        [](u32 a, u32 b) {
            const s64 borrow = a < b;
            return s64{a} - b - borrow < 0 ? ~u32{0} : 0;
        },
        edges<u32>(), edges<u32>());
}

TEST(Carry, MadSetsAndMadcTakesIt) {
    // The full 64-bit product plus a 64-bit addend, as compilers write it for 32-bit machines.
    expectEach<u64>(
        R"(mov.b64 {%r0, %r1}, %c;
    mad.lo.cc.u32 %r2, %a, %b, %r0;
    madc.hi.u32 %r3, %a, %b, %r1;
    mov.b64 %d, {%r2, %r3};)",
        [](u32 a, u32 b, u64 c) { return u64{a} * b + c; }, edges<u32>(), edges<u32>(), edges<u64>());
    // The carry out of mad.hi.cc and of madc.hi.cc: a 96-bit sum's top word.
    expectEach<u32>(
        R"(mov.b64 {%r0, %r1}, %c;
    mad.lo.cc.u32 %r2, %a, %b, %r0;
    madc.hi.cc.u32 %r3, %a, %b, %r1;
    addc.u32 %d, 0, 0;)",
        [](u32 a, u32 b, u64 c) { return static_cast<u32>((u128{a} * b + c) >> 64); }, edges<u32>(),
        edges<u32>(), edges<u64>());
    expectEach<u64>(
        "mad.lo.cc.u64 %x0, %a, %b, %c; madc.hi.u64 %d, %a, %b, 0;",
        [](u64 a, u64 b, u64 c) { return static_cast<u64>((u128{a} * b + c) >> 64); }, edges<u64>(),
        edges<u64>(), edges<u64>());
    expectEach<u32>(
        "mad.hi.cc.u32 %r0, %a, %b, %c; madc.lo.u32 %d, %a, %b, 1;",
        [](u32 a, u32 b, u32 c) {
            const u64 sum = (u64{a} * b >> 32) + c;
            return static_cast<u32>(a * b + 1 + (sum >> 32));
        },
        edges<u32>(), edges<u32>(), edges<u32>());
}

TEST(Carry, IsKeptByWhatDoesNotName_cc) {
    expectEach<u32>(
        "add.cc.u32 %r0, %a, %b; add.u32 %r1, %a, %a; mul.lo.u32 %r2, %b, 3; xor.b32 %r3, %r1, %r2; addc.u32 "
        "%d, 0, 0;",
        [](u32 a, u32 b) { return static_cast<u32>((u64{a} + b) >> 32); }, edges<u32>(), edges<u32>());
}

TEST(Carry, IsEachThreadsOwn) {
    const std::vector<u32> actual =
        runThreads<u32>("mov.u32 %r0, 0xfffffff0; add.cc.u32 %r1, %r0, %t; addc.u32 %d, 0, 0;", 32);
    expectThreads(actual, [](u32 i) { return i >= 16; });
}

}  // namespace
}  // namespace quern::emulator
