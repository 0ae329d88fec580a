// The loops around the steps of io.quern.ode: a trajectory a thread, its state in registers. What a step does is written by
// io.quern.ode.CudaSource from a field and a method, an operation a line, in the words below: each of them rounds once, as
// io.quern.ode.Arithmetic does.
#pragma once

namespace quern {
namespace ode {

using Index = long long;

/// Threads of a block.
constexpr int BLOCK = 128;

/// Blocks that a multiprocessor must have room for. Said, or the assembler spills a register here and there to have room for
/// one more.
constexpr int BLOCKS = 1;

constexpr int WARP = 32;
constexpr unsigned ALL = 0xffffffffu;

__device__ __forceinline__ double add(double a, double b) { return __dadd_rn(a, b); }
__device__ __forceinline__ double subtract(double a, double b) { return __dsub_rn(a, b); }
__device__ __forceinline__ double multiply(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ double divide(double a, double b) { return __ddiv_rn(a, b); }
__device__ __forceinline__ double fused(double a, double b, double c) { return __fma_rn(a, b, c); }
__device__ __forceinline__ double root(double a) { return __dsqrt_rn(a); }
__device__ __forceinline__ double magnitude(double a) { return fabs(a); }

__device__ __forceinline__ float add(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ float subtract(float a, float b) { return __fsub_rn(a, b); }
__device__ __forceinline__ float multiply(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ float divide(float a, float b) { return __fdiv_rn(a, b); }
__device__ __forceinline__ float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ float root(float a) { return __fsqrt_rn(a); }
__device__ __forceinline__ float magnitude(float a) { return fabsf(a); }

/// 2^n, where a is n + 1.5 2^52 (FP32: 2^23).
__device__ __forceinline__ double powerOfTwo(double a) {
    return __longlong_as_double((__double_as_longlong(a) + 1023) << 52);
}
__device__ __forceinline__ float powerOfTwo(float a) {
    return __int_as_float((__float_as_int(a) + 127) << 23);
}

/// The number within 1..2 that has the significand of a positive normal number.
__device__ __forceinline__ double significandOf(double a) {
    return __longlong_as_double((__double_as_longlong(a) & 0x000fffffffffffffll) | 0x3ff0000000000000ll);
}
__device__ __forceinline__ float significandOf(float a) {
    return __int_as_float((__float_as_int(a) & 0x007fffff) | 0x3f800000);
}

/// 2^52 + 1023 + the exponent of a positive normal number; FP32: 2^23 + 127.
__device__ __forceinline__ double exponentOf(double a) {
    unsigned long long bits = static_cast<unsigned long long>(__double_as_longlong(a)) >> 52;
    return __longlong_as_double(static_cast<long long>(bits | 0x4330000000000000ull));
}
__device__ __forceinline__ float exponentOf(float a) {
    return __int_as_float(static_cast<int>(static_cast<unsigned>(__float_as_int(a)) >> 23 | 0x4b000000u));
}

/// A number given by its bits.
__device__ __forceinline__ double ofBits(long long bits) { return __longlong_as_double(bits); }
__device__ __forceinline__ float ofBits(int bits) { return __int_as_float(bits); }

// A load that stays where it is written: neither kept in a register until it is needed once more nor moved out of a loop.
__device__ __forceinline__ double loadHere(const double* from) {
    double value;
    asm volatile("ld.global.nc.f64 %0, [%1];" : "=d"(value) : "l"(from));
    return value;
}
__device__ __forceinline__ float loadHere(const float* from) {
    float value;
    asm volatile("ld.global.nc.f32 %0, [%1];" : "=f"(value) : "l"(from));
    return value;
}

/// Up to so many parameters are kept in registers; more are read anew in each evaluation.
constexpr int MOST_KEPT = 16;

/// The parameters of one trajectory.
template <typename Number, int COUNT, bool KEPT = (COUNT <= MOST_KEPT)>
class Parameters {
  public:
    __device__ __forceinline__ void begin(const Number* first, Index stride) {
#pragma unroll
        for (int j = 0; j < COUNT; j++) {
            values[j] = first[j * stride];
        }
    }

    __device__ __forceinline__ const Parameters& inStep() const { return *this; }

    __device__ __forceinline__ Number operator[](int j) const { return values[j]; }

  private:
    Number values[COUNT > 0 ? COUNT : 1];  // (COUNT)
};

template <typename Number, int COUNT>
class Parameters<Number, COUNT, false> {
  public:
    __device__ __forceinline__ void begin(const Number* first, Index stride) {
        first_ = first;
        stride_ = stride;
    }

    /// As the compiler does not know that the addresses are the same in every step, it does not keep all of them.
    __device__ __forceinline__ Parameters inStep() const {
        Parameters p;
        asm volatile("mov.u64 %0, %1;" : "=l"(p.first_) : "l"(first_));
        asm volatile("mov.u64 %0, %1;" : "=l"(p.stride_) : "l"(stride_));
        return p;
    }

    __device__ __forceinline__ Number operator[](int j) const { return loadHere(first_ + j * stride_); }

  private:
    const Number* first_;
    Index stride_;
};

/// What is the same for all steps of all trajectories of an adaptive solve.
template <typename Number, int DIMENSION>
struct Settings {
    Number least;
    Number most;
    Number budget;
    Number first;
    Number relative[DIMENSION];
    Number absolute[DIMENSION];
};

/// Steps of equal length.
///
/// state, out   (DIMENSION, batch), rows `stateStride`, `outStride` apart
/// parameters   (PARAMETERS, batch), or (PARAMETERS) with `parameterStep` 0
/// start        (batch), or null: all at startOfAll
/// target       the same: the length of a step if `sized`, else where the last one ends
template <typename Step>
__device__ __forceinline__ void solveFixed(const typename Step::Number* state,
                                           const typename Step::Number* parameters,
                                           const typename Step::Number* start,
                                           const typename Step::Number* target, typename Step::Number* out,
                                           Index stateStride, Index parameterStride, Index parameterStep,
                                           Index outStride, Index batch, double startOfAll,
                                           double targetOfAll, int steps, int sized) {
    using Number = typename Step::Number;
    const Index i = static_cast<Index>(blockIdx.x) * BLOCK + threadIdx.x;
    if (i >= batch) {
        return;
    }
    Number carried[Step::CARRIED];  // number of the step, y
    carried[0] = 0;
#pragma unroll
    for (int d = 0; d < Step::DIMENSION; d++) {
        carried[1 + d] = state[d * stateStride + i];
    }
    Parameters<Number, Step::PARAMETERS> p;
    p.begin(parameters + parameterStep * i, parameterStride);
    const Number t0 = start ? start[i] : static_cast<Number>(startOfAll);
    Number h = target ? target[i] : static_cast<Number>(targetOfAll);
    if (!sized) {
        h = divide(subtract(h, t0), static_cast<Number>(steps));
    }
#pragma unroll 1
    for (int n = 0; n < steps; n++) {
        Step::step(carried, t0, h, p.inStep());
    }
#pragma unroll
    for (int d = 0; d < Step::DIMENSION; d++) {
        out[d * outStride + i] = carried[1 + d];
    }
}

/// Steps chosen for each trajectory. A warp has a share of the batch; a lane whose trajectory has ended takes the next of the
/// share. It waits until so many lanes are free: then beginning a trajectory, about as long as a step, keeps the others
/// waiting once and not REFILL times.
constexpr int REFILL = 8;

/// A share is trajectories `share` * w to `share` * (w + 1) - 1 of warp w.
///
/// statistics   (4, batch), rows `statisticsStride` apart, or null
/// lastStep     (batch), or null
/// end          (batch), or null: all at endOfAll; the rest as solveFixed
template <typename Step>
__device__ __forceinline__ void solveAdaptive(
    const typename Step::Number* state, const typename Step::Number* parameters,
    const typename Step::Number* start, const typename Step::Number* end, typename Step::Number* out,
    int* statistics, typename Step::Number* lastStep, Index stateStride, Index parameterStride,
    Index parameterStep, Index outStride, Index statisticsStride, Index batch, Index share, double startOfAll,
    double endOfAll, int firstGiven, const Settings<typename Step::Number, Step::DIMENSION>& settings) {
    using Number = typename Step::Number;
    constexpr int NOT_FINITE = 4;  // io.quern.ode.OdeStatus
    const Index warp = (static_cast<Index>(blockIdx.x) * BLOCK + threadIdx.x) / WARP;
    const unsigned before = (1u << threadIdx.x % WARP) - 1;  // lanes
    Index next = warp * share;                               // the first that has not begun
    const Index last = batch - next < share ? batch : next + share;

    Number carried[Step::CARRIED];
    Number t1 = 0;
    Parameters<Number, Step::PARAMETERS> p;
    Index i = -1;  // this lane's trajectory; -1: none
    for (;;) {
        // As if they changed: else the compiler writes the loop once for each combination of what is null.
        asm volatile("" : "+l"(start), "+l"(end), "+l"(statistics), "+l"(lastStep), "+r"(firstGiven));
        const unsigned idle = __ballot_sync(ALL, i < 0);
        const int free = __popc(idle);
        if (next < last && free >= REFILL) {
            const Index mine = next + __popc(idle & before);
            if (i < 0 && mine < last) {
                i = mine;
#pragma unroll
                for (int d = 0; d < Step::DIMENSION; d++) {
                    carried[Step::Y + d] = state[d * stateStride + i];
                }
                p.begin(parameters + parameterStep * i, parameterStride);
                carried[Step::T] = start ? start[i] : static_cast<Number>(startOfAll);
                t1 = end ? end[i] : static_cast<Number>(endOfAll);
                if (firstGiven) {
                    Step::beginAtGivenStep(carried, t1, settings, p.inStep());
                } else {
                    Step::begin(carried, t1, settings, p.inStep());
                }
            }
            next += free;
        } else if (idle == ALL) {
            break;
        }
        if (i >= 0) {
            Step::attempt(carried, t1, settings, p.inStep());
            if (carried[Step::STATUS] > 0) {
                bool finite = true;
#pragma unroll
                for (int d = 0; d < Step::DIMENSION; d++) {
                    const Number y = carried[Step::Y + d];
                    out[d * outStride + i] = y;
                    finite &= subtract(y, y) == 0;
                }
                if (statistics) {
                    const int accepted = static_cast<int>(carried[Step::ACCEPTED]);
                    const int rejected = static_cast<int>(carried[Step::REJECTED]);
                    // f is evaluated at the start, and once more to choose the first step.
                    const int begun = firstGiven ? 1 : 2;
                    int* row = statistics + i;
                    row[0] = accepted;
                    row[statisticsStride] = rejected;
                    row[2 * statisticsStride] = begun + (accepted + rejected) * Step::EVALUATIONS;
                    row[3 * statisticsStride] =
                        finite ? static_cast<int>(carried[Step::STATUS]) - 1 : NOT_FINITE;
                }
                if (lastStep) {
                    lastStep[i] = carried[Step::LAST_STEP];
                }
                i = -1;
            }
        }
    }
}

}  // namespace ode
}  // namespace quern
