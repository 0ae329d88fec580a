// Philox4x32-10; the mathematics, the key and the counter are in io.quern.cpu.Philox, which draws the same words.
#pragma once

#include <cstdint>

namespace quern {

/// The four words of a counter.
__device__ __forceinline__ uint4 philox(uint64_t seed, uint4 counter) {
    uint32_t k0 = static_cast<uint32_t>(seed);
    uint32_t k1 = static_cast<uint32_t>(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = uint64_t(0xD2511F53u) * counter.x;
        const uint64_t product1 = uint64_t(0xCD9E8D57u) * counter.z;
        counter = {static_cast<uint32_t>(product1 >> 32) ^ counter.y ^ k0, static_cast<uint32_t>(product1),
                   static_cast<uint32_t>(product0 >> 32) ^ counter.w ^ k1, static_cast<uint32_t>(product0)};
        k0 += 0x9E3779B9u;  // the golden ratio's fraction
        k1 += 0xBB67AE85u;  // that of the square root of 3
    }
    return counter;
}

/// A word as a number of 24 bits and a half; times 2^-24 it is uniform in (0, 1).
__device__ __forceinline__ uint32_t uniformBits(uint32_t word) { return word >> 8; }

/// sqrt(-2 ln u) of a word's u. In FP32 u has one bit too many where it is above a half: 1 - u then has not.
__device__ __forceinline__ float normalRadius(uint32_t word, float) {
    const uint32_t bits = uniformBits(word);
    const float logarithm = bits < 1u << 23
                                ? logf((static_cast<float>(bits) + 0.5f) * 0x1p-24f)
                                : log1pf((static_cast<float>((1u << 24) - bits) - 0.5f) * -0x1p-24f);
    return sqrtf(-2.0f * logarithm);
}

__device__ __forceinline__ double normalRadius(uint32_t word, double) {
    return sqrt(-2.0 * log((uniformBits(word) + 0.5) * 0x1p-24));
}

/// Two standard normals of two words, by Box and Muller.
__device__ __forceinline__ void normals(uint32_t first, uint32_t second, float (&to)[2]) {
    const float radius = normalRadius(first, 0.0f);
    // Half turns less one: as exact as what it comes from, and the angle is turned by pi, which changes both signs.
    const float turns = (static_cast<float>(static_cast<int32_t>(uniformBits(second)) - (1 << 23)) + 0.5f);
    float sine;
    float cosine;
    sincospif(turns * 0x1p-23f, &sine, &cosine);
    to[0] = -radius * cosine;
    to[1] = -radius * sine;
}

__device__ __forceinline__ void normals(uint32_t first, uint32_t second, double (&to)[2]) {
    const double radius = normalRadius(first, 0.0);
    double sine;
    double cosine;
    sincospi((uniformBits(second) + 0.5) * 0x1p-23, &sine, &cosine);
    to[0] = radius * cosine;
    to[1] = radius * sine;
}

}  // namespace quern
