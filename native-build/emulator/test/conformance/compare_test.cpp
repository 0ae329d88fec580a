// Comparison and selection: setp set selp slct testp.
#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

// What holds between two values.
enum Relation { LESS = 1, EQUAL = 2, GREATER = 4, UNORDERED = 8 };

struct Operator {
    const char* name;
    int holds;  // for which relations
};

const Operator ORDERED[] = {{"eq", EQUAL},        {"ne", LESS | GREATER}, {"lt", LESS},
                            {"le", LESS | EQUAL}, {"gt", GREATER},        {"ge", GREATER | EQUAL}};
const Operator OF_UNSIGNED[] = {{"lo", LESS}, {"ls", LESS | EQUAL}, {"hi", GREATER}, {"hs", GREATER | EQUAL}};
const Operator OF_FLOATS[] = {{"equ", EQUAL | UNORDERED},      {"neu", LESS | GREATER | UNORDERED},
                              {"ltu", LESS | UNORDERED},       {"leu", LESS | EQUAL | UNORDERED},
                              {"gtu", GREATER | UNORDERED},    {"geu", GREATER | EQUAL | UNORDERED},
                              {"num", LESS | EQUAL | GREATER}, {"nan", UNORDERED}};

template <class T>
int relation(T a, T b) {
    if constexpr (FLOATING<T>) {
        const double x = toDouble(a), y = toDouble(b);
        return x < y ? LESS : x > y ? GREATER : x == y ? EQUAL : UNORDERED;
    } else {
        return a < b ? LESS : a > b ? GREATER : EQUAL;
    }
}

template <class T>
std::vector<Operator> operatorsOf() {
    std::vector<Operator> all(std::begin(ORDERED), std::end(ORDERED));
    if constexpr (FLOATING<T>)
        all.insert(all.end(), std::begin(OF_FLOATS), std::end(OF_FLOATS));
    else if (std::is_unsigned_v<T>)
        all.insert(all.end(), std::begin(OF_UNSIGNED), std::end(OF_UNSIGNED));
    return all;
}

template <class T>
void expectSetp(const std::string& suffix, int target = 80) {
    for (const Operator& op : operatorsOf<T>()) {
        expectEachOn<u32>(
            target, "setp." + std::string(op.name) + suffix + " %p0, %a, %b; selp.u32 %d, 1, 0, %p0;",
            [&](T a, T b) { return static_cast<u32>((relation(a, b) & op.holds) != 0); }, edges<T>(),
            edges<T>());
    }
}

TEST(Compare, SetpOfIntegers) {
    forTypes<u16, s16, u32, s32, u64, s64>(
        [](auto zero) { expectSetp<decltype(zero)>("." + typeName<decltype(zero)>()); });
}

TEST(Compare, SetpOfBits) {
    forTypes<u16, u32, u64>([](auto zero) {
        using T = decltype(zero);
        expectEach<u32>(
            "setp.eq." + bitsName<T>() + " %p0, %a, %b; selp.u32 %d, 1, 0, %p0;",
            [](T a, T b) { return static_cast<u32>(a == b); }, edges<T>(), edges<T>());
        expectEach<u32>(
            "setp.ne." + bitsName<T>() + " %p0, %a, %b; selp.u32 %d, 1, 0, %p0;",
            [](T a, T b) { return static_cast<u32>(a != b); }, edges<T>(), edges<T>());
    });
}

TEST(Compare, SetpOfFloats) {
    expectSetp<float>(".f32");
    expectSetp<double>(".f64");
    expectSetp<f16>(".f16");
    expectSetp<bf16>(".bf16", 90);
}

TEST(Compare, SetpFlushesSubnormalOperands) {
    for (const Operator& op : operatorsOf<float>()) {
        expectEach<u32>(
            "setp." + std::string(op.name) + ".ftz.f32 %p0, %a, %b; selp.u32 %d, 1, 0, %p0;",
            [&](float a, float b) {
                return static_cast<u32>((relation(flushed(a), flushed(b)) & op.holds) != 0);
            },
            edges<float>(), edges<float>());
    }
}

// p = (a op b) bool c, q = !(a op b) bool c; c may be negated.
TEST(Compare, SetpCombinesWithAPredicate) {
    struct Combination {
        const char* name;
        bool (*of)(bool, bool);
    };
    const Combination combinations[] = {{"and", [](bool x, bool y) { return x && y; }},
                                        {"or", [](bool x, bool y) { return x || y; }},
                                        {"xor", [](bool x, bool y) { return x != y; }}};
    for (const Combination& combination : combinations) {
        for (bool negated : {false, true}) {
            expectEach<u32>(
                "setp.ne.u32 %p2, %c, 0; setp.lt." + std::string(combination.name) +
                    ".s32 %p0|%p1, %a, %b, " + (negated ? "!" : "") +
                    "%p2; selp.u32 %d, 1, 0, %p0; @%p1 add.u32 %d, %d, 2;",
                [&](s32 a, s32 b, u32 c) {
                    const bool other = (c != 0) != negated;
                    return static_cast<u32>(combination.of(a < b, other) +
                                            2 * combination.of(!(a < b), other));
                },
                edges<s32>(), edges<s32>(), std::vector<u32>{0, 1});
        }
    }
    expectEach<u32>(
        "setp.ge.f32 %p0|%p1, %a, %b; selp.u32 %d, 1, 0, %p0; @%p1 add.u32 %d, %d, 2;",
        [](float a, float b) { return a >= b ? 1u : 2u; }, edges<float>(), edges<float>());
}

TEST(Compare, SetpMayWriteThePredicateItReads) {
    expectEach<u32>(
        "setp.eq.u32 %p0, %a, 0; setp.gt.and.u32 %p0|%p1, %b, 5, %p0; selp.u32 %d, 1, 0, %p0; @%p1 add.u32 "
        "%d, %d, 2;",
        [](u32 a, u32 b) { return static_cast<u32>((b > 5 && a == 0) + 2 * (b <= 5 && a == 0)); },
        edges<u32>(), edges<u32>());
}

// A bit type's setp reads the other operand as it is, an immediate is of the instruction's type.
TEST(Compare, SetpWithImmediates) {
    expectEach<u32>(
        "setp.lt.s32 %p0, %a, -1; selp.u32 %d, 1, 0, %p0;", [](s32 a) { return u32(a < -1); }, edges<s32>());
    expectEach<u32>(
        "setp.lt.u32 %p0, %a, -1; selp.u32 %d, 1, 0, %p0;", [](u32 a) { return u32(a < ~0u); }, edges<u32>());
    expectEach<u32>(
        "setp.lt.s16 %p0, %a, -1; selp.u32 %d, 1, 0, %p0;", [](s16 a) { return u32(a < -1); }, edges<s16>());
    expectEach<u32>(
        "setp.eq.s16 %p0, %a, -7; selp.u32 %d, 1, 0, %p0;", [](s16 a) { return u32(a == -7); }, edges<s16>());
    expectEach<u32>(
        "setp.gt.f32 %p0, %a, 0f3F800000; selp.u32 %d, 1, 0, %p0;", [](float a) { return u32(a > 1); },
        edges<float>());
    expectEach<u32>(
        "setp.gt.f64 %p0, %a, 0d3FF8000000000000; selp.u32 %d, 1, 0, %p0;",
        [](double a) { return u32(a > 1.5); }, edges<double>());
    expectEach<u32>(
        "setp.gt.f32 %p0, %a, 0.5; selp.u32 %d, 1, 0, %p0;", [](float a) { return u32(a > 0.5f); },
        edges<float>());
}

// All ones for an integer result, 1.0 for a float.
TEST(Compare, Set) {
    forTypes<u32, s32, float>([](auto zero) {
        using T = decltype(zero);
        for (const Operator& op : operatorsOf<T>()) {
            const std::string name = "set." + std::string(op.name);
            const auto holds = [&](T a, T b) { return (relation(a, b) & op.holds) != 0; };
            expectEach<u32>(
                name + ".u32." + typeName<T>() + " %d, %a, %b;",
                [&](T a, T b) { return holds(a, b) ? ~0u : 0u; }, edges<T>(), edges<T>());
            expectEach<float>(
                name + ".f32." + typeName<T>() + " %d, %a, %b;",
                [&](T a, T b) { return holds(a, b) ? 1.0f : 0.0f; }, edges<T>(), edges<T>());
        }
    });
    expectEach<s32>(
        "set.lt.s32.f64 %d, %a, %b;", [](double a, double b) { return a < b ? -1 : 0; }, edges<double>(),
        edges<double>());
    expectEach<u32>(
        "setp.ne.u32 %p0, %c, 0; set.gt.and.u32.s64 %d, %a, %b, %p0;",
        [](s64 a, s64 b, u32 c) { return a > b && c ? ~0u : 0u; }, edges<s64>(), edges<s64>(),
        std::vector<u32>{0, 1});
    expectEach<u32>(
        "setp.ne.u32 %p0, %c, 0; set.gt.xor.u32.u16 %d, %a, %b, !%p0;",
        [](u16 a, u16 b, u32 c) { return (a > b) != !c ? ~0u : 0u; }, edges<u16>(), edges<u16>(),
        std::vector<u32>{0, 1});
}

TEST(Compare, SetOfHalves) {
    expectEach<u16>(
        "set.geu.f16.f16 %d, %a, %b;",
        [](f16 a, f16 b) { return static_cast<u16>(!(toDouble(a) < toDouble(b)) ? 0x3c00 : 0); },
        edges<f16>(), edges<f16>());
}

TEST(Select, Selp) {
    forTypes<u16, u32, u64, float, double>([](auto zero) {
        using T = decltype(zero);
        for (const std::string& type : {typeName<T>(), bitsName<T>()}) {
            // Bits are moved, NaNs too: compare them as such.
            expectEach<u64>(
                "setp.ne.u32 %p0, %c, 0; selp." + type + " " +
                    (sizeof(T) == 2   ? "%h0"
                     : sizeof(T) == 4 ? "%r0"
                                      : "%x0") +
                    ", %a, %b, %p0; " +
                    (sizeof(T) == 2   ? "cvt.u64.u16 %d, %h0;"
                     : sizeof(T) == 4 ? "cvt.u64.u32 %d, %r0;"
                                      : "mov.b64 %d, %x0;"),
                [](T a, T b, u32 c) { return c ? toBits(a) : toBits(b); }, edges<T>(), edges<T>(),
                std::vector<u32>{0, 1});
        }
    });
    expectEach<u32>(
        "setp.ne.u32 %p0, %a, 0; selp.b32 %d, -5, 0x80000000, %p0;",
        [](u32 a) { return a ? static_cast<u32>(-5) : 0x80000000u; }, edges<u32>());
    expectEach<float>(
        "setp.ne.u32 %p0, %a, 0; selp.f32 %d, 0f40490FDB, 0fFF800000, %p0;",
        [](u32 a) { return a ? 0x1.921fb6p+1f : -std::numeric_limits<float>::infinity(); }, edges<u32>());
}

TEST(Select, Slct) {
    expectEach<u32>(
        "slct.u32.s32 %d, %a, %b, %c;", [](u32 a, u32 b, s32 c) { return c >= 0 ? a : b; }, edges<u32>(),
        edges<u32>(), edges<s32>());
    expectEach<u64>(
        "slct.b64.s32 %d, %a, %b, %c;", [](u64 a, u64 b, s32 c) { return c >= 0 ? a : b; }, edges<u64>(),
        edges<u64>(), edges<s32>());
    // -0 is not below 0; NaN is not at least 0.
    expectEach<u32>(
        "slct.b32.f32 %d, %a, %b, %c;", [](u32 a, u32 b, float c) { return c >= 0 ? a : b; }, edges<u32>(),
        edges<u32>(), edges<float>());
    expectEach<u32>(
        "slct.ftz.b32.f32 %d, %a, %b, %c;", [](u32 a, u32 b, float c) { return flushed(c) >= 0 ? a : b; },
        edges<u32>(), edges<u32>(), edges<float>());
}

// "As a special case, positive and negative zero are considered normal numbers."
TEST(Select, Testp) {
    forTypes<float, double>([](auto zero) {
        using T = decltype(zero);
        struct Kind {
            const char* name;
            bool (*of)(T);
        };
        const Kind kinds[] = {
            {"finite", [](T a) { return std::isfinite(a); }},
            {"infinite", [](T a) { return std::isinf(a); }},
            {"number", [](T a) { return !std::isnan(a); }},
            {"notanumber", [](T a) { return std::isnan(a); }},
            {"normal", [](T a) { return std::isnormal(a) || a == 0; }},
            {"subnormal", [](T a) { return std::fpclassify(a) == FP_SUBNORMAL; }},
        };
        for (const Kind& kind : kinds) {
            expectEach<u32>(
                std::string("testp.") + kind.name + "." + typeName<T>() + " %p0, %a; selp.u32 %d, 1, 0, %p0;",
                [&](T a) { return static_cast<u32>(kind.of(a)); }, manyValues<T>());
        }
    });
}

}  // namespace
}  // namespace quern::emulator
