// Moves: copies, packing and unpacking of narrower registers, changes of address space.
#include "exec/lanes.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

template <typename T>
QUERN_INLINE T copyOf(T a) {
    return a;
}

/// mov.bN {d0, d1 ...}, a: op.more lists the parts, the lowest bits first.
template <typename WHOLE, typename PART>
void unpack(Warp& warp, const Op& op) {
    alignas(64) WHOLE whole[LANES];
    const WHOLE* a = lanesOf<WHOLE>(warp, op.a);
    QUERN_LANES whole[i] = a[i];  // a part may be written over it
    for (unsigned k = 0; k < sizeof(WHOLE) / sizeof(PART); k++) {
        write<PART>(
            warp, op.more[k], [&](int i) __attribute__((always_inline)) {
                return static_cast<PART>(whole[i] >> 8 * sizeof(PART) * k);
            });
    }
}

/// mov.bN d, {a0, a1 ...}
template <typename WHOLE, typename PART>
void pack(Warp& warp, const Op& op) {
    alignas(64) WHOLE whole[LANES] = {};
    for (unsigned k = 0; k < sizeof(WHOLE) / sizeof(PART); k++) {
        const PART* a = lanesOf<PART>(warp, op.more[k]);
        QUERN_LANES whole[i] |= static_cast<WHOLE>(static_cast<WHOLE>(a[i]) << 8 * sizeof(PART) * k);
    }
    write<WHOLE>(
        warp, op.dst, [&](int i) __attribute__((always_inline)) { return whole[i]; });
}

/// An argument of a call, from the caller's local memory (op.a) to the callee's (op.dst). op.imm: its bytes.
void copyParameter(Warp& warp, const Op& op) {
    const std::size_t bytes = static_cast<std::size_t>(op.imm);
    forEachLane(warp.mask, [&](int lane) {
        std::byte* frame = warp.local + static_cast<std::size_t>(lane) * warp.localBytes;
        __builtin_memcpy(frame + op.dst, frame + op.a, bytes);
    });
}

/// From one space to generic and back: the window is added, or taken away.
void toGeneric(Warp& warp, const Op& op) {
    const u64 window = static_cast<u64>(op.imm);
    const u64* a = lanesOf<u64>(warp, op.a);
    write<u64>(
        warp, op.dst, [=](int i) __attribute__((always_inline)) { return a[i] + window; });
}
/// isspacep: whether a generic address is in the window op.imm.
void isInSpace(Warp& warp, const Op& op) {
    const u64 window = static_cast<u64>(op.imm) >> WINDOW_SHIFT;
    const u64* a = lanesOf<u64>(warp, op.a);
    writePredicate(warp, op.dst, maskWhere<u64>([=](int i) { return a[i] >> WINDOW_SHIFT == window; }));
}

/// Whether an address is in one of the module's constant variables: Op::more has how many, then address and bytes of each.
bool isConstant(const u32* variables, u64 address) {
    for (u32 i = 0; i < variables[0]; i++) {
        const u32* at = variables + 1 + 4 * i;
        const u64 begin = u64{at[1]} << 32 | at[0];
        const u64 bytes = u64{at[3]} << 32 | at[2];
        if (address - begin < bytes) return true;
    }
    return false;
}
template <bool CONSTANT>
void isInGlobal(Warp& warp, const Op& op) {
    const u64* a = lanesOf<u64>(warp, op.a);
    u32 found = 0;
    forEachLane(warp.mask, [&](int lane) {
        const bool window = a[lane] >> WINDOW_SHIFT == 0;
        if (window && isConstant(op.more, a[lane]) == CONSTANT) found |= 1U << lane;
    });
    writePredicate(warp, op.dst, found);
}

void nothing(Warp&, const Op&) {}

constexpr InstructionClass MOVE = InstructionClass::MOVE;

constexpr Entry TABLE[] = {
    {"mov.b8", nullptr, lanes<copyOf<u8>>, MOVE},
    {"mov.b16", nullptr, lanes<copyOf<u16>>, MOVE},
    {"mov.b32", nullptr, lanes<copyOf<u32>>, MOVE},
    {"mov.b64", nullptr, lanes<copyOf<u64>>, MOVE},
    {"unpack.2.1", nullptr, unpack<u16, u8>, MOVE},
    {"unpack.4.2", nullptr, unpack<u32, u16>, MOVE},
    {"unpack.4.1", nullptr, unpack<u32, u8>, MOVE},
    {"unpack.8.4", nullptr, unpack<u64, u32>, MOVE},
    {"unpack.8.2", nullptr, unpack<u64, u16>, MOVE},
    {"pack.2.1", nullptr, pack<u16, u8>, MOVE},
    {"pack.4.2", nullptr, pack<u32, u16>, MOVE},
    {"pack.4.1", nullptr, pack<u32, u8>, MOVE},
    {"pack.8.4", nullptr, pack<u64, u32>, MOVE},
    {"pack.8.2", nullptr, pack<u64, u16>, MOVE},
    {"copy.parameter", nullptr, copyParameter, MOVE},
    {"cvta", nullptr, toGeneric, MOVE},
    {"isspacep.const", nullptr, isInGlobal<true>, MOVE},
    {"isspacep.global", nullptr, isInGlobal<false>, MOVE},
    {"isspacep", nullptr, isInSpace, MOVE},
    {"nop", nullptr, nothing, InstructionClass::CONTROL},
};

}  // namespace

Entries moveTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
