// What the kernels are given, and what holds at a query's time: io.quern.flow.FlowCuda writes the structure.
#pragma once

#include <cstdint>

#include "dtype.cuh"
#include "exp.cuh"

namespace quern::flow {

constexpr double LOG2_E = 1.4426950408889634;
constexpr double LN_2 = 0.6931471805599453;

__device__ __forceinline__ fp32 fusedMultiplyAdd(fp32 a, fp32 b, fp32 c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ fp64 fusedMultiplyAdd(fp64 a, fp64 b, fp64 c) { return __fma_rn(a, b, c); }

/// As in io.quern.flow.Schedule.
enum class Schedule : int64_t { EXPLODING, GEOMETRIC, PRESERVING, STRAIGHT };

/// Rows of a matrix, or numbers; null where there are none.
template <typename T>
struct Rows {
    T* base;
    int64_t stride;

    __device__ __forceinline__ T* at(int64_t i) const { return base + i * stride; }
};

/// What depends on time alone.
struct Moment {
    double alpha, sigma, alphaRate, logSigmaRate;

    /// What the mean is multiplied by in the velocity.
    __device__ __forceinline__ double pull() const { return alphaRate - alpha * logSigmaRate; }
};

/// What a split of the data leaves of a query: the score's maximum m in units of log2, and sums of 2^(s - m).
template <typename T>
struct alignas(16) Sums {
    T most, weights, slopes, squares;  // sum p, sum p slope, sum p slope q or, of a gradient, sum p y.tangent
};

template <typename T>
struct Problem {
    Rows<const T> queries, data, weights;
    Rows<const double> times;
    Rows<T> mean, logDensity, velocity, score, divergence;
    int64_t count, dataCount, channels;
    Schedule schedule;
    double scheduleFirst, scheduleSecond, time;
    double noiseFirst, noiseSecond, logConstant;
    int64_t splits, splitData;  // of the data; how many a split has
    int64_t passes;             // means, and where it is 2 also means weighted by slopes
    int64_t partialLength;      // channels, and what makes rows begin at multiples of 16 bytes
    // Workspace.
    Moment* moments;      // one, or one a query
    double* totalWeight;  // of all data
    T* logWeights;        // log2, (dataCount); null where all are alike
    Sums<T>* sums;        // (splits, count)
    T* partial;           // (splits, passes, count, partialLength)
    // Of a gradient.
    Rows<const T> velocityGradient, meanGradient, logDensityGradient;
    Rows<T> queriesGradient;

    __device__ __forceinline__ const Moment& moment(int64_t query) const {
        return moments[times.base == nullptr || times.stride == 0 ? 0 : query];
    }

    __device__ __forceinline__ T* partialRow(int64_t split, int64_t pass, int64_t query) const {
        return partial + ((split * passes + pass) * count + query) * partialLength;
    }

    /// Of a gradient: what data are multiplied by, b df + dm.
    __device__ __forceinline__ T tangent(int64_t query, int64_t channel, T pull) const {
        const T ofMean = meanGradient.base == nullptr ? T(0) : meanGradient.at(query)[channel];
        return velocityGradient.base == nullptr
                   ? ofMean
                   : fusedMultiplyAdd(pull, velocityGradient.at(query)[channel], ofMean);
    }

    __device__ __forceinline__ Moment momentAt(double t) const {
        switch (schedule) {
            case Schedule::EXPLODING: return {1, t, 0, 1 / t};
            case Schedule::GEOMETRIC: {
                const double rate = log(scheduleSecond / scheduleFirst);
                return {1, scheduleFirst * exp(t * rate), 0, rate};
            }
            case Schedule::PRESERVING: {
                const double rise = scheduleSecond - scheduleFirst;
                const double beta = scheduleFirst + rise * t;
                const double integral = scheduleFirst * t + rise * t * t / 2;
                const double alpha = exp(-integral / 2);
                return {alpha, sqrt(-expm1(-integral)), -beta / 2 * alpha, beta / 2 / expm1(integral)};
            }
            default: return {1 - t, t, -1, 1 / t};
        }
    }
};

/// A linear combination, as io.quern.flow.Combination.
template <typename T>
struct Terms {
    static constexpr int MOST = 8;
    const T* from[MOST];
    double factors[MOST];
    int64_t terms;
    T* to;
    int64_t count;
};

/// Noise of io.quern.flow.Noise. With r2 = |x - alpha y|^2 / sigma^2, score is in units of log2 and slope that of Noise.slope.
struct Gaussian {
    static constexpr bool LARGEST = false;

    template <typename C, typename P>
    static __device__ __forceinline__ C score(C q, const P&) {
        return q * C(-0.5 * LOG2_E);
    }

    template <typename C, typename P>
    static __device__ __forceinline__ C slope(C, const P&) {
        return C(-1);
    }
};

struct Student {
    static constexpr bool LARGEST = false;

    template <typename C, typename P>
    static __device__ __forceinline__ C score(C q, const P& a) {
        return log1p(q) * static_cast<C>(-0.5 * LOG2_E * (static_cast<double>(a.channels) + a.noiseFirst));
    }

    template <typename C, typename P>
    static __device__ __forceinline__ C slope(C q, const P& a) {
        return -static_cast<C>(static_cast<double>(a.channels) + a.noiseFirst) / (C(1) + q);
    }
};

/// Queries on a datum: as if they were a little beside it.
template <typename C>
__device__ __forceinline__ C radius(C q) {
    constexpr C LEAST = sizeof(C) == 8 ? C(0x1p-200) : C(0x1p-100);
    return sqrt(q < LEAST ? LEAST : q);
}

struct Tanh {
    static constexpr bool LARGEST = false;

    template <typename C, typename P>
    static __device__ __forceinline__ C score(C q, const P& a) {
        const C r = radius(q);
        const C rest = log1p(exp2Polynomial(r * C(-2 * LOG2_E))) * C(LOG2_E);
        const C flat = C(2) - C(2) * fusedMultiplyAdd(r, C(LOG2_E), rest);
        return a.channels == 1 ? flat : flat - C(a.channels - 1) * (log(r) * C(LOG2_E));
    }

    template <typename C, typename P>
    static __device__ __forceinline__ C slope(C q, const P& a) {
        const C r = radius(q);
        return -(C(2) * tanh(r) + C(a.channels - 1) / r) / r;
    }
};

struct Exponential {
    static constexpr bool LARGEST = false;

    template <typename C, typename P>
    static __device__ __forceinline__ C score(C q, const P& a) {
        const C r = radius(q);
        const C flat = r * C(-LOG2_E);
        return a.channels == 1 ? flat : flat - C(a.channels - 1) * (log(r) * C(LOG2_E));
    }

    template <typename C, typename P>
    static __device__ __forceinline__ C slope(C q, const P& a) {
        const C r = radius(q);
        return -(C(1) + C(a.channels - 1) / r) / r;
    }
};

/// q is the largest |u - centre|.
struct Uniform {
    static constexpr bool LARGEST = true;

    template <typename C, typename P>
    static __device__ __forceinline__ C score(C q, const P& a) {
        const C outside = q <= static_cast<C>((a.noiseSecond - a.noiseFirst) / 2) ? C(0) : -C(INFINITY);
        return outside + q * C(0);  // NaN where it is not finite
    }

    template <typename C, typename P>
    static __device__ __forceinline__ C slope(C, const P&) {
        return C(0);
    }
};

/// By the names of the parts that attend.cu is compiled in.
using noise_gaussian = Gaussian;
using noise_student = Student;
using noise_tanh = Tanh;
using noise_exponential = Exponential;
using noise_uniform = Uniform;

}  // namespace quern::flow
