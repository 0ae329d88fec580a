// Matrices between memory and registers: ldmatrix, stmatrix, movmatrix, wmma.load, wmma.store.
//
// The first three move 8 x 8 elements of 16 bits. Thread t holds two neighbours of row t / 4, so that a register's lanes, one after the other, are the matrix row by
// row: a row in memory is 16 bytes, and so are the four lanes that get it.
#include "exec/access.hpp"
#include "exec/fragment_walk.hpp"
#include "exec/traffic.hpp"
#include "exec/transpose.hpp"

namespace quern::emulator {

namespace {

using namespace QUERN_LEVEL;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr int ROWS = 8;
constexpr std::size_t ROW_BYTES = 16;

void copyRow(void* to, const void* from) { __builtin_memcpy(to, from, ROW_BYTES); }

/// Whether the rows of each matrix lie in different banks, so that it takes one pass.
QUERN_INLINE bool conflictFree(const u64* address, int matrices) {
    for (int m = 0; m < matrices; m++) {
        u32 banks = 0;  // in fours
        for (int i = 0; i < ROWS; i++) banks |= 1U << (address[m * ROWS + i] / ROW_BYTES % ROWS);
        if (banks != 0xff) return false;
    }
    return true;
}

/// Where the rows of the matrices are: the address of lane i is that of row i.
template <int MATRICES>
QUERN_INLINE void resolveRows(Warp& warp, const Op& op, std::byte** pointer) {
    constexpr int COUNT = MATRICES * ROWS;
    alignas(64) u64 address[LANES];
    if (op.wide) {
        const u64* a = lanesOf<u64>(warp, op.a);
        QUERN_LANES address[i] = a[i] + static_cast<u64>(op.imm);
    } else {
        const u32* a = lanesOf<u32>(warp, op.a);
        QUERN_LANES address[i] = a[i] + static_cast<u32>(op.imm);
    }
    if (op.space == Space::SHARED && warp.watch == nullptr) {
        u64 bits = 0;
        bool inside = true;
        for (int i = 0; i < COUNT; i++) {
            bits |= address[i];
            inside &= address[i] + ROW_BYTES <= warp.shared.size;
        }
        if (inside && bits % ROW_BYTES == 0 && conflictFree(address, MATRICES)) {
            for (int i = 0; i < COUNT; i++) pointer[i] = warp.shared.bytes + address[i];
            if (warp.worker->counters) {
                SharedTraffic& traffic = trafficOf(warp, op).shared;
                traffic.requests++;
                traffic.wavefronts += MATRICES;
                traffic.idealWavefronts += MATRICES;
                traffic.bytes += COUNT * ROW_BYTES;
            }
            return;
        }
    }
    // Lanes without a row take no part.
    warp.mask = COUNT == LANES ? ALL_LANES : (1U << COUNT % LANES) - 1;
    resolveLanes(warp, op, address, pointer);
    warp.mask = ALL_LANES;
}

template <int MATRICES, bool TRANSPOSED>
void load(Warp& warp, const Op& op) {
    std::byte* rows[LANES];
    resolveRows<MATRICES>(warp, op, rows);
    for (int m = 0; m < MATRICES; m++) {
        u32* d = lanesOf<u32>(warp, op.more[m]);
        std::byte* const* from = rows + m * ROWS;
        if (TRANSPOSED) {
            transpose([=](int i) { return from[i]; }, [=](int c) { return d + 4 * c; });
        } else {
            for (int i = 0; i < ROWS; i++) copyRow(d + 4 * i, from[i]);
        }
    }
}

template <int MATRICES, bool TRANSPOSED>
void store(Warp& warp, const Op& op) {
    std::byte* rows[LANES];
    resolveRows<MATRICES>(warp, op, rows);
    for (int m = 0; m < MATRICES; m++) {
        const u32* s = lanesOf<u32>(warp, op.more[m]);
        std::byte* const* to = rows + m * ROWS;
        if (TRANSPOSED) {
            transpose([=](int i) { return s + 4 * i; }, [=](int c) { return to[c]; });
        } else {
            for (int i = 0; i < ROWS; i++) copyRow(to[i], s + 4 * i);
        }
    }
}

void move(Warp& warp, const Op& op) {
    const u32* a = lanesOf<u32>(warp, op.a);
    u32* d = lanesOf<u32>(warp, op.dst);
    transpose([=](int i) { return a + 4 * i; }, [=](int c) { return d + 4 * c; });
}

/// use(register, first element of the access within it, pointers of the lanes): one access of op.bytes a lane at a time.
template <typename Use>
void walkFragment(Warp& warp, const Op& op, Use use) {
    const FragmentWalk walk = FragmentWalk::of(op.c);
    const u32* registers = op.more;
    const u32* places = registers + walk.count;
    // Copies: registers of the fragment may be those of the address.
    u64 base[LANES], strides[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        base[lane] = (op.wide ? lanesOf<u64>(warp, op.a)[lane] : lanesOf<u32>(warp, op.a)[lane]) +
                     static_cast<u64>(op.imm);
        strides[lane] = lanesOf<u32>(warp, op.b)[lane];
    }
    const u32 together = op.bytes * 8 / walk.bits;  // elements of one access
    for (u32 r = 0; r < walk.count; r++) {
        for (u32 e = 0; e < walk.each; e += together) {
            alignas(64) u64 address[LANES];
            std::byte* pointer[LANES];
            for (u32 lane = 0; lane < LANES; lane++) {
                const u64 line = places[2 * r] + lane / 4;
                const u64 at = places[2 * r + 1] + lane % 4 * walk.step + e;
                const u64 stride = strides[lane];
                const u64 index = walk.contiguous ? line * stride + at : at * stride + line;
                address[lane] = base[lane] + index * walk.bits / 8;
            }
            resolveLanes(warp, op, address, pointer);
            use(registers[r], e * walk.bits / 8, pointer);
        }
    }
}

void loadFragment(Warp& warp, const Op& op) {
    const std::size_t width = FragmentWalk::of(op.c).bits == 64 ? 8 : 4;
    walkFragment(warp, op, [&](u32 offset, u32 at, std::byte* const* from) {
        std::byte* to = warp.registers + offset + at;
        for (std::size_t lane = 0; lane < LANES; lane++)
            __builtin_memcpy(to + lane * width, from[lane], op.bytes);
    });
}

void storeFragment(Warp& warp, const Op& op) {
    const std::size_t width = FragmentWalk::of(op.c).bits == 64 ? 8 : 4;
    walkFragment(warp, op, [&](u32 offset, u32 at, std::byte* const* to) {
        const std::byte* from = warp.registers + offset + at;
        for (std::size_t lane = 0; lane < LANES; lane++)
            __builtin_memcpy(to[lane], from + lane * width, op.bytes);
    });
}

constexpr InstructionClass MATRIX = InstructionClass::MATRIX;

constexpr Entry MATRIX_MOVES[] = {
    {"ldmatrix.x1", nullptr, load<1, false>, MATRIX},
    {"ldmatrix.x2", nullptr, load<2, false>, MATRIX},
    {"ldmatrix.x4", nullptr, load<4, false>, MATRIX},
    {"ldmatrix.x1.trans", nullptr, load<1, true>, MATRIX},
    {"ldmatrix.x2.trans", nullptr, load<2, true>, MATRIX},
    {"ldmatrix.x4.trans", nullptr, load<4, true>, MATRIX},
    {"stmatrix.x1", nullptr, store<1, false>, MATRIX},
    {"stmatrix.x2", nullptr, store<2, false>, MATRIX},
    {"stmatrix.x4", nullptr, store<4, false>, MATRIX},
    {"stmatrix.x1.trans", nullptr, store<1, true>, MATRIX},
    {"stmatrix.x2.trans", nullptr, store<2, true>, MATRIX},
    {"stmatrix.x4.trans", nullptr, store<4, true>, MATRIX},
    {"movmatrix", nullptr, move, MATRIX},
    {"wmma.load", nullptr, loadFragment, MATRIX},
    {"wmma.store", nullptr, storeFragment, MATRIX},
};

}  // namespace

Entries matrixMoveTable() { return entries(MATRIX_MOVES); }

}  // namespace quern::emulator
