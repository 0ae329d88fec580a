// The loops around the steps of io.quern.ode, and its kernels: a trajectory a thread, its state in registers.
#pragma once

#include "follow.cuh"

namespace quern {
namespace ode {

/// Threads of a block.
constexpr int BLOCK = 128;

/// Blocks that a multiprocessor must have room for. Said, or the assembler spills a register here and there to have room for
/// one more.
constexpr int BLOCKS = 1;

constexpr int WARP = 32;
constexpr unsigned ALL = 0xffffffffu;

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

/// Steps of equal length.
///
/// state, out   (DIMENSION, batch), rows `stateStride`, `outStride` apart
/// parameters   (PARAMETERS, batch), or (PARAMETERS) with `parameterStep` 0
/// start        (batch), or null: all at startOfAll
/// target       the same: the length of a step if `sized`, else where the last one ends
/// follow       looks into the steps
template <typename Method, typename Field, typename Follow, typename Number>
__device__ __forceinline__ void solveFixed(const Number* state, const Number* parameters, const Number* start,
                                           const Number* target, Number* out, Index stateStride,
                                           Index parameterStride, Index parameterStep, Index outStride,
                                           Index batch, double startOfAll, double targetOfAll, int steps,
                                           int sized, Follow follow) {
    const Index i = static_cast<Index>(blockIdx.x) * BLOCK + threadIdx.x;
    if (i >= batch) {
        return;
    }
    Number number = 0;  // of the step
    Number y[Field::DIMENSION];
#pragma unroll unrolled(Field::DIMENSION)
    for (int d = 0; d < Field::DIMENSION; d++) {
        y[d] = state[d * stateStride + i];
    }
    Parameters<Number, Field::PARAMETERS> p;
    p.begin(parameters + parameterStep * i, parameterStride);
    const Number t0 = start ? start[i] : static_cast<Number>(startOfAll);
    const Number given = target ? target[i] : static_cast<Number>(targetOfAll);
    Number h = given;
    if (!sized) {
        h = divide(subtract(h, t0), static_cast<Number>(steps));
    }
    if constexpr (Follow::FOLLOWS) {
        follow.begin(i, h >= 0, t0, y, p.inStep());
    }
#pragma unroll 1
    for (int n = 0; n < steps; n++) {
        step<Method, Field>(number, y, t0, h, p.inStep(), follow, !sized && n == steps - 1, given);
    }
    if constexpr (Follow::FOLLOWS) {
        follow.finish();
    }
#pragma unroll unrolled(Field::DIMENSION)
    for (int d = 0; d < Field::DIMENSION; d++) {
        out[d * outStride + i] = y[d];
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
template <typename Method, typename Field, typename Follow, typename Number>
__device__ __forceinline__ void solveAdaptive(
    const Number* state, const Number* parameters, const Number* start, const Number* end, Number* out,
    int* statistics, Number* lastStep, Index stateStride, Index parameterStride, Index parameterStep,
    Index outStride, Index statisticsStride, Index batch, Index share, double startOfAll, double endOfAll,
    int firstGiven, const Settings<Number, Field::DIMENSION>& settings, Follow follow) {
    const Index warp = (static_cast<Index>(blockIdx.x) * BLOCK + threadIdx.x) / WARP;
    const unsigned before = (1u << threadIdx.x % WARP) - 1;  // lanes
    Index next = warp * share;                               // the first that has not begun
    const Index last = batch - next < share ? batch : next + share;

    Trajectory<Number, Field::DIMENSION> s;
    Number t1 = 0;
    Parameters<Number, Field::PARAMETERS> p;
    Index i = -1;         // this lane's trajectory; -1: none
    bool begins = false;  // whether its next step is chosen as the first one is
    for (;;) {
        // As if they changed: else the compiler writes the loop once for each combination of what is null.
        asm volatile("" : "+l"(start), "+l"(end), "+l"(statistics), "+l"(lastStep), "+r"(firstGiven));
        const unsigned idle = __ballot_sync(ALL, i < 0);
        const int free = __popc(idle);
        if (next < last && free >= REFILL) {
            const Index mine = next + __popc(idle & before);
            if (i < 0 && mine < last) {
                i = mine;
#pragma unroll unrolled(Field::DIMENSION)
                for (int d = 0; d < Field::DIMENSION; d++) {
                    s.y[d] = state[d * stateStride + i];
                }
                p.begin(parameters + parameterStep * i, parameterStride);
                s.t = start ? start[i] : static_cast<Number>(startOfAll);
                t1 = end ? end[i] : static_cast<Number>(endOfAll);
                clear(s);
                if constexpr (Follow::FOLLOWS) {
                    follow.begin(i, s.t <= t1, s.t, s.y, p.inStep());
                }
                begins = true;
                if constexpr (!Follow::RESTARTS) {
                    begin<Method, Field>(s, t1, firstGiven != 0, settings, p.inStep());
                }
            }
            next += free;
        } else if (idle == ALL) {
            break;
        }
        if constexpr (Follow::RESTARTS) {
            if (begins) {
                begin<Method, Field>(s, t1, firstGiven != 0, settings, p.inStep());
            }
        }
        if (i >= 0) {
            begins = attempt<Method, Field>(s, t1, settings, p.inStep(), follow);
            if (s.status != UNDER_WAY) {
                begins = false;
                int restarts = 0;
                if constexpr (Follow::FOLLOWS) {
                    follow.finish();
                    restarts = follow.restarts();
                }
                bool finite = true;
#pragma unroll unrolled(Field::DIMENSION)
                for (int d = 0; d < Field::DIMENSION; d++) {
                    out[d * outStride + i] = s.y[d];
                    finite &= subtract(s.y[d], s.y[d]) == 0;
                }
                if (statistics) {
                    // f is evaluated at each start, and once more to choose the first step.
                    const int begun = (firstGiven ? 1 : 2) * (1 + restarts);
                    int* row = statistics + i;
                    row[0] = s.accepted;
                    row[statisticsStride] = s.rejected;
                    row[2 * statisticsStride] = begun + (s.accepted + s.rejected) * (Method::STAGES - 1);
                    row[3 * statisticsStride] = finite ? s.status : NOT_FINITE;
                }
                if (lastStep) {
                    lastStep[i] = s.lastStep;
                }
                i = -1;
            }
        }
    }
}

/// Written by CudaSource: f of a field, of fp64 and fp32.
template <typename Number>
struct Field;

/// The same: the events that are looked for along its trajectories.
template <typename Number>
struct Events;

}  // namespace ode
}  // namespace quern

#define QUERN_ODE_FIXED_OF(NAME, METHOD, T, FOLLOW, ...)                                                     \
    extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS)                                              \
        NAME(const T* state, const T* parameters, const T* start, const T* target, T* out,                   \
             Index stateStride, Index parameterStride, Index parameterStep, Index outStride, Index batch,    \
             double startOfAll, double targetOfAll, int steps, int sized __VA_ARGS__) {                      \
        solveFixed<METHOD, Field<T>>(state, parameters, start, target, out, stateStride, parameterStride,    \
                                     parameterStep, outStride, batch, startOfAll, targetOfAll, steps, sized, \
                                     FOLLOW);                                                                \
    }

#define QUERN_ODE_ADAPTIVE_OF(NAME, METHOD, T, FOLLOW, ...)                                               \
    extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS)                                           \
        NAME(const T* state, const T* parameters, const T* start, const T* end, T* out, int* statistics,  \
             T* lastStep, Index stateStride, Index parameterStride, Index parameterStep, Index outStride, \
             Index statisticsStride, Index batch, Index share, double startOfAll, double endOfAll,        \
             int firstGiven, const Settings<T, Field<T>::DIMENSION> settings __VA_ARGS__) {               \
        solveAdaptive<METHOD, Field<T>>(state, parameters, start, end, out, statistics, lastStep,         \
                                        stateStride, parameterStride, parameterStep, outStride,           \
                                        statisticsStride, batch, share, startOfAll, endOfAll, firstGiven, \
                                        settings, FOLLOW);                                                \
    }

#define QUERN_ODE_FOLLOWER(METHOD, T, EVENTS, WATCHING) \
    (Follower<METHOD, Field<T>, EVENTS, T>(saving, WATCHING))

/// A kernel of a field that is called NAME, in namespace quern::ode.
#define QUERN_ODE_FIXED(NAME, METHOD, T) \
    QUERN_ODE_FIXED_OF(ode_##NAME##_fixed_##METHOD##_##T, METHOD, T, NotFollowed())
#define QUERN_ODE_FIXED_SAVING(NAME, METHOD, T)                             \
    QUERN_ODE_FIXED_OF(ode_##NAME##_fixed_saving_##METHOD##_##T, METHOD, T, \
                       QUERN_ODE_FOLLOWER(METHOD, T, NoEvents, nullptr), , const Saving<T> saving)
#define QUERN_ODE_ADAPTIVE(NAME, METHOD, T) \
    QUERN_ODE_ADAPTIVE_OF(ode_##NAME##_adaptive_##METHOD##_##T, METHOD, T, NotFollowed())
#define QUERN_ODE_ADAPTIVE_SAVING(NAME, METHOD, T)                                \
    QUERN_ODE_ADAPTIVE_OF(ode_##NAME##_adaptive_saving_##METHOD##_##T, METHOD, T, \
                          QUERN_ODE_FOLLOWER(METHOD, T, NoEvents, nullptr), , const Saving<T> saving)
#define QUERN_ODE_ADAPTIVE_WATCHING(NAME, METHOD, T)                                                     \
    QUERN_ODE_ADAPTIVE_OF(ode_##NAME##_adaptive_watching_##METHOD##_##T, METHOD, T,                      \
                          QUERN_ODE_FOLLOWER(METHOD, T, Events<T>, &watching), , const Saving<T> saving, \
                          const Watching<T> watching)

/// KERNEL of all methods.
#define QUERN_ODE_FIXED_METHODS(KERNEL, NAME, T) \
    KERNEL(NAME, euler, T)                       \
    KERNEL(NAME, midpoint, T)                    \
    KERNEL(NAME, heun, T)                        \
    KERNEL(NAME, runge_kutta_4, T)               \
    QUERN_ODE_ADAPTIVE_METHODS(KERNEL, NAME, T)
#define QUERN_ODE_ADAPTIVE_METHODS(KERNEL, NAME, T) \
    KERNEL(NAME, bogacki_shampine_3_2, T)           \
    KERNEL(NAME, dormand_prince_5_4, T)             \
    KERNEL(NAME, tsitouras_5_4, T)

/// The kernels of a field: those of a part, which is solve, save or watch.
#define QUERN_ODE_KERNELS(PART, NAME, T)    QUERN_ODE_KERNELS_OF(PART, NAME, T)
#define QUERN_ODE_KERNELS_OF(PART, NAME, T) QUERN_ODE_KERNELS_##PART(NAME, T)
#define QUERN_ODE_KERNELS_solve(NAME, T)              \
    QUERN_ODE_FIXED_METHODS(QUERN_ODE_FIXED, NAME, T) \
    QUERN_ODE_ADAPTIVE_METHODS(QUERN_ODE_ADAPTIVE, NAME, T)
#define QUERN_ODE_KERNELS_save(NAME, T)                      \
    QUERN_ODE_FIXED_METHODS(QUERN_ODE_FIXED_SAVING, NAME, T) \
    QUERN_ODE_ADAPTIVE_METHODS(QUERN_ODE_ADAPTIVE_SAVING, NAME, T)
#define QUERN_ODE_KERNELS_watch(NAME, T) QUERN_ODE_ADAPTIVE_METHODS(QUERN_ODE_ADAPTIVE_WATCHING, NAME, T)
