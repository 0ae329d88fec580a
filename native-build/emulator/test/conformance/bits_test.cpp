// Logic, shifts and bit fields: and or xor not cnot lop3 shl shr shf bfe bfi prmt popc clz brev bfind fns dp4a dp2a.
#include <algorithm>

#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

TEST(Logic, BitwiseOfEveryWidth) {
    forTypes<u16, u32, u64>([](auto zero) {
        using T = decltype(zero);
        const std::string type = bitsName<T>();
        expectEach<T>(
            "and." + type + " %d, %a, %b;", [](T a, T b) { return static_cast<T>(a & b); }, edges<T>(),
            edges<T>());
        expectEach<T>(
            "or." + type + " %d, %a, %b;", [](T a, T b) { return static_cast<T>(a | b); }, edges<T>(),
            edges<T>());
        expectEach<T>(
            "xor." + type + " %d, %a, %b;", [](T a, T b) { return static_cast<T>(a ^ b); }, edges<T>(),
            edges<T>());
        expectEach<T>(
            "not." + type + " %d, %a;", [](T a) { return static_cast<T>(~a); }, edges<T>());
        expectEach<T>(
            "cnot." + type + " %d, %a;", [](T a) { return static_cast<T>(a == 0); }, edges<T>());
    });
}

TEST(Logic, OfPredicates) {
    // Bits 0 and 1 of the thread's index are the operands.
    const std::vector<u32> actual = runThreads<u32>(R"(
    and.b32 %r0, %i, 1; setp.ne.u32 %p0, %r0, 0;
    and.b32 %r1, %i, 2; setp.ne.u32 %p1, %r1, 0;
    mov.u32 %d, 0;
    and.pred %p2, %p0, %p1; @%p2 or.b32 %d, %d, 1;
    or.pred %p2, %p0, %p1; @%p2 or.b32 %d, %d, 2;
    xor.pred %p2, %p0, %p1; @%p2 or.b32 %d, %d, 4;
    not.pred %p2, %p0; @%p2 or.b32 %d, %d, 8;
    mov.pred %p2, %p1; @!%p2 or.b32 %d, %d, 16;
    selp.b32 %r2, 32, 64, %p0; or.b32 %d, %d, %r2;)",
                                                    4);
    expectThreads(actual, [](u32 i) {
        const bool p = i & 1, q = i & 2;
        return (p && q) | (p || q) << 1 | (p != q) << 2 | !p << 3 | !q << 4 | (p ? 32 : 64);
    });
}

TEST(Logic, Lop3EveryTable) {
    const std::vector<u32> a = randomBits<u32>(6, 1), b = randomBits<u32>(6, 2), c = randomBits<u32>(6, 3);
    const std::vector<std::tuple<u32, u32, u32>> rows = product(a, b, c);
    // All 256 tables in one kernel each would take 256 loads; eight at a time are folded into one word instead.
    for (u32 first = 0; first < 256; first += 8) {
        std::string body = "mov.u32 %d, 0;";
        for (u32 table = first; table < first + 8; table++) {
            body += " lop3.b32 %r0, %a, %b, %c, " + std::to_string(table) +
                    "; mul.lo.u32 %d, %d, 31; add.u32 %d, %d, %r0;";
        }
        expectRows<u32>(
            body,
            [&](u32 x, u32 y, u32 z) {
                u32 folded = 0;
                for (u32 table = first; table < first + 8; table++) {
                    u32 result = 0;
                    for (int bit = 0; bit < 32; bit++) {
                        const u32 entry = (x >> bit & 1) << 2 | (y >> bit & 1) << 1 | (z >> bit & 1);
                        result |= (table >> entry & 1) << bit;
                    }
                    folded = folded * 31 + result;
                }
                return folded;
            },
            rows);
    }
}

const std::vector<u32> AMOUNTS{0,  1,  4,  7,  8,   15,  16,  17,         31,        32,
                               33, 63, 64, 65, 127, 255, 256, 0x80000000, 0xffffffff};

// "Shift amounts greater than the register width N are clamped to N."
TEST(Shift, LeftAndRight) {
    forTypes<u16, u32, u64>([](auto zero) {
        using T = decltype(zero);
        constexpr u32 WIDTH = 8 * sizeof(T);
        expectEach<T>(
            "shl." + bitsName<T>() + " %d, %a, %b;",
            [](T a, u32 n) { return n >= WIDTH ? T{0} : static_cast<T>(u64{a} << n); }, edges<T>(), AMOUNTS);
        expectEach<T>(
            "shr." + bitsName<T>() + " %d, %a, %b;",
            [](T a, u32 n) { return n >= WIDTH ? T{0} : static_cast<T>(u64{a} >> n); }, edges<T>(), AMOUNTS);
        expectEach<T>(
            "shr." + typeName<T>() + " %d, %a, %b;",
            [](T a, u32 n) { return n >= WIDTH ? T{0} : static_cast<T>(u64{a} >> n); }, edges<T>(), AMOUNTS);
        using S = std::make_signed_t<T>;
        expectEach<S>(
            "shr." + typeName<S>() + " %d, %a, %b;",
            [](S a, u32 n) { return static_cast<S>(s64{a} >> std::min(n, WIDTH - 1)); }, edges<S>(), AMOUNTS);
    });
}

TEST(Shift, Funnel) {
    const auto wrap = [](u32 n) { return n & 31; };
    const auto clamp = [](u32 n) { return std::min(n, 32u); };
    const auto left = [](u32 low, u32 high, u32 n) {
        return static_cast<u32>((((u64{high} << 32) | low) << n) >> 32);
    };
    const auto right = [](u32 low, u32 high, u32 n) {
        return static_cast<u32>(((u64{high} << 32) | low) >> n);
    };
    const std::vector<u32> words = edges<u32>();
    expectEach<u32>(
        "shf.l.wrap.b32 %d, %a, %b, %c;", [&](u32 a, u32 b, u32 c) { return left(a, b, wrap(c)); }, words,
        words, AMOUNTS);
    expectEach<u32>(
        "shf.l.clamp.b32 %d, %a, %b, %c;", [&](u32 a, u32 b, u32 c) { return left(a, b, clamp(c)); }, words,
        words, AMOUNTS);
    expectEach<u32>(
        "shf.r.wrap.b32 %d, %a, %b, %c;", [&](u32 a, u32 b, u32 c) { return right(a, b, wrap(c)); }, words,
        words, AMOUNTS);
    expectEach<u32>(
        "shf.r.clamp.b32 %d, %a, %b, %c;", [&](u32 a, u32 b, u32 c) { return right(a, b, clamp(c)); }, words,
        words, AMOUNTS);
}

const std::vector<u32> FIELDS{0,  1,  2,  5,  8,  16, 17,  24,  30,  31,    32,        33,
                              40, 48, 62, 63, 64, 65, 100, 255, 256, 0x101, 0xffffffff};

// "bfe: extract bit field from a and place the zero or sign-extended result in d. Source b gives the bit field
// starting bit position, and source c gives the bit field length in bits. Operands a and d have the same type as the
// instruction type. Operands b and c are type .u32, but are restricted to the 8-bit value range 0..255.
// The sign bit of the extracted field is defined as: .u32, .u64: zero; .s32, .s64: msb of input a if the extracted
// field extends beyond the msb of a, msb of extracted field otherwise. If the bit field length is zero, the result
// is zero." The pseudo code of the specification, on purpose:
template <class T>
T extracted(T a, u32 b, u32 c) {
    constexpr int MSB = 8 * sizeof(T) - 1;
    const u64 bits = toBits(a);
    const int pos = b & 0xff, len = c & 0xff;
    bool sbit = false;
    if (std::is_signed_v<T> && len != 0) sbit = bits >> std::min(pos + len - 1, MSB) & 1;
    u64 d = 0;
    for (int i = 0; i <= MSB; i++) {
        const bool bit = i < len && pos + i <= MSB ? bits >> (pos + i) & 1 : sbit;
        d |= u64{bit} << i;
    }
    return fromBits<T>(d);
}

TEST(BitField, Extract) {
    forTypes<u32, s32, u64, s64>([](auto zero) {
        using T = decltype(zero);
        expectEach<T>("bfe." + typeName<T>() + " %d, %a, %b, %c;", extracted<T>, edges<T>(), FIELDS, FIELDS);
    });
}

// "bfi: f = b; for (i = 0; i < len && pos + i <= msb; i++) f[pos + i] = a[i]", pos and len of 8 bits.
TEST(BitField, Insert) {
    forTypes<u32, u64>([](auto zero) {
        using T = decltype(zero);
        std::vector<T> few{0, static_cast<T>(-1), 0x12345678};
        for (T value : randomBits<T>(4)) few.push_back(value);
        expectEach<T>(
            "bfi." + bitsName<T>() + " %d, %a, %b, %c, %e;",
            [](T a, T b, u32 c, u32 e) {
                const u32 pos = c & 0xff, len = e & 0xff;
                T f = b;
                for (u32 i = 0; i < len && pos + i < 8 * sizeof(T); i++) {
                    f &= ~(T{1} << (pos + i));
                    f |= (a >> i & 1) << (pos + i);
                }
                return f;
            },
            few, few, FIELDS, FIELDS);
    });
}

// The bytes of b:a are numbered 7..0; a selector's low three bits choose one, its fourth replicates that byte's sign.
u32 permuted(u32 a, u32 b, const std::array<u32, 4>& selectors) {
    const u64 bytes = (u64{b} << 32) | a;
    u32 d = 0;
    for (int i = 0; i < 4; i++) {
        u32 byte = bytes >> (8 * (selectors[i] & 7)) & 0xff;
        if (selectors[i] & 8) byte = byte & 0x80 ? 0xff : 0;
        d |= byte << (8 * i);
    }
    return d;
}

TEST(Permute, General) {
    std::vector<u32> selectors{0x3210, 0x7654, 0x0123, 0xfedc,     0x5410,
                               0x7632, 0xba98, 0x8888, 0x12343210, 0xffff4321};
    for (u32 selector : randomBits<u32>(40)) selectors.push_back(selector);
    expectEach<u32>(
        "prmt.b32 %d, %a, %b, %c;",
        [](u32 a, u32 b, u32 c) {
            return permuted(a, b, {c & 15, c >> 4 & 15, c >> 8 & 15, c >> 12 & 15});
        },
        randomBits<u32>(6, 5), randomBits<u32>(6, 6), selectors);
    expectEach<u32>(
        "prmt.b32 %d, %a, %b, 0x7531;",
        [](u32 a, u32 b) {
            return permuted(a, b, {1, 3, 5, 7});
        },
        edges<u32>(), edges<u32>());
}

// The tables of the specification: for each selector 0..3, bytes d[31..24], d[23..16], d[15..8], d[7..0].
TEST(Permute, Modes) {
    struct Mode {
        const char* name;
        u32 table[4][4];
    };
    const Mode modes[] = {
        {"f4e", {{3, 2, 1, 0}, {4, 3, 2, 1}, {5, 4, 3, 2}, {6, 5, 4, 3}}},
        {"b4e", {{5, 6, 7, 0}, {6, 7, 0, 1}, {7, 0, 1, 2}, {0, 1, 2, 3}}},
        {"rc8", {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}},
        {"ecl", {{3, 2, 1, 0}, {3, 2, 1, 1}, {3, 2, 2, 2}, {3, 3, 3, 3}}},
        {"ecr", {{0, 0, 0, 0}, {1, 1, 1, 0}, {2, 2, 1, 0}, {3, 2, 1, 0}}},
        {"rc16", {{1, 0, 1, 0}, {3, 2, 3, 2}, {1, 0, 1, 0}, {3, 2, 3, 2}}},
    };
    for (const Mode& mode : modes) {
        expectEach<u32>(
            std::string("prmt.b32.") + mode.name + " %d, %a, %b, %c;",
            [&](u32 a, u32 b, u32 c) {
                const u32* row = mode.table[c & 3];
                return permuted(a, b, {row[3], row[2], row[1], row[0]});
            },
            randomBits<u32>(8, 5), randomBits<u32>(8, 6), std::vector<u32>{0, 1, 2, 3, 4, 0xffffffff});
    }
}

TEST(Count, PopcAndClz) {
    expectEach<u32>(
        "popc.b32 %d, %a;", [](u32 a) { return static_cast<u32>(std::popcount(a)); }, manyValues<u32>());
    expectEach<u32>(
        "popc.b64 %d, %a;", [](u64 a) { return static_cast<u32>(std::popcount(a)); }, manyValues<u64>());
    expectEach<u32>(
        "clz.b32 %d, %a;", [](u32 a) { return static_cast<u32>(std::countl_zero(a)); }, manyValues<u32>());
    expectEach<u32>(
        "clz.b64 %d, %a;", [](u64 a) { return static_cast<u32>(std::countl_zero(a)); }, manyValues<u64>());
}

TEST(Count, Brev) {
    forTypes<u32, u64>([](auto zero) {
        using T = decltype(zero);
        expectEach<T>(
            "brev." + bitsName<T>() + " %d, %a;",
            [](T a) {
                T reversed = 0;
                for (u32 i = 0; i < 8 * sizeof(T); i++)
                    reversed = static_cast<T>(reversed << 1 | (a >> i & 1));
                return reversed;
            },
            manyValues<T>());
    });
}

// The most significant bit that is set; of signed types, that differs from the sign. 0xffffffff where there is none.
template <class T>
u32 leadingBit(T a) {
    using U = std::make_unsigned_t<T>;
    const U bits = a < 0 ? static_cast<U>(~static_cast<U>(a)) : static_cast<U>(a);
    if (bits == 0) return ~u32{0};
    return static_cast<u32>(8 * sizeof(T) - 1 - std::countl_zero(bits));
}

TEST(Count, Bfind) {
    forTypes<u32, s32, u64, s64>([](auto zero) {
        using T = decltype(zero);
        expectEach<u32>("bfind." + typeName<T>() + " %d, %a;", leadingBit<T>, manyValues<T>());
        // "If .shiftamt is specified, bfind returns the shift amount needed to left-shift the found bit into the
        // most-significant bit position": d = msb - d, for signed types too.
        expectEach<u32>(
            "bfind.shiftamt." + typeName<T>() + " %d, %a;",
            [](T a) {
                const u32 bit = leadingBit(a);
                return bit == ~u32{0} ? bit : static_cast<u32>(8 * sizeof(T) - 1 - bit);
            },
            manyValues<T>());
    });
}

template <class T>
s64 element(u32 word, int index, int bits) {
    const u32 raw = word >> (index * bits) & ((1u << bits) - 1);
    return std::is_signed_v<T> && raw >> (bits - 1) ? s64{raw} - (s64{1} << bits) : s64{raw};
}

TEST(DotProduct, FourBytes) {
    forTypes<u32, s32>([](auto za) {
        forTypes<u32, s32>([](auto zb) {
            using A = decltype(za);
            using B = decltype(zb);
            expectEach<u32>(
                "dp4a." + typeName<A>() + "." + typeName<B>() + " %d, %a, %b, %c;",
                [](u32 a, u32 b, u32 c) {
                    s64 sum = 0;
                    for (int i = 0; i < 4; i++) sum += element<A>(a, i, 8) * element<B>(b, i, 8);
                    return static_cast<u32>(c + sum);
                },
                edges<u32>(), edges<u32>(), std::vector<u32>{0, 1, 0x7fffffff, 0x80000000, 0xffffffff});
        });
    });
}

TEST(DotProduct, TwoHalvesTimesBytes) {
    forTypes<u32, s32>([](auto za) {
        forTypes<u32, s32>([](auto zb) {
            using A = decltype(za);
            using B = decltype(zb);
            for (int high : {0, 1}) {
                expectEach<u32>(
                    std::string("dp2a.") + (high ? "hi." : "lo.") + typeName<A>() + "." + typeName<B>() +
                        " %d, %a, %b, %c;",
                    [&](u32 a, u32 b, u32 c) {
                        s64 sum = 0;
                        for (int i = 0; i < 2; i++)
                            sum += element<A>(a, i, 16) * element<B>(b, i + 2 * high, 8);
                        return static_cast<u32>(c + sum);
                    },
                    edges<u32>(), edges<u32>(), std::vector<u32>{0, 1, 0x7fffffff, 0x80000000, 0xffffffff});
            }
        });
    });
}

}  // namespace
}  // namespace quern::emulator
