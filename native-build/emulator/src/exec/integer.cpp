// Integer arithmetic of 16, 32 and 64 bits: sums, products, quotients, carry chains, dot products, bit counts.
#include <limits>
#include <type_traits>

#include "exec/lanes.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

template <typename T>
struct WiderOf;
template <>
struct WiderOf<u16> {
    using type = u32;
};
template <>
struct WiderOf<s16> {
    using type = s32;
};
template <>
struct WiderOf<u32> {
    using type = u64;
};
template <>
struct WiderOf<s32> {
    using type = s64;
};
template <>
struct WiderOf<u64> {
    using type = unsigned __int128;
};
template <>
struct WiderOf<s64> {
    using type = __int128;
};
template <typename T>
using Wider = typename WiderOf<T>::type;
template <typename T>
using Unsigned = std::make_unsigned_t<T>;

// Sums and products wrap around: computed without a sign, and in 32 bits at least, since C++ would promote u16 to int.
template <typename T>
using Ring = std::conditional_t<sizeof(T) == 2, u32, Unsigned<T>>;
template <typename T>
constexpr int BITS = 8 * sizeof(T);

template <typename T>
QUERN_INLINE T add(T a, T b) {
    return T(Ring<T>(a) + Ring<T>(b));
}
template <typename T>
QUERN_INLINE T sub(T a, T b) {
    return T(Ring<T>(a) - Ring<T>(b));
}
template <typename T>
QUERN_INLINE T mulLo(T a, T b) {
    return T(Ring<T>(a) * Ring<T>(b));
}
template <typename T>
QUERN_INLINE T mulHi(T a, T b) {
    return T((Wider<T>(a) * Wider<T>(b)) >> BITS<T>);
}
template <typename T>
QUERN_INLINE Wider<T> mulWide(T a, T b) {
    return Wider<T>(a) * Wider<T>(b);
}
template <typename T>
QUERN_INLINE T madLo(T a, T b, T c) {
    return add(mulLo(a, b), c);
}
template <typename T>
QUERN_INLINE T madHi(T a, T b, T c) {
    return add(mulHi(a, b), c);
}
template <typename T>
QUERN_INLINE Wider<T> madWide(T a, T b, Wider<T> c) {
    return add(mulWide(a, b), c);
}
template <typename T>
QUERN_INLINE T least(T a, T b) {
    return a < b ? a : b;
}
template <typename T>
QUERN_INLINE T greatest(T a, T b) {
    return a > b ? a : b;
}
template <typename T>
QUERN_INLINE T negate(T a) {
    return T(0 - Ring<T>(a));
}
template <typename T>
QUERN_INLINE T absolute(T a) {
    return a < 0 ? negate(a) : a;
}
template <typename T>
QUERN_INLINE T clampAt0(T a) {
    return a > 0 ? a : T(0);
}

QUERN_INLINE s32 clampToS32(s64 a) {
    return s32(
        least<s64>(greatest<s64>(a, std::numeric_limits<s32>::min()), std::numeric_limits<s32>::max()));
}
QUERN_INLINE s32 addSat(s32 a, s32 b) { return clampToS32(s64{a} + b); }
QUERN_INLINE s32 subSat(s32 a, s32 b) { return clampToS32(s64{a} - b); }
QUERN_INLINE s32 madHiSat(s32 a, s32 b, s32 c) { return clampToS32(s64{mulHi(a, b)} + c); }

// Division by zero gives all bits set, the remainder then is the dividend: what GPUs do, where PTX says "unspecified".
template <typename T>
QUERN_INLINE T quotient(T a, T b) {
    if (b == 0) return T(-1);
    if (std::is_signed_v<T> && b == T(-1)) return negate(a);
    return T(a / b);
}
template <typename T>
QUERN_INLINE T remainder(T a, T b) {
    if (b == 0) return a;
    if (std::is_signed_v<T> && b == T(-1)) return 0;
    return T(a % b);
}

template <typename T>
QUERN_INLINE T absoluteDifferencePlus(T a, T b, Unsigned<T> c) {
    return T(Ring<T>(a < b ? sub(b, a) : sub(a, b)) + Ring<T>(c));
}

QUERN_INLINE s32 signed24(s32 a) { return s32(u32(a) << 8) >> 8; }
QUERN_INLINE u32 unsigned24(u32 a) { return a & 0xffffff; }
QUERN_INLINE s32 mul24LoS(s32 a, s32 b) { return s32(s64{signed24(a)} * signed24(b)); }
QUERN_INLINE u32 mul24LoU(u32 a, u32 b) { return unsigned24(a) * unsigned24(b); }
QUERN_INLINE s32 mul24HiS(s32 a, s32 b) { return s32(s64{signed24(a)} * signed24(b) >> 16); }
QUERN_INLINE u32 mul24HiU(u32 a, u32 b) { return u32(u64{unsigned24(a)} * unsigned24(b) >> 16); }
QUERN_INLINE s32 mad24LoS(s32 a, s32 b, s32 c) { return add(mul24LoS(a, b), c); }
QUERN_INLINE u32 mad24LoU(u32 a, u32 b, u32 c) { return mul24LoU(a, b) + c; }
QUERN_INLINE s32 mad24HiS(s32 a, s32 b, s32 c) { return add(mul24HiS(a, b), c); }
QUERN_INLINE u32 mad24HiU(u32 a, u32 b, u32 c) { return mul24HiU(a, b) + c; }

// Bit counts; their result has 32 bits whatever the operand has.
template <typename T>
QUERN_INLINE u32 populationCount(T a) {
    return u32(__builtin_popcountll(a));
}
template <typename T>
QUERN_INLINE u32 leadingZeros(T a) {
    return a == 0 ? u32{BITS<T>} : u32(__builtin_clzll(u64(a))) - (64 - BITS<T>);
}
template <typename T>
QUERN_INLINE u32 highestBit(T a) {
    const auto bits = Unsigned<T>(std::is_signed_v<T> && a < 0 ? ~a : a);
    return bits == 0 ? ~0U : BITS<T> - 1 - leadingZeros(bits);
}
template <typename T>
QUERN_INLINE u32 highestBitShift(T a) {
    const auto bits = Unsigned<T>(std::is_signed_v<T> && a < 0 ? ~a : a);
    return bits == 0 ? ~0U : leadingZeros(bits);
}

// Byte and half-word dot products. A: the packed operand with its sign, B likewise.
template <typename A, typename B>
QUERN_INLINE s32 dot4(s32 a, s32 b, s32 c) {
    u32 sum = u32(c);
    for (int k = 0; k < 4; k++) sum += u32(s32(A(u32(a) >> 8 * k)) * s32(B(u32(b) >> 8 * k)));
    return s32(sum);
}
template <typename A, typename B, int FIRST>
QUERN_INLINE s32 dot2(s32 a, s32 b, s32 c) {
    u32 sum = u32(c);
    for (int k = 0; k < 2; k++) sum += u32(s32(A(u32(a) >> 16 * k)) * s32(B(u32(b) >> 8 * (k + FIRST))));
    return s32(sum);
}

/// Carry chains: F(a, b, c, carry in, carry out). READS: takes the condition code, else FIRST; WRITES: sets it.
template <typename T, void (*F)(T, T, T, bool, T&, bool&), bool READS, bool WRITES, bool FIRST = false>
void carryChain(Warp& warp, const Op& op) {
    T* d = lanesOf<T>(warp, op.dst);
    const T* a = lanesOf<T>(warp, op.a);
    const T* b = lanesOf<T>(warp, op.b);
    const T* c = lanesOf<T>(warp, op.c);
    std::uint32_t& condition = predicateOf(warp, CARRY);
    forEachLane(warp.mask, [&](int i) {
        bool carry = false;
        T result;
        F(a[i], b[i], c[i], READS ? (condition >> i & 1) != 0 : FIRST, result, carry);
        d[i] = result;
        if (WRITES) condition = (condition & ~(1U << i)) | u32{carry} << i;
    });
}

template <typename T>
void addCarry(T a, T b, T, bool in, T& result, bool& out) {
    T sum;
    const bool first = __builtin_add_overflow(a, b, &sum);
    const bool second = __builtin_add_overflow(sum, T{in}, &result);
    out = first || second;
}
/// a - b is a + ~b + 1, as on hardware: the condition code is the carry of that sum, set where nothing was borrowed. PTX
/// calls it a borrow, which cannot be told apart within a chain of subtractions; but nvcc's 128-bit division reads it by
/// addc after subc, and takes it for a carry.
template <typename T>
void subBorrow(T a, T b, T, bool in, T& result, bool& out) {
    addCarry<T>(a, T(~b), 0, in, result, out);
}
template <typename T>
void madLoCarry(T a, T b, T c, bool in, T& result, bool& out) {
    addCarry<T>(mulLo(a, b), c, 0, in, result, out);
}
template <typename T>
void madHiCarry(T a, T b, T c, bool in, T& result, bool& out) {
    addCarry<T>(mulHi(a, b), c, 0, in, result, out);
}
void madHiCarryS32(u32 a, u32 b, u32 c, bool in, u32& result, bool& out) {
    addCarry<u32>(u32(mulHi(s32(a), s32(b))), c, 0, in, result, out);
}
void madHiCarryS64(u64 a, u64 b, u64 c, bool in, u64& result, bool& out) {
    addCarry<u64>(u64(mulHi(s64(a), s64(b))), c, 0, in, result, out);
}

constexpr InstructionClass INTEGER = InstructionClass::INTEGER;

// One line a type: letter of its registers, and of those twice as wide.
#define SAME(name, T, s)                                                         \
    {"add." #name, #s "=" #s #s, lanes<add<T>>, INTEGER},                        \
        {"sub." #name, #s "=" #s #s, lanes<sub<T>>, INTEGER},                    \
        {"mul.lo." #name, #s "=" #s #s, lanes<mulLo<T>>, INTEGER},               \
        {"mul.hi." #name, #s "=" #s #s, lanes<mulHi<T>>, INTEGER},               \
        {"mad.lo." #name, #s "=" #s #s #s, lanes<madLo<T>>, INTEGER},            \
        {"mad.hi." #name, #s "=" #s #s #s, lanes<madHi<T>>, INTEGER},            \
        {"div." #name, #s "=" #s #s, lanes<quotient<T>>, INTEGER},               \
        {"rem." #name, #s "=" #s #s, lanes<remainder<T>>, INTEGER},              \
        {"min." #name, #s "=" #s #s, lanes<least<T>>, INTEGER},                  \
        {"max." #name, #s "=" #s #s, lanes<greatest<T>>, INTEGER}, {             \
        "sad." #name, #s "=" #s #s #s, lanes<absoluteDifferencePlus<T>>, INTEGER \
    }
#define WIDE(name, T, s, w)                                            \
    {"mul.wide." #name, #w "=" #s #s, lanes<mulWide<T>>, INTEGER}, {   \
        "mad.wide." #name, #w "=" #s #s #w, lanes<madWide<T>>, INTEGER \
    }
#define SIGNED(name, T, s)                                               \
    {"neg." #name, #s "=" #s, lanes<negate<T>>, INTEGER},                \
        {"abs." #name, #s "=" #s, lanes<absolute<T>>, INTEGER},          \
        {"min.relu." #name, #s "=" #s #s, lanes<reluMin<T>>, INTEGER}, { \
        "max.relu." #name, #s "=" #s #s, lanes<reluMax<T>>, INTEGER      \
    }
#define CARRIES(name, T, s, HI)                                                                    \
    {"add.cc." #name, #s "=" #s #s, carryChain<T, addCarry<T>, false, true>, INTEGER},             \
        {"addc." #name, #s "=" #s #s, carryChain<T, addCarry<T>, true, false>, INTEGER},           \
        {"addc.cc." #name, #s "=" #s #s, carryChain<T, addCarry<T>, true, true>, INTEGER},         \
        {"sub.cc." #name, #s "=" #s #s, carryChain<T, subBorrow<T>, false, true, true>, INTEGER},  \
        {"subc." #name, #s "=" #s #s, carryChain<T, subBorrow<T>, true, false>, INTEGER},          \
        {"subc.cc." #name, #s "=" #s #s, carryChain<T, subBorrow<T>, true, true>, INTEGER},        \
        {"mad.lo.cc." #name, #s "=" #s #s #s, carryChain<T, madLoCarry<T>, false, true>, INTEGER}, \
        {"madc.lo." #name, #s "=" #s #s #s, carryChain<T, madLoCarry<T>, true, false>, INTEGER},   \
        {"madc.lo.cc." #name, #s "=" #s #s #s, carryChain<T, madLoCarry<T>, true, true>, INTEGER}, \
        {"mad.hi.cc." #name, #s "=" #s #s #s, carryChain<T, HI, false, true>, INTEGER},            \
        {"madc.hi." #name, #s "=" #s #s #s, carryChain<T, HI, true, false>, INTEGER}, {            \
        "madc.hi.cc." #name, #s "=" #s #s #s, carryChain<T, HI, true, true>, INTEGER               \
    }

template <typename T>
QUERN_INLINE T reluMin(T a, T b) {
    return clampAt0(least(a, b));
}
template <typename T>
QUERN_INLINE T reluMax(T a, T b) {
    return clampAt0(greatest(a, b));
}

using u8 = std::uint8_t;
using s8 = std::int8_t;

constexpr Entry TABLE[] = {
    SAME(u16, u16, h),
    SAME(s16, s16, h),
    SAME(u32, u32, w),
    SAME(s32, s32, w),
    SAME(u64, u64, d),
    SAME(s64, s64, d),
    WIDE(u16, u16, h, w),
    WIDE(s16, s16, h, w),
    WIDE(u32, u32, w, d),
    WIDE(s32, s32, w, d),
    SIGNED(s16, s16, h),
    SIGNED(s32, s32, w),
    SIGNED(s64, s64, d),
    CARRIES(u32, u32, w, madHiCarry<u32>),
    CARRIES(s32, u32, w, madHiCarryS32),
    CARRIES(u64, u64, d, madHiCarry<u64>),
    CARRIES(s64, u64, d, madHiCarryS64),
    {"add.sat.s32", "w=ww", lanes<addSat>, INTEGER},
    {"sub.sat.s32", "w=ww", lanes<subSat>, INTEGER},
    {"mad.hi.sat.s32", "w=www", lanes<madHiSat>, INTEGER},
    {"mul24.lo.s32", "w=ww", lanes<mul24LoS>, INTEGER},
    {"mul24.lo.u32", "w=ww", lanes<mul24LoU>, INTEGER},
    {"mul24.hi.s32", "w=ww", lanes<mul24HiS>, INTEGER},
    {"mul24.hi.u32", "w=ww", lanes<mul24HiU>, INTEGER},
    {"mad24.lo.s32", "w=www", lanes<mad24LoS>, INTEGER},
    {"mad24.lo.u32", "w=www", lanes<mad24LoU>, INTEGER},
    {"mad24.hi.s32", "w=www", lanes<mad24HiS>, INTEGER},
    {"mad24.hi.u32", "w=www", lanes<mad24HiU>, INTEGER},
    {"popc.b32", "w=w", lanes<populationCount<u32>>, INTEGER},
    {"popc.b64", "w=d", lanes<populationCount<u64>>, INTEGER},
    {"clz.b32", "w=w", lanes<leadingZeros<u32>>, INTEGER},
    {"clz.b64", "w=d", lanes<leadingZeros<u64>>, INTEGER},
    {"bfind.u32", "w=w", lanes<highestBit<u32>>, INTEGER},
    {"bfind.s32", "w=w", lanes<highestBit<s32>>, INTEGER},
    {"bfind.u64", "w=d", lanes<highestBit<u64>>, INTEGER},
    {"bfind.s64", "w=d", lanes<highestBit<s64>>, INTEGER},
    {"bfind.shiftamt.u32", "w=w", lanes<highestBitShift<u32>>, INTEGER},
    {"bfind.shiftamt.s32", "w=w", lanes<highestBitShift<s32>>, INTEGER},
    {"bfind.shiftamt.u64", "w=d", lanes<highestBitShift<u64>>, INTEGER},
    {"bfind.shiftamt.s64", "w=d", lanes<highestBitShift<s64>>, INTEGER},
    {"dp4a.s32.s32", "w=www", lanes<dot4<s8, s8>>, INTEGER},
    {"dp4a.s32.u32", "w=www", lanes<dot4<s8, u8>>, INTEGER},
    {"dp4a.u32.s32", "w=www", lanes<dot4<u8, s8>>, INTEGER},
    {"dp4a.u32.u32", "w=www", lanes<dot4<u8, u8>>, INTEGER},
    {"dp2a.lo.s32.s32", "w=www", lanes<dot2<s16, s8, 0>>, INTEGER},
    {"dp2a.lo.s32.u32", "w=www", lanes<dot2<s16, u8, 0>>, INTEGER},
    {"dp2a.lo.u32.s32", "w=www", lanes<dot2<u16, s8, 0>>, INTEGER},
    {"dp2a.lo.u32.u32", "w=www", lanes<dot2<u16, u8, 0>>, INTEGER},
    {"dp2a.hi.s32.s32", "w=www", lanes<dot2<s16, s8, 2>>, INTEGER},
    {"dp2a.hi.s32.u32", "w=www", lanes<dot2<s16, u8, 2>>, INTEGER},
    {"dp2a.hi.u32.s32", "w=www", lanes<dot2<u16, s8, 2>>, INTEGER},
    {"dp2a.hi.u32.u32", "w=www", lanes<dot2<u16, u8, 2>>, INTEGER},
};

}  // namespace

Entries integerTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
