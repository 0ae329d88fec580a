// mma and wmma: products of small matrices, D = A B + C, by all lanes of a warp.
//
// A 32-bit register of a fragment holds neighbours along k; its lanes, four to a row, are a piece of 8 rows of A (or of
// columns of B). Registers of A, and of B likewise, follow each other first along m (n), then along k. That is the one
// layout of the figures in the PTX ISA for all shapes but m8n8k4 of FP16; wmma, whose layout PTX leaves open, has it too.
//
// Keys: "mma.<shape of a tile>.<type of D>.<type of A>.<type of C>". Op::more lists the registers of D, A, B, C.
#include <cmath>
#include <type_traits>

#include "exec/matrix_flags.hpp"
#include "exec/rounding.hpp"
#include "exec/transpose.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

constexpr int N = 8;  // columns that are computed together
using Row = double __attribute__((vector_size(8 * N)));

/// The columns in the order in which a row of C lies in two registers: of the first, then of the second.
constexpr int COLUMN[N] = {0, 2, 4, 6, 1, 3, 5, 7};

// The types of A and B.

struct F16 {
    using Bits = u16;
    static constexpr u32 MAGNITUDE = 0x7fff;
    static constexpr double LEAST_NORMAL = 0x1p-14;
    QUERN_INLINE float widen(u16 h) { return fromF16(h); }
};
struct Bf16 {
    using Bits = u16;
    static constexpr u32 MAGNITUDE = 0x7fff;
    static constexpr double LEAST_NORMAL = 0x1p-126;
    QUERN_INLINE float widen(u16 h) { return fromBf16(h); }
};
/// FP32 of which 10 places of the fraction count.
struct Tf32 {
    using Bits = u32;
    static constexpr u32 MAGNITUDE = 0x7fffe000;
    static constexpr double LEAST_NORMAL = 0x1p-126;
    QUERN_INLINE float widen(u32 x) { return std::bit_cast<float>(x & 0xffffe000); }
};

template <class T>
constexpr int ACROSS = 16 / static_cast<int>(sizeof(typename T::Bits));  // columns of one register's piece

/// A as numbers, B row by row with its columns in the order of COLUMN, and bounds of their elements.
template <class T, int M, int K>
struct Factors {
    alignas(64) double a[M][K];
    alignas(64) Row b[K];
    double most;  // of all |a|
    Row mostB;    // of |b| in each column
};

template <class T, int M, int K>
QUERN_INLINE void spreadA(const Warp& warp, const u32* registers, Factors<T, M, K>& factors) {
    using Bits = typename T::Bits;
    constexpr int W = ACROSS<T>;
    Bits most = 0;
    for (int r = 0; r < (M / 8) * (K / W); r++) {
        const Bits* piece = lanesOf<Bits>(warp, registers[r]);
        const int row = r % (M / 8) * 8, k = r / (M / 8) * W;
        alignas(64) float wide[8 * W];
        for (int i = 0; i < 8 * W; i++) wide[i] = T::widen(piece[i]);
        for (int i = 0; i < 8 * W; i++) {
            const Bits magnitude = piece[i] & static_cast<Bits>(T::MAGNITUDE);
            most = magnitude > most ? magnitude : most;
        }
        for (int i = 0; i < 8; i++) {
            for (int j = 0; j < W; j++) factors.a[row + i][k + j] = wide[i * W + j];
        }
    }
    factors.most = T::widen(most);
}

template <class T, int M, int K>
QUERN_INLINE void spreadB(const Warp& warp, const u32* registers, Factors<T, M, K>& factors) {
    using Bits = typename T::Bits;
    constexpr int W = ACROSS<T>;
    for (int r = 0; r < K / W; r++) {
        const Bits* piece = lanesOf<Bits>(warp, registers[r]);
        if constexpr (sizeof(Bits) == 2) {
            alignas(64) u16 turned[8][8];
            transpose([=](int i) { return piece + COLUMN[i] * 8; }, [&](int c) { return turned[c]; });
            for (int k = 0; k < 8; k++) {
                for (int j = 0; j < N; j++) factors.b[r * W + k][j] = T::widen(turned[k][j]);
            }
        } else {
            for (int k = 0; k < W; k++) {
                for (int j = 0; j < N; j++) factors.b[r * W + k][j] = T::widen(piece[COLUMN[j] * W + k]);
            }
        }
    }
    Row most{};
    for (int k = 0; k < K; k++) {
        for (int j = 0; j < N; j++) {
            const double magnitude = __builtin_fabs(factors.b[k][j]);
            most[j] = magnitude > most[j] || magnitude != magnitude ? magnitude : most[j];
        }
    }
    factors.mostB = most;
}

// The accumulators: eight columns of one block of eight rows are two registers of FP32, or one of pairs of FP16.

template <int M>
QUERN_INLINE void readF32(const Warp& warp, const u32* registers, Row (&c)[M]) {
    for (int block = 0; block < M / 8; block++) {
        const float* even = lanesOf<float>(warp, registers[2 * block]);
        const float* odd = lanesOf<float>(warp, registers[2 * block + 1]);
        for (int i = 0; i < 8; i++) {
            for (int j = 0; j < 4; j++) c[8 * block + i][j] = even[4 * i + j];
            for (int j = 0; j < 4; j++) c[8 * block + i][4 + j] = odd[4 * i + j];
        }
    }
}
template <int M>
QUERN_INLINE void readF16(const Warp& warp, const u32* registers, Row (&c)[M]) {
    for (int block = 0; block < M / 8; block++) {
        const u16* pairs = lanesOf<u16>(warp, registers[block]);
        for (int i = 0; i < 8; i++) {
            for (int j = 0; j < N; j++) c[8 * block + i][j] = fromF16(pairs[8 * i + COLUMN[j]]);
        }
    }
}

template <int M>
QUERN_INLINE void writeF32(const Warp& warp, const u32* registers, const float (&d)[M][N]) {
    for (int block = 0; block < M / 8; block++) {
        float* even = lanesOf<float>(warp, registers[2 * block]);
        float* odd = lanesOf<float>(warp, registers[2 * block + 1]);
        for (int i = 0; i < 8; i++) {
            __builtin_memcpy(even + 4 * i, d[8 * block + i], 16);
            __builtin_memcpy(odd + 4 * i, d[8 * block + i] + 4, 16);
        }
    }
}
template <int M>
QUERN_INLINE void writeF16(const Warp& warp, const u32* registers, const u16 (&d)[M][N]) {
    for (int block = 0; block < M / 8; block++) {
        u16* pairs = lanesOf<u16>(warp, registers[block]);
        for (int i = 0; i < 8; i++) {
            for (int j = 0; j < N; j++) pairs[8 * i + COLUMN[j]] = d[8 * block + i][j];
        }
    }
}

/// A sum of doubles without error, in fixed point: 704 bits hold every product of two factors, and a million of them.
class ExactSum {
  public:
    void add(double x) {
        if (x == 0) {
            negativeZero_ = negativeZero_ && std::signbit(x);
            return;
        }
        negativeZero_ = false;
        const u64 bits = std::bit_cast<u64>(x);
        const int exponent = static_cast<int>(bits >> 52 & 0x7ff);
        const u64 significand = (bits & ((u64{1} << 52) - 1)) | u64{1} << 52;  // no term is subnormal
        const int place = exponent - 1023 - 52 - LEAST;
        unsigned __int128 shifted = static_cast<unsigned __int128>(significand) << place % 64;
        const bool negative = (bits >> 63) != 0;
        u64 carry = 0;
        for (int w = place / 64; w < WORDS; w++) {
            const u64 part = static_cast<u64>(shifted);
            shifted >>= 64;
            const u64 old = words_[w];
            words_[w] = negative ? old - part - carry : old + part + carry;
            const unsigned __int128 next = static_cast<unsigned __int128>(part) + carry;
            carry = negative ? (next > old ? 1 : 0) : ((next + old) >> 64 != 0 ? 1 : 0);
            if (shifted == 0 && carry == 0) break;
        }
    }

    /// The sum as a double whose last bit says whether anything is lost (round to odd): rounding it again to a type of
    /// at most half as many digits rounds the sum once.
    double oddlyRounded() const {
        u64 words[WORDS];
        const bool negative = words_[WORDS - 1] >> 63 != 0;
        u64 carry = negative ? 1 : 0;
        for (int w = 0; w < WORDS; w++) {
            words[w] = negative ? ~words_[w] + carry : words_[w];
            carry = carry != 0 && words[w] == 0 ? 1 : 0;
        }
        int top = WORDS - 1;
        while (top >= 0 && words[top] == 0) top--;
        if (top < 0) return negativeZero_ ? -0.0 : 0.0;
        const int bit = 64 * top + 63 - __builtin_clzll(words[top]);
        const int low = bit - 52 > 0 ? bit - 52 : 0;  // the place of the result's last bit
        unsigned __int128 window = words[low / 64];
        if (low / 64 + 1 < WORDS) window |= static_cast<unsigned __int128>(words[low / 64 + 1]) << 64;
        u64 significand = static_cast<u64>(window >> low % 64) & ((u64{1} << 53) - 1);
        bool lost = low % 64 != 0 && words[low / 64] << (64 - low % 64) != 0;
        for (int w = 0; w < low / 64; w++) lost = lost || words[w] != 0;
        significand |= lost ? 1 : 0;
        const double magnitude = std::ldexp(static_cast<double>(significand), low + LEAST);
        return negative ? -magnitude : magnitude;
    }

  private:
    static constexpr int WORDS = 11;
    static constexpr int LEAST = -384;  // exponent of the lowest bit
    u64 words_[WORDS] = {};
    bool negativeZero_ = true;
};

/// What an element is, where adding in FP64 leaves it open. `sum`: what that gave.
template <class T, int M, int K>
__attribute__((noinline)) double settle(const Factors<T, M, K>& factors, int row, int column, double c,
                                        double sum) {
    if (!std::isfinite(sum)) return sum;
    ExactSum exact;
    exact.add(c);
    for (int k = 0; k < K; k++) exact.add(factors.a[row][k] * factors.b[k][column]);
    return exact.oddlyRounded();
}

/// sum[i] = c[i] + row i of A times B, in FP64, and bound[i]: how far from the exact sum it is at most.
template <class T, int M, int K>
QUERN_INLINE void addUp(const Factors<T, M, K>& factors, const Row (&c)[M], Row (&sum)[M], Row& bound) {
    constexpr int TOGETHER = 4;
    for (int i = 0; i < M; i += TOGETHER) {
        Row s[TOGETHER];
        for (int r = 0; r < TOGETHER; r++) s[r] = c[i + r];
        for (int k = 0; k < K; k++) {
            for (int r = 0; r < TOGETHER; r++) s[r] += factors.a[i + r][k] * factors.b[k];
        }
        for (int r = 0; r < TOGETHER; r++) sum[i + r] = s[r];
    }
    // K additions, each of partial sums of at most K products and c. c's share is added for each row.
    bound = (factors.most * K * (K + 2) * 0x1p-53) * factors.mostB;
}

QUERN_INLINE Row magnitudes(Row x) {
    Row result;
    for (int j = 0; j < N; j++) result[j] = __builtin_fabs(x[j]);
    return result;
}

/// Elements of a row that adding in FP64 leaves open, once more with what each addition lost (Knuth's TwoSum): for sums
/// that lie halfway between two results, as those of few digits often do.
template <class T, int M, int K>
__attribute__((noinline)) void settleRow(const Factors<T, M, K>& factors, int row, const Row& c, u32 open,
                                         float (&d)[N]) {
    Row sum = c, lost{}, size{};
    for (int k = 0; k < K; k++) {
        const Row product = factors.a[row][k] * factors.b[k];
        const Row next = sum + product;
        const Row added = next - sum;
        const Row error = (sum - (next - added)) + (product - added);
        sum = next;
        lost += error;
        size += magnitudes(error);
    }
    // The sum is next + rest, but for what the sum of the errors lost.
    const Row next = sum + lost;
    const Row added = next - sum;
    const Row rest = (sum - (next - added)) + (lost - added);
    const Row doubt = size * ((K + 1) * 0x1p-53);
    for (int j = 0; j < N; j++) {
        if ((open >> j & 1) == 0) continue;
        if (size[j] == 0) {  // nothing was lost
            d[j] = canonical(static_cast<float>(sum[j]));
        } else if (__builtin_fabs(rest[j]) > doubt[j]) {
            // Rounded to odd: rounding it again rounds the sum once.
            u64 bits = std::bit_cast<u64>(next[j]);
            const bool outwards = (rest[j] > 0) == (next[j] > 0);
            if ((bits & 1) == 0) bits += outwards ? u64{1} : ~u64{0};
            d[j] = static_cast<float>(std::bit_cast<double>(bits));
        } else {
            d[j] = canonical(static_cast<float>(settle(factors, row, j, c[j], sum[j])));
        }
    }
}

template <class T, int M, int K>
QUERN_INLINE void exactF32(const Factors<T, M, K>& factors, const Row (&c)[M], float (&d)[M][N]) {
    Row sum[M], bound;
    addUp(factors, c, sum, bound);
    for (int i = 0; i < M; i++) {
        const Row width = bound + magnitudes(c[i]) * ((K + 2) * 0x1p-53);
        const Row low = sum[i] - width, high = sum[i] + width;
        u32 open = 0;
        for (int j = 0; j < N; j++) {
            d[i][j] = static_cast<float>(sum[i][j]);
            open |= static_cast<float>(low[j]) != static_cast<float>(high[j]) ? 1U << j : 0U;
        }
        if (open != 0) settleRow(factors, i, c[i], open, d[i]);
    }
}

template <class T, int M, int K>
QUERN_INLINE void exactF16(const Factors<T, M, K>& factors, const Row (&c)[M], u16 (&d)[M][N]) {
    Row sum[M], bound;
    addUp(factors, c, sum, bound);
    for (int i = 0; i < M; i++) {
        // By way of FP32, whose own error widens the bound.
        const Row width = bound + magnitudes(c[i]) * ((K + 2) * 0x1p-53) + magnitudes(sum[i]) * 0x1p-23;
        for (int j = 0; j < N; j++) {
            const u16 low = nearestF16(static_cast<float>(sum[i][j] - width[j]));
            const u16 high = nearestF16(static_cast<float>(sum[i][j] + width[j]));
            d[i][j] = low;
            if (low != high || (low & 0x7c00) == 0x7c00)
                d[i][j] = toF16(settle(factors, i, j, c[i][j], sum[i][j]));
        }
    }
}

/// 2^e of numbers 2^e to 2^(e + 1), but at least `least`; 0 of 0.
QUERN_INLINE double scaleOf(double x, double least) {
    const double power = std::bit_cast<double>(std::bit_cast<u64>(x) & 0x7ff0000000000000);
    return x == 0 ? 0 : power < least ? least : power;
}

/// To FP32 towards zero; what is beyond FP32 becomes infinite.
QUERN_INLINE double cut(double x) {
    const double normal = std::bit_cast<double>(std::bit_cast<u64>(x) & ~((u64{1} << 29) - 1));
    const double subnormal = __builtin_trunc(x * 0x1p149) * 0x1p-149;
    return __builtin_fabs(x) < 0x1p-126 ? subnormal : normal;
}

/// As TensorCore says of truncating ones.
template <bool HALF, class T, int M, int K>
__attribute__((noinline)) void truncated(const TensorCore& core, const Factors<T, M, K>& factors,
                                         const Row (&c)[M], Row (&d)[M]) {
    const int block = sizeof(typename T::Bits) == 4 ? core.blockTf32 : core.block;
    const double fraction = std::ldexp(1.0, -23 - core.extraBits);
    alignas(64) double scaleA[M][K];
    Row scaleB[K];
    for (int i = 0; i < M; i++) {
        for (int k = 0; k < K; k++) scaleA[i][k] = scaleOf(factors.a[i][k], T::LEAST_NORMAL);
    }
    for (int k = 0; k < K; k++) {
        for (int j = 0; j < N; j++) scaleB[k][j] = scaleOf(factors.b[k][j], T::LEAST_NORMAL);
    }
    for (int i = 0; i < M; i++) {
        Row plain = c[i];
        Row sum = c[i];
        for (int first = 0; first < K; first += block) {
            const int end = first + block < K ? first + block : K;
            Row scale, part{};
            for (int j = 0; j < N; j++) scale[j] = scaleOf(sum[j], 0x1p-126);
            for (int k = first; k < end; k++) {
                const Row product = scaleA[i][k] * scaleB[k];
                for (int j = 0; j < N; j++) scale[j] = product[j] > scale[j] ? product[j] : scale[j];
            }
            for (int j = 0; j < N; j++) scale[j] = scale[j] > 0x1p-300 ? scale[j] : 0x1p-300;
            const Row unit = scale * fraction;
            const Row inverse = 1.0 / unit;  // powers of two: exact
            for (int j = 0; j < N; j++) part[j] = __builtin_trunc(sum[j] * inverse[j]);
            for (int k = first; k < end; k++) {
                const Row product = factors.a[i][k] * factors.b[k];
                plain += product;
                for (int j = 0; j < N; j++) part[j] += __builtin_trunc(product[j] * inverse[j]);
            }
            for (int j = 0; j < N; j++) {
                const double exact = part[j] * unit[j];
                sum[j] = HALF ? static_cast<double>(fromF16(toF16(exact))) : cut(exact);
            }
        }
        // Infinities and NaN are what they are in any order.
        for (int j = 0; j < N; j++) d[i][j] = std::isfinite(plain[j]) ? sum[j] : plain[j];
    }
}

/// Some tiles of M rows and eight columns: one of mma, more of wmma. Results are written last: D may share registers with
/// A, B and C. op.b and op.c: how many registers of A and B are listed; op.e: of D, and of C times 256; op.imm: tiles down, and tiles across times 256.
template <class T, int M, int K, bool HALF_C, bool HALF_D>
void multiply(Warp& warp, const Op& op) {
    constexpr int MOST_TILES = 4;
    constexpr int A_REGISTERS = M / 8 * (K / ACROSS<T>);
    constexpr int B_REGISTERS = K / ACROSS<T>;
    constexpr int C_REGISTERS = M / 8 * (HALF_C ? 1 : 2);
    constexpr int D_REGISTERS = M / 8 * (HALF_D ? 1 : 2);
    const int down = static_cast<int>(op.imm & 0xff), across = static_cast<int>(op.imm >> 8);
    const u32* d = op.more;
    const u32* a = d + down * across * D_REGISTERS;
    const u32* b = a + op.b;
    const u32* c = b + op.c;
    const TensorCore& core = warp.worker->tensorCore;
    using Result = std::conditional_t<HALF_D, u16, float>;
    alignas(64) Result results[MOST_TILES][M][N];
    for (int tile = 0; tile < down * across; tile++) {
        Factors<T, M, K> factors;
        spreadA(warp, a + tile % down * A_REGISTERS, factors);
        spreadB(warp, b + tile / down * B_REGISTERS, factors);
        Row addend[M];
        if constexpr (HALF_C) {
            readF16(warp, c + tile * C_REGISTERS, addend);
        } else {
            readF32(warp, c + tile * C_REGISTERS, addend);
        }
        Result(&result)[M][N] = results[tile];
        if (core.truncating) {
            Row sums[M];
            truncated<HALF_D>(core, factors, addend, sums);
            for (int i = 0; i < M; i++) {
                for (int j = 0; j < N; j++) {
                    const float sum = static_cast<float>(sums[i][j]);
                    if constexpr (HALF_D) {
                        result[i][j] = nearestF16(sum);
                    } else {
                        result[i][j] = canonical(sum);
                    }
                }
            }
        } else if constexpr (HALF_D) {
            exactF16(factors, addend, result);
        } else {
            exactF32(factors, addend, result);
        }
    }
    for (int tile = 0; tile < down * across; tile++) {
        if constexpr (HALF_D) {
            writeF16(warp, d + tile * D_REGISTERS, results[tile]);
        } else {
            writeF32(warp, d + tile * D_REGISTERS, results[tile]);
        }
    }
}

/// m8n8k4 of FP16: four products, each of eight lanes: 4q to 4q + 3 and 16 more.
template <bool HALF_C, bool HALF_D>
void multiplyQuads(Warp& warp, const Op& op) {
    constexpr int D_COUNT = HALF_D ? 4 : 8;
    const u32* dRegisters = op.more;
    const u32* aRegisters = dRegisters + D_COUNT;
    const u32* bRegisters = aRegisters + 2;
    const u32* cRegisters = bRegisters + 2;
    const auto half = [&](const u32* registers, int lane, int i) {
        return lanesOf<u16>(warp, registers[i / 2])[2 * lane + i % 2];
    };
    const TensorCore& core = warp.worker->tensorCore;
    alignas(64) u16 halves[4][8][8];
    alignas(64) float floats[4][8][8];
    for (int quad = 0; quad < 4; quad++) {
        const auto laneOf = [=](int i) {
            return 4 * quad + i % 4 + (i < 4 ? 0 : 16);
        };  // the i-th of the eight
        Factors<F16, 8, 4> factors;
        Row addend[8];
        u16 most = 0;
        for (int i = 0; i < 8; i++) {
            for (int e = 0; e < 4; e++) {
                const u16 x = half(aRegisters, laneOf(i), e);
                const bool columns = (op.flags & MMA_A_COLUMNS) != 0;
                factors.a[columns ? e + (i < 4 ? 0 : 4) : i][columns ? i % 4 : e] = fromF16(x);
                most = (x & 0x7fff) > most ? x & 0x7fff : most;
                const u16 y = half(bRegisters, laneOf(i), e);
                const bool rows = (op.flags & MMA_B_ROWS) != 0;
                factors.b[rows ? i % 4 : e][rows ? e + (i < 4 ? 0 : 4) : i] = fromF16(y);
            }
        }
        factors.most = fromF16(most);
        for (int j = 0; j < N; j++) {
            factors.mostB[j] = 0;
            for (int k = 0; k < 4; k++) {
                const double magnitude = __builtin_fabs(factors.b[k][j]);
                if (magnitude > factors.mostB[j] || magnitude != magnitude) factors.mostB[j] = magnitude;
            }
        }
        // Row and column of element e of FP32 in the i-th lane.
        const auto place = [](int i, int e, int& row, int& column) {
            row = (i & 1) + (e & 2) + (i < 4 ? 0 : 4);
            column = (e & 4) + (i & 2) + (e & 1);
        };
        for (int i = 0; i < 8; i++) {
            for (int e = 0; e < 8; e++) {
                int row = i, column = e;
                if (!HALF_C) place(i, e, row, column);
                addend[row][column] = HALF_C ? fromF16(half(cRegisters, laneOf(i), e))
                                             : lanesOf<float>(warp, cRegisters[e])[laneOf(i)];
            }
        }
        Row sums[8];
        // Columns stand in their own order here: COLUMN is of no concern.
        float single[8][8];
        if (core.truncating) {
            truncated<HALF_D>(core, factors, addend, sums);
        } else if (HALF_D) {
            exactF16(factors, addend, halves[quad]);
        } else {
            exactF32(factors, addend, single);
        }
        for (int i = 0; i < 8; i++) {
            for (int e = 0; e < 8; e++) {
                int row = i, column = e;
                if (!HALF_D) place(i, e, row, column);
                if (core.truncating) {
                    halves[quad][i][e] = nearestF16(static_cast<float>(sums[row][column]));
                    floats[quad][i][e] = canonical(static_cast<float>(sums[row][column]));
                } else if (!HALF_D) {
                    floats[quad][i][e] = single[row][column];
                }
            }
        }
    }
    for (int quad = 0; quad < 4; quad++) {
        for (int i = 0; i < 8; i++) {
            const int lane = 4 * quad + i % 4 + (i < 4 ? 0 : 16);
            for (int e = 0; e < 8; e++) {
                if (HALF_D) {
                    lanesOf<u16>(warp, dRegisters[e / 2])[2 * lane + e % 2] = halves[quad][i][e];
                } else {
                    lanesOf<float>(warp, dRegisters[e])[lane] = floats[quad][i][e];
                }
            }
        }
    }
}

/// Not inlined, so that it is computed under the rounding that is set around it.
template <int M, int K>
__attribute__((noinline)) void chainF64(const Warp& warp, const u32* a, const u32* b, const u32* c,
                                        double (&result)[M][N]) {
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            double sum = lanesOf<double>(warp, c[i / 8 * 2 + j % 2])[i % 8 * 4 + j / 2];
            for (int k = 0; k < K; k++) {
                sum = std::fma(lanesOf<double>(warp, a[k / 4 * (M / 8) + i / 8])[i % 8 * 4 + k % 4],
                               lanesOf<double>(warp, b[k / 4])[j * 4 + k % 4], sum);
            }
            result[i][j] = sum;
        }
    }
}

template <int M, int K>
void multiplyF64(Warp& warp, const Op& op) {
    const u32* d = op.more;
    const u32* a = d + M / 4;
    const u32* b = a + M / 8 * (K / 4);
    const u32* c = b + K / 4;
    double result[M][N];
    {
        const RoundingScope scope(op.flags);
        chainF64<M, K>(warp, a, b, c, result);
    }
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++)
            lanesOf<double>(warp, d[i / 8 * 2 + j % 2])[i % 8 * 4 + j / 2] = result[i][j];
    }
}

// Integers. A row of a piece is 16 bytes whatever the width of an element.

s32 element(const u8* row, int i, int bits, bool isSigned) {
    const int at = i * bits;
    s32 value = row[at / 8] >> at % 8;
    if (bits == 8) return isSigned ? static_cast<std::int8_t>(value) : value & 0xff;
    value &= 0xf;
    return isSigned && value >= 8 ? value - 16 : value;
}

void multiplyIntegers(Warp& warp, const Op& op) {
    const IntegerShape shape = IntegerShape::of(op.imm);
    const int across = 128 / shape.bits;
    const int blocks = shape.k / across;  // along k
    const u32* dRegisters = op.more;
    const u32* aRegisters = dRegisters + shape.m / 8 * (shape.n / 8) * 2;
    const u32* bRegisters = aRegisters + shape.m / 8 * blocks;
    const u32* cRegisters = bRegisters + shape.n / 8 * blocks;
    s32 result[32][32];
    for (int i = 0; i < shape.m; i++) {
        for (int j = 0; j < shape.n; j++) {
            const int pair = (j / 8 * (shape.m / 8) + i / 8) * 2 + j % 2;
            s64 sum = lanesOf<s32>(warp, cRegisters[pair])[i % 8 * 4 + j % 8 / 2];
            for (int block = 0; block < blocks; block++) {
                const u8* a = lanesOf<u8>(warp, aRegisters[block * (shape.m / 8) + i / 8]) + i % 8 * 16;
                const u8* b = lanesOf<u8>(warp, bRegisters[j / 8 * blocks + block]) + j % 8 * 16;
                if (shape.bits == 1) {
                    for (int byte = 0; byte < 16; byte++) {
                        const int both = (op.flags & MMA_AND) != 0 ? a[byte] & b[byte] : a[byte] ^ b[byte];
                        sum += __builtin_popcount(static_cast<unsigned>(both));
                    }
                    continue;
                }
                s32 part = 0;
                for (int k = 0; k < across; k++) {
                    part += element(a, k, shape.bits, (op.flags & MMA_A_SIGNED) != 0) *
                            element(b, k, shape.bits, (op.flags & MMA_B_SIGNED) != 0);
                }
                sum += part;
            }
            if ((op.flags & MMA_SATFINITE) != 0) {
                sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
            }
            result[i][j] = static_cast<s32>(sum);
        }
    }
    for (int i = 0; i < shape.m; i++) {
        for (int j = 0; j < shape.n; j++) {
            const int pair = (j / 8 * (shape.m / 8) + i / 8) * 2 + j % 2;
            lanesOf<s32>(warp, dRegisters[pair])[i % 8 * 4 + j % 8 / 2] = result[i][j];
        }
    }
}

constexpr InstructionClass MATRIX = InstructionClass::MATRIX;

#define HALVES(shape, M, K)                                                                 \
    {"mma." shape ".f32.f16.f32", nullptr, multiply<F16, M, K, false, false>, MATRIX},      \
        {"mma." shape ".f32.f16.f16", nullptr, multiply<F16, M, K, true, false>, MATRIX},   \
        {"mma." shape ".f16.f16.f32", nullptr, multiply<F16, M, K, false, true>, MATRIX}, { \
        "mma." shape ".f16.f16.f16", nullptr, multiply<F16, M, K, true, true>, MATRIX       \
    }

constexpr Entry TABLE[] = {
    HALVES("m8n8k16", 8, 16),
    HALVES("m16n8k8", 16, 8),
    HALVES("m16n8k16", 16, 16),
    {"mma.m8n8k16.f32.bf16.f32", nullptr, multiply<Bf16, 8, 16, false, false>, MATRIX},
    {"mma.m16n8k8.f32.bf16.f32", nullptr, multiply<Bf16, 16, 8, false, false>, MATRIX},
    {"mma.m16n8k16.f32.bf16.f32", nullptr, multiply<Bf16, 16, 16, false, false>, MATRIX},
    {"mma.m16n8k4.f32.tf32.f32", nullptr, multiply<Tf32, 16, 4, false, false>, MATRIX},
    {"mma.m16n8k8.f32.tf32.f32", nullptr, multiply<Tf32, 16, 8, false, false>, MATRIX},
    {"mma.m8n8k4.f32.f16.f32", nullptr, multiplyQuads<false, false>, MATRIX},
    {"mma.m8n8k4.f32.f16.f16", nullptr, multiplyQuads<true, false>, MATRIX},
    {"mma.m8n8k4.f16.f16.f16", nullptr, multiplyQuads<true, true>, MATRIX},
    {"mma.m8n8k4.f64.f64.f64", nullptr, multiplyF64<8, 4>, MATRIX},
    {"mma.m16n8k4.f64.f64.f64", nullptr, multiplyF64<16, 4>, MATRIX},
    {"mma.m16n8k8.f64.f64.f64", nullptr, multiplyF64<16, 8>, MATRIX},
    {"mma.m16n8k16.f64.f64.f64", nullptr, multiplyF64<16, 16>, MATRIX},
    {"mma.integer", nullptr, multiplyIntegers, MATRIX},
};

}  // namespace

Entries matrixTable() { return entries(TABLE); }

}  // namespace quern::emulator::QUERN_LEVEL
