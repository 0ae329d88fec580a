// Comparisons and selections.
//
// setp keys are "setp.<comparison>.<type>": op.flags say how the result is combined with the predicate op.c, and
// whether the second destination is wanted.
#include "exec/compare_flags.hpp"
#include "exec/rounding.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

template <typename T>
QUERN_INLINE bool eq(T a, T b) {
    return a == b;
}
template <typename T>
QUERN_INLINE bool ne(T a, T b) {
    return a != b;
}
template <typename T>
QUERN_INLINE bool lt(T a, T b) {
    return a < b;
}
template <typename T>
QUERN_INLINE bool le(T a, T b) {
    return a <= b;
}
template <typename T>
QUERN_INLINE bool gt(T a, T b) {
    return a > b;
}
template <typename T>
QUERN_INLINE bool ge(T a, T b) {
    return a >= b;
}
// Of floating point: ne is false where an operand is not a number, the forms with u are true there.
template <typename T>
QUERN_INLINE bool neOrdered(T a, T b) {
    return (a < b) | (a > b);
}
template <typename T>
QUERN_INLINE bool equ(T a, T b) {
    return !((a < b) | (a > b));
}
template <typename T>
QUERN_INLINE bool neu(T a, T b) {
    return !(a == b);
}
template <typename T>
QUERN_INLINE bool ltu(T a, T b) {
    return !(a >= b);
}
template <typename T>
QUERN_INLINE bool leu(T a, T b) {
    return !(a > b);
}
template <typename T>
QUERN_INLINE bool gtu(T a, T b) {
    return !(a <= b);
}
template <typename T>
QUERN_INLINE bool geu(T a, T b) {
    return !(a < b);
}
template <typename T>
QUERN_INLINE bool num(T a, T b) {
    return (a == a) & (b == b);
}
template <typename T>
QUERN_INLINE bool nan(T a, T b) {
    return !((a == a) & (b == b));
}

inline u32 combine(u32 result, u32 other, unsigned how) {
    switch (how) {
        case COMBINE_AND: return result & other;
        case COMBINE_OR: return result | other;
        case COMBINE_XOR: return result ^ other;
        default: return result;
    }
}

inline void store(Warp& warp, const Op& op, u32 result) {
    if (op.flags == 0) return writePredicate(warp, op.dst, result);
    u32 other = predicateOf(warp, op.c);
    if ((op.flags & COMBINE_NEGATED) != 0) other = ~other;
    const unsigned how = op.flags & COMBINE_MASK;
    writePredicate(warp, op.dst, combine(result, other, how));
    if ((op.flags & COMBINE_SECOND) != 0) writePredicate(warp, op.dst2, combine(~result, other, how));
}

template <typename T>
QUERN_INLINE T same(T a) {
    return a;
}
template <typename T>
using Tested = std::conditional_t<sizeof(T) == 8, u64, u32>;

/// WIDEN: what is done to an operand before it is compared.
template <typename T, auto F, auto WIDEN>
void compare(Warp& warp, const Op& op) {
    const T* a = lanesOf<T>(warp, op.a);
    const T* b = lanesOf<T>(warp, op.b);
    store(warp, op, maskWhere<Tested<T>>([=](int i) __attribute__((always_inline)) {
              return F(WIDEN(a[i]), WIDEN(b[i]));
          }));
}

template <typename T>
QUERN_INLINE T select(u32 chooseA, T a, T b) {
    return chooseA != 0 ? a : b;
}

/// op.c: a predicate.
template <typename T>
void selectByPredicate(Warp& warp, const Op& op) {
    const T* a = lanesOf<T>(warp, op.a);
    const T* b = lanesOf<T>(warp, op.b);
    const u32 predicate = predicateOf(warp, op.c);
    write<T>(
        warp, op.dst, [=](int i) __attribute__((always_inline)) {
            return select<T>(predicate & LANE_BIT[i], a[i], b[i]);
        });
}

template <typename T>
QUERN_INLINE T selectBySign(T a, T b, s32 c) {
    return c >= 0 ? a : b;
}
template <typename T>
QUERN_INLINE T selectBySignFloat(T a, T b, float c) {
    return c >= 0 ? a : b;
}
template <typename T>
QUERN_INLINE T selectBySignFlushed(T a, T b, float c) {
    return flush(c) >= 0 ? a : b;
}

/// What set writes for true and false, from the predicate op.a.
template <typename T>
void spread(Warp& warp, const Op& op) {
    const u32 predicate = predicateOf(warp, op.a);
    const T yes = T(op.imm);
    write<T>(
        warp, op.dst, [=](int i) __attribute__((always_inline)) {
            return (predicate & LANE_BIT[i]) != 0 ? yes : T(0);
        });
}

constexpr InstructionClass COMPARE = InstructionClass::COMPARE;

#define EQUALITY(name, T)                                              \
    {"setp.eq." name, nullptr, compare<T, eq<T>, same<T>>, COMPARE}, { \
        "setp.ne." name, nullptr, compare<T, ne<T>, same<T>>, COMPARE  \
    }
#define ORDER(name, T)                                                                  \
    EQUALITY(name, T), {"setp.lt." name, nullptr, compare<T, lt<T>, same<T>>, COMPARE}, \
        {"setp.le." name, nullptr, compare<T, le<T>, same<T>>, COMPARE},                \
        {"setp.gt." name, nullptr, compare<T, gt<T>, same<T>>, COMPARE}, {              \
        "setp.ge." name, nullptr, compare<T, ge<T>, same<T>>, COMPARE                   \
    }
#define UNSIGNED_ORDER(name, T)                                                      \
    ORDER(name, T), {"setp.lo." name, nullptr, compare<T, lt<T>, same<T>>, COMPARE}, \
        {"setp.ls." name, nullptr, compare<T, le<T>, same<T>>, COMPARE},             \
        {"setp.hi." name, nullptr, compare<T, gt<T>, same<T>>, COMPARE}, {           \
        "setp.hs." name, nullptr, compare<T, ge<T>, same<T>>, COMPARE                \
    }
#define ONE_FLOAT(cmp, F, name, T, V, W) \
    { "setp." cmp "." name, nullptr, compare<T, F<V>, W>, COMPARE }
// T: how it is stored, V: how it is compared, W: from one to the other.
#define FLOAT_ORDER(name, T, V, W)                                                  \
    ONE_FLOAT("eq", eq, name, T, V, W), ONE_FLOAT("ne", neOrdered, name, T, V, W),  \
        ONE_FLOAT("lt", lt, name, T, V, W), ONE_FLOAT("le", le, name, T, V, W),     \
        ONE_FLOAT("gt", gt, name, T, V, W), ONE_FLOAT("ge", ge, name, T, V, W),     \
        ONE_FLOAT("equ", equ, name, T, V, W), ONE_FLOAT("neu", neu, name, T, V, W), \
        ONE_FLOAT("ltu", ltu, name, T, V, W), ONE_FLOAT("leu", leu, name, T, V, W), \
        ONE_FLOAT("gtu", gtu, name, T, V, W), ONE_FLOAT("geu", geu, name, T, V, W), \
        ONE_FLOAT("num", num, name, T, V, W), ONE_FLOAT("nan", nan, name, T, V, W)

QUERN_INLINE float flushedF16(u16 h) { return fromF16((h & 0x7c00) == 0 ? h & 0x8000 : h); }

constexpr Entry TABLE[] = {
    EQUALITY("b16", u16),
    EQUALITY("b32", u32),
    EQUALITY("b64", u64),
    UNSIGNED_ORDER("u16", u16),
    UNSIGNED_ORDER("u32", u32),
    UNSIGNED_ORDER("u64", u64),
    ORDER("s16", s16),
    ORDER("s32", s32),
    ORDER("s64", s64),
    FLOAT_ORDER("f32", float, float, same<float>),
    FLOAT_ORDER("ftz.f32", float, float, flush),
    FLOAT_ORDER("f64", double, double, same<double>),
    FLOAT_ORDER("f16", u16, float, fromF16),
    FLOAT_ORDER("ftz.f16", u16, float, flushedF16),
    FLOAT_ORDER("bf16", u16, float, fromBf16),
    {"selp.b16", nullptr, selectByPredicate<u16>, COMPARE},
    {"selp.b32", nullptr, selectByPredicate<u32>, COMPARE},
    {"selp.b64", nullptr, selectByPredicate<u64>, COMPARE},
    {"slct.b16.s32", nullptr, lanes<selectBySign<u16>>, COMPARE},
    {"slct.b32.s32", nullptr, lanes<selectBySign<u32>>, COMPARE},
    {"slct.b64.s32", nullptr, lanes<selectBySign<u64>>, COMPARE},
    {"slct.b16.f32", nullptr, lanes<selectBySignFloat<u16>>, COMPARE},
    {"slct.b32.f32", nullptr, lanes<selectBySignFloat<u32>>, COMPARE},
    {"slct.b64.f32", nullptr, lanes<selectBySignFloat<u64>>, COMPARE},
    {"slct.b16.ftz.f32", nullptr, lanes<selectBySignFlushed<u16>>, COMPARE},
    {"slct.b32.ftz.f32", nullptr, lanes<selectBySignFlushed<u32>>, COMPARE},
    {"slct.b64.ftz.f32", nullptr, lanes<selectBySignFlushed<u64>>, COMPARE},
    {"set.b16", nullptr, spread<u16>, COMPARE},
    {"set.b32", nullptr, spread<u32>, COMPARE},
};

}  // namespace

Entries compareTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
