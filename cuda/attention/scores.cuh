// What stands between a dot product and a weight: who is seen, and what is added. The order of the operations is that of
// io.quern.attention.Row.
#pragma once

#include "problem.cuh"

namespace quern::attention {

__device__ __forceinline__ fp32 fusedMultiplyAdd(fp32 a, fp32 b, fp32 c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ fp64 fusedMultiplyAdd(fp64 a, fp64 b, fp64 c) { return __fma_rn(a, b, c); }
__device__ __forceinline__ fp32 hyperbolicTangent(fp32 x) { return tanhf(x); }
__device__ __forceinline__ fp64 hyperbolicTangent(fp64 x) { return tanh(x); }
__device__ __forceinline__ fp32 naturalLogarithm(fp32 x) { return logf(x); }
__device__ __forceinline__ fp64 naturalLogarithm(fp64 x) { return log(x); }

/// e^x for x up to 0.
template <typename C>
__device__ __forceinline__ C exponential(C x) {
    return exp2Polynomial(x * C(LOG2_E));
}

/// Neighbouring keys whose scores one thread computes: as many as one draw of Philox serves.
constexpr int KEYS = 4;

/// Query i of a head of a sequence.
template <typename T>
struct Row {
    using C = typename ComputeOf<T>::type;
    const Problem<T>& p;
    const Sequence& s;
    int64_t head, i;

    /// Whether mask and biases leave the key visible; the band has.
    __device__ __forceinline__ bool unmasked(int64_t key) const {
        bool seen = p.mask.base == nullptr || p.mask.row(s.number, head, i)[key] != 0;
        if (p.bias.base != nullptr) {
            seen = seen && widen<C>(p.bias.row(s.number, head, i)[key]) != -C(INFINITY);
        }
        if (p.keyBias.base != nullptr) {
            seen = seen && widen<C>(p.keyBias.row(s.row, head, 0)[s.firstKey + key]) != -C(INFINITY);
        }
        return seen;
    }

    /// The factor of the dot products where `seen` keys are visible.
    __device__ __forceinline__ C scale(int64_t seen) const {
        double factor = p.scale;
        if (p.headScale != nullptr) {
            factor *= static_cast<double>(p.headScale[head]);
        }
        if (p.inverseLogOfTraining != 0) {
            factor *= seen == 0 ? 0 : log(static_cast<double>(seen)) * p.inverseLogOfTraining;
        }
        return static_cast<C>(factor);
    }

    /// The score of a visible key by its scaled dot product, without noise.
    __device__ __forceinline__ C score(C x, int64_t key) const {
        if (p.softcap != 0) {
            const C cap = static_cast<C>(p.softcap);
            x = cap * hyperbolicTangent(x / cap);
        }
        if (p.bias.base != nullptr) {
            x += widen<C>(p.bias.row(s.number, head, i)[key]);
        }
        if (p.keyBias.base != nullptr) {
            x += widen<C>(p.keyBias.row(s.row, head, 0)[s.firstKey + key]);
        }
        if (p.slopes != nullptr) {
            const int64_t distance = i + p.diagonal(s) - key;
            x -= p.slopes[head] * static_cast<C>(distance < 0 ? -distance : distance);
        }
        return x;
    }

    /// The words that belong to keys firstKey .. firstKey + 3, firstKey a multiple of 4.
    __device__ __forceinline__ uint4 draw(int64_t firstKey, uint32_t stream) const {
        return philox(static_cast<uint64_t>(p.seed),
                      {static_cast<uint32_t>(firstKey >> 2), static_cast<uint32_t>(i),
                       static_cast<uint32_t>(s.number * p.heads + head), stream});
    }

    /// What noise adds to the scores of four keys.
    __device__ __forceinline__ void noise(int64_t firstKey, C (&to)[KEYS]) const {
        const uint4 words = draw(firstKey, 1);
        C pair[2];
        normals(words.x, words.y, pair);
        to[0] = static_cast<C>(p.sigma) * pair[0];
        to[1] = static_cast<C>(p.sigma) * pair[1];
        normals(words.z, words.w, pair);
        to[2] = static_cast<C>(p.sigma) * pair[0];
        to[3] = static_cast<C>(p.sigma) * pair[1];
    }

    /// By what dropout multiplies the weights of four keys.
    __device__ __forceinline__ void keep(int64_t firstKey, C (&to)[KEYS]) const {
        const uint4 words = draw(firstKey, 0);
        const uint32_t each[KEYS] = {words.x, words.y, words.z, words.w};
#pragma unroll
        for (int k = 0; k < KEYS; k++) {
            to[k] = uniformBits(each[k]) < p.dropped ? C(0) : static_cast<C>(p.keepScale);
        }
    }

    /// What noise adds to the score of one key.
    __device__ __forceinline__ C noiseOf(int64_t key) const {
        C four[KEYS];
        noise(key / KEYS * KEYS, four);
        return select(four, key);
    }

    /// By what dropout multiplies the weight of one key.
    __device__ __forceinline__ C keepOf(int64_t key) const {
        C four[KEYS];
        keep(key / KEYS * KEYS, four);
        return select(four, key);
    }

    /// Without an index, which registers lack.
    __device__ __forceinline__ static C select(const C (&four)[KEYS], int64_t key) {
        return key & 2 ? key & 1 ? four[3] : four[2] : key & 1 ? four[1] : four[0];
    }
};

}  // namespace quern::attention
