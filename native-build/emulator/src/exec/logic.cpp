// Bits: logic, shifts, fields, permutations; and the same on predicates.
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
constexpr u32 BITS = 8 * sizeof(T);

template <typename T>
QUERN_INLINE T bitAnd(T a, T b) {
    return a & b;
}
template <typename T>
QUERN_INLINE T bitOr(T a, T b) {
    return a | b;
}
template <typename T>
QUERN_INLINE T bitXor(T a, T b) {
    return a ^ b;
}
template <typename T>
QUERN_INLINE T bitNot(T a) {
    return T(~a);
}
template <typename T>
QUERN_INLINE T logicalNot(T a) {
    return T(a == 0 ? 1 : 0);
}

// A shift by the width or more leaves nothing, or the sign.
template <typename T>
QUERN_INLINE T shiftLeft(T a, u32 by) {
    return by >= BITS<T> ? T(0) : T(a << (by & (BITS<T> - 1)));
}
template <typename T>
QUERN_INLINE T shiftRight(T a, u32 by) {
    const u32 most = BITS<T> - 1;
    if (T(-1) < T(0)) return T(a >> (by > most ? most : by));
    return by > most ? T(0) : T(a >> (by & most));
}

QUERN_INLINE u32 funnelLeftClamp(u32 low, u32 high, u32 by) {
    const u32 n = by > 32 ? 32 : by;
    return u32((((u64{high} << 32) | low) << n) >> 32);
}
QUERN_INLINE u32 funnelLeftWrap(u32 low, u32 high, u32 by) { return funnelLeftClamp(low, high, by & 31); }
QUERN_INLINE u32 funnelRightClamp(u32 low, u32 high, u32 by) {
    const u32 n = by > 32 ? 32 : by;
    return u32(((u64{high} << 32) | low) >> n);
}
QUERN_INLINE u32 funnelRightWrap(u32 low, u32 high, u32 by) { return funnelRightClamp(low, high, by & 31); }

// Position and length are their operands' lowest bytes.
template <typename T>
QUERN_INLINE T extractUnsigned(T a, u32 position, u32 length) {
    position &= 255;
    length &= 255;
    const T field = position >= BITS<T> ? T(0) : T(a >> (position & (BITS<T> - 1)));
    return length >= BITS<T> ? field : T(field & ((T(1) << (length & (BITS<T> - 1))) - 1));
}
/// The sign is that of the field's last bit, or of the operand where the field reaches beyond it.
template <typename T>
QUERN_INLINE T extractSigned(T a, u32 position, u32 length) {
    position &= 255;
    length &= 255;
    const u32 top =
        length == 0 ? 0 : (position + length - 1 < BITS<T> - 1 ? position + length - 1 : BITS<T> - 1);
    const bool sign = length != 0 && (a >> top & 1) != 0;
    T result = 0;
    for (u32 i = 0; i < BITS<T>; i++) {
        const bool inside = i < length && position + i < BITS<T>;
        const bool bit = inside ? (a >> ((position + i) & (BITS<T> - 1)) & 1) != 0 : sign;
        result |= T(bit) << i;
    }
    return result;
}
template <typename T>
QUERN_INLINE T insertField(T a, T b, u32 position, u32 length) {
    position &= 255;
    length &= 255;
    if (position >= BITS<T>) return b;
    const T ones = length >= BITS<T> ? T(~T(0)) : T((T(1) << length) - 1);
    const T field = T(ones << position);
    return T((T(a << position) & field) | (b & ~field));
}
QUERN_INLINE u32 bitMaskClamp(u32 position, u32 length) {
    const u64 from = position > 32 ? 32 : position;
    const u64 count = length > 32 ? 32 : length;
    return u32(((u64{1} << count) - 1) << from);
}
QUERN_INLINE u32 bitMaskWrap(u32 position, u32 length) { return bitMaskClamp(position & 31, length & 31); }

template <typename T>
QUERN_INLINE T reverseBits(T a) {
    u64 x = a;
    x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
    x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
    return T(__builtin_bswap64(x) >> (64 - BITS<T>));
}

/// One byte of b:a by a selector of four bits; the fourth asks for its sign in all bits.
QUERN_INLINE u32 selectByte(u64 bytes, u32 selector) {
    const u32 byte = u32(bytes >> 8 * (selector & 7)) & 255;
    const u32 sign = (byte & 128) != 0 ? 255 : 0;
    return (selector & 8) != 0 ? sign : byte;
}
QUERN_INLINE u32 permute(u32 a, u32 b, u32 selector) {
    const u64 bytes = u64{b} << 32 | a;
    return selectByte(bytes, selector) | selectByte(bytes, selector >> 4) << 8 |
           selectByte(bytes, selector >> 8) << 16 | selectByte(bytes, selector >> 12) << 24;
}
/// The modes of prmt: which bytes of b:a become bytes 0 to 3 of the result, by the selector's two lowest bits.
template <u32 (*PICK)(u32 byte, u32 by)>
QUERN_INLINE u32 permuteMode(u32 a, u32 b, u32 selector) {
    const u64 bytes = u64{b} << 32 | a;
    u32 result = 0;
    for (u32 k = 0; k < 4; k++) result |= (u32(bytes >> 8 * PICK(k, selector & 3)) & 255) << 8 * k;
    return result;
}
QUERN_INLINE u32 forward4(u32 k, u32 by) { return by + k; }
QUERN_INLINE u32 backward4(u32 k, u32 by) { return (by + 8 - k) & 7; }
QUERN_INLINE u32 replicate8(u32, u32 by) { return by; }
QUERN_INLINE u32 edgeLeft(u32 k, u32 by) { return k > by ? k : by; }
QUERN_INLINE u32 edgeRight(u32 k, u32 by) { return k < by ? k : by; }
QUERN_INLINE u32 replicate16(u32 k, u32 by) { return 2 * (by & 1) + (k & 1); }

/// op.imm: the truth table; bit 4a + 2b + c is the result for these bits of the operands.
void lookUp3(Warp& warp, const Op& op) {
    const u32* a = lanesOf<u32>(warp, op.a);
    const u32* b = lanesOf<u32>(warp, op.b);
    const u32* c = lanesOf<u32>(warp, op.c);
    u32 term[8];
    for (int k = 0; k < 8; k++) term[k] = (op.imm >> k & 1) != 0 ? ~0U : 0U;
    write<u32>(
        warp, op.dst, [&](int i) __attribute__((always_inline)) {
            const u32 x = a[i];
            const u32 y = b[i];
            const u32 z = c[i];
            return (term[0] & ~x & ~y & ~z) | (term[1] & ~x & ~y & z) | (term[2] & ~x & y & ~z) |
                   (term[3] & ~x & y & z) | (term[4] & x & ~y & ~z) | (term[5] & x & ~y & z) |
                   (term[6] & x & y & ~z) | (term[7] & x & y & z);
        });
}

// Predicates: 32 lanes are one mask.
template <u32 (*F)(u32, u32)>
void onPredicates(Warp& warp, const Op& op) {
    writePredicate(warp, op.dst, F(predicateOf(warp, op.a), predicateOf(warp, op.b)));
}
void notPredicate(Warp& warp, const Op& op) { writePredicate(warp, op.dst, ~predicateOf(warp, op.a)); }
void copyPredicate(Warp& warp, const Op& op) { writePredicate(warp, op.dst, predicateOf(warp, op.a)); }

constexpr InstructionClass LOGIC = InstructionClass::LOGIC;
constexpr InstructionClass COMPARE = InstructionClass::COMPARE;

#define BITWISE(name, T, s)                                          \
    {"and." #name, #s "=" #s #s, lanes<bitAnd<T>>, LOGIC},           \
        {"or." #name, #s "=" #s #s, lanes<bitOr<T>>, LOGIC},         \
        {"xor." #name, #s "=" #s #s, lanes<bitXor<T>>, LOGIC},       \
        {"not." #name, #s "=" #s, lanes<bitNot<T>>, LOGIC},          \
        {"cnot." #name, #s "=" #s, lanes<logicalNot<T>>, LOGIC},     \
        {"shl." #name, #s "=" #s "w", lanes<shiftLeft<T>>, LOGIC}, { \
        "shr." #name, #s "=" #s "w", lanes<shiftRight<T>>, LOGIC     \
    }

constexpr Entry TABLE[] = {
    BITWISE(b16, u16, h),
    BITWISE(b32, u32, w),
    BITWISE(b64, u64, d),
    {"shr.u16", "h=hw", lanes<shiftRight<u16>>, LOGIC},
    {"shr.u32", "w=ww", lanes<shiftRight<u32>>, LOGIC},
    {"shr.u64", "d=dw", lanes<shiftRight<u64>>, LOGIC},
    {"shr.s16", "h=hw", lanes<shiftRight<s16>>, LOGIC},
    {"shr.s32", "w=ww", lanes<shiftRight<s32>>, LOGIC},
    {"shr.s64", "d=dw", lanes<shiftRight<s64>>, LOGIC},
    {"shf.l.clamp.b32", "w=www", lanes<funnelLeftClamp>, LOGIC},
    {"shf.l.wrap.b32", "w=www", lanes<funnelLeftWrap>, LOGIC},
    {"shf.r.clamp.b32", "w=www", lanes<funnelRightClamp>, LOGIC},
    {"shf.r.wrap.b32", "w=www", lanes<funnelRightWrap>, LOGIC},
    {"bfe.u32", "w=www", lanes<extractUnsigned<u32>>, LOGIC},
    {"bfe.u64", "d=dww", lanes<extractUnsigned<u64>>, LOGIC},
    {"bfe.s32", "w=www", lanes<extractSigned<u32>>, LOGIC},
    {"bfe.s64", "d=dww", lanes<extractSigned<u64>>, LOGIC},
    {"bfi.b32", "w=wwww", lanes<insertField<u32>>, LOGIC},
    {"bfi.b64", "d=ddww", lanes<insertField<u64>>, LOGIC},
    {"bmsk.clamp.b32", "w=ww", lanes<bitMaskClamp>, LOGIC},
    {"bmsk.wrap.b32", "w=ww", lanes<bitMaskWrap>, LOGIC},
    {"brev.b32", "w=w", lanes<reverseBits<u32>>, LOGIC},
    {"brev.b64", "d=d", lanes<reverseBits<u64>>, LOGIC},
    {"prmt.b32", "w=www", lanes<permute>, LOGIC},
    {"prmt.b32.f4e", "w=www", lanes<permuteMode<forward4>>, LOGIC},
    {"prmt.b32.b4e", "w=www", lanes<permuteMode<backward4>>, LOGIC},
    {"prmt.b32.rc8", "w=www", lanes<permuteMode<replicate8>>, LOGIC},
    {"prmt.b32.ecl", "w=www", lanes<permuteMode<edgeLeft>>, LOGIC},
    {"prmt.b32.ecr", "w=www", lanes<permuteMode<edgeRight>>, LOGIC},
    {"prmt.b32.rc16", "w=www", lanes<permuteMode<replicate16>>, LOGIC},
    {"lop3.b32", nullptr, lookUp3, LOGIC},
    {"and.pred", "p=pp", onPredicates<bitAnd<u32>>, COMPARE},
    {"or.pred", "p=pp", onPredicates<bitOr<u32>>, COMPARE},
    {"xor.pred", "p=pp", onPredicates<bitXor<u32>>, COMPARE},
    {"not.pred", "p=p", notPredicate, COMPARE},
    {"mov.pred", "p=p", copyPredicate, COMPARE},
};

}  // namespace

Entries logicTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
