// A step of a Runge-Kutta method, of any field by any method, and the choice of its length: the operations of
// io.quern.ode.StepProgram, one by one.
//
// A Field is what CudaSource writes: DIMENSION, PARAMETERS and evaluate(t, y, p, slope). A Method is one of tableaux.cuh,
// whose numbers are constants here: loops over stages are unrolled, and what is chosen by a weight is chosen by the compiler.
#pragma once

#include "arithmetic.cuh"
#include "tableaux.cuh"

namespace quern {
namespace ode {

/// States of up to so many components lie in registers. Those of more lie in local memory: loops over components are loops.
constexpr int MOST_IN_REGISTERS = 16;

/// How many rounds of a loop over components are written out.
__device__ constexpr int unrolled(int dimension) { return dimension <= MOST_IN_REGISTERS ? dimension : 1; }

/// f(t, y, p). The formulae of a field with many components are called: written out wherever they are needed, they would be
/// most of the kernel.
template <typename Field, typename Number, typename P>
__device__ __noinline__ void evaluateThere(Number t, const Number (&y)[Field::DIMENSION], const P& p,
                                           Number (&slope)[Field::DIMENSION]) {
    Field::evaluate(t, y, p, slope);
}

template <typename Field, typename Number, typename P>
__device__ __forceinline__ void evaluate(Number t, const Number (&y)[Field::DIMENSION], const P& p,
                                         Number (&slope)[Field::DIMENSION]) {
    if constexpr (Field::DIMENSION <= MOST_IN_REGISTERS) {
        Field::evaluate(t, y, p, slope);
    } else {
        evaluateThere<Field>(t, y, p, slope);
    }
}

/// s of a component of the weighted sum of k: the sum is s times the first weight (io.quern.ode.Combination). Stages of the
/// same weight are added; these groups are put together by fma.
template <typename Number, int STAGES, int DIMENSION>
__device__ __forceinline__ Number sum(const double (&weights)[STAGES], const Number (&k)[STAGES][DIMENSION],
                                      int component) {
    double first = 0;  // weight
    Number s = 0;
#pragma unroll
    for (int i = 0; i < STAGES; i++) {
        bool opens = weights[i] != 0;  // a group
#pragma unroll
        for (int j = 0; j < i; j++) {
            opens &= weights[j] != weights[i];
        }
        if (!opens) {
            continue;
        }
        Number group = k[i][component];
#pragma unroll
        for (int j = i + 1; j < STAGES; j++) {
            if (weights[j] == weights[i]) {
                group = add(group, k[j][component]);
            }
        }
        if (first == 0) {
            first = weights[i];
            s = group;
        } else {
            s = fused(static_cast<Number>(weights[i] / first), group, s);
        }
    }
    return s;
}

/// h times the first weight.
template <typename Number, int STAGES>
__device__ __forceinline__ Number scaled(const double (&weights)[STAGES], Number h) {
    double first = 0;
#pragma unroll
    for (int i = STAGES - 1; i >= 0; i--) {
        first = weights[i] != 0 ? weights[i] : first;
    }
    return multiply(h, static_cast<Number>(first));
}

/// y and h times the weighted sum of k.
template <typename Number, int STAGES, int DIMENSION>
__device__ __forceinline__ void combine(const double (&weights)[STAGES], Number h,
                                        const Number (&y)[DIMENSION], const Number (&k)[STAGES][DIMENSION],
                                        Number (&result)[DIMENSION]) {
    const Number scale = scaled(weights, h);
#pragma unroll unrolled(DIMENSION)
    for (int d = 0; d < DIMENSION; d++) {
        result[d] = fused(scale, sum(weights, k, d), y[d]);
    }
}

/// Stages 1 to END - 1 of a step from t to `end`; k[0] is given.
template <typename Method, typename Field, int END, typename Number, typename P>
__device__ __forceinline__ void evaluateStages(Number t, Number h, Number end,
                                               const Number (&y)[Field::DIMENSION], const P& p,
                                               Number (&k)[Method::STAGES][Field::DIMENSION]) {
    constexpr Tableau<Method::STAGES> m = Method::TABLEAU;
#pragma unroll
    for (int i = 1; i < END; i++) {
        const Number at = m.c[i] == 0 ? t : m.c[i] == 1 ? end : fused(static_cast<Number>(m.c[i]), h, t);
        Number argument[Field::DIMENSION];
        combine(m.a[i], h, y, k, argument);
        evaluate<Field>(at, argument, p, k[i]);
    }
}

/// Nobody looks into the steps. Who does is in follow.cuh.
struct NotFollowed {
    static constexpr bool FOLLOWS = false;
    static constexpr bool EVENTS = false;
    static constexpr bool RESTARTS = false;
};

/// What came of a step that somebody looked into.
enum Passage {
    WHOLE,  // it stands
    ENDED,  // an event ended the trajectory within it
    RESET   // an event set the state anew within it
};

/// Step `number`, from 0, of a fixed solve, which `follow` looks into. It ends at `given` if it is the `last`: else, and where its
/// length is given, that is computed.
template <typename Method, typename Field, typename Follow, typename Number, typename P>
__device__ __forceinline__ void step(Number& number, Number (&y)[Field::DIMENSION], Number start, Number h,
                                     const P& p, Follow& follow, bool last, Number given) {
    constexpr Tableau<Method::STAGES> m = Method::TABLEAU;
    constexpr int DIMENSION = Field::DIMENSION;
    const Number t = fused(number, h, start);
    number = add(number, 1);
    const Number end = fused(number, h, start);
    Number k[Method::STAGES][DIMENSION];
    evaluate<Field>(t, y, p, k[0]);
    // The last stage of a method that estimates its error has no weight but in the estimate and the interpolant.
    evaluateStages<Method, Field, Method::ADAPTIVE ? Method::STAGES - 1 : Method::STAGES>(t, h, end, y, p, k);
    if constexpr (Follow::FOLLOWS) {
        const Number to = last ? given : end;
        Number next[DIMENSION];
        combine(m.b, h, y, k, next);
        if (follow.due(to)) {
            Number slope[DIMENSION];  // at the end
            evaluate<Field>(end, next, p, slope);
            if constexpr (Method::ADAPTIVE) {
#pragma unroll unrolled(DIMENSION)
                for (int d = 0; d < DIMENSION; d++) {
                    k[Method::STAGES - 1][d] = slope[d];
                }
            }
            follow.save(t, to, h, y, next, k[0], slope, k);
        }
#pragma unroll unrolled(DIMENSION)
        for (int d = 0; d < DIMENSION; d++) {
            y[d] = next[d];
        }
    } else {
        combine(m.b, h, y, k, y);
    }
}

/// What is the same for all steps of all trajectories of an adaptive solve.
template <typename Number, int DIMENSION>
struct Settings {
    Number least;
    Number most;
    Number budget;
    Number first;
    Number relative[DIMENSION];
    Number absolute[DIMENSION];

    /// The error that component d may have, where it is of this size.
    __device__ __forceinline__ Number tolerance(int d, Number size) const {
        return fused(relative[d], size, absolute[d]);
    }
};

/// io.quern.ode.OdeStatus.
enum Status { UNDER_WAY = -1, DONE, EVENT, STEP_BUDGET, STEP_TOO_SMALL, NOT_FINITE };

/// What is carried from one step of an adaptive solve to the next.
template <typename Number, int DIMENSION>
struct Trajectory {
    Number t;
    Number h;         // to be tried
    Number previous;  // log2 of the error of the last accepted step
    Number lastStep;
    int accepted;
    int rejected;
    Status status;
    bool mayGrow;
    Number y[DIMENSION];
    Number slope[DIMENSION];  // f(t, y)
};

template <int TERMS, typename Number>
__device__ __forceinline__ Number polynomial(const double (&coefficients)[TERMS], Number x) {
    Number value = static_cast<Number>(coefficients[TERMS - 1]);
#pragma unroll
    for (int i = TERMS - 2; i >= 0; i--) {
        value = fused(value, x, static_cast<Number>(coefficients[i]));
    }
    return value;
}

/// By the polynomial of StepControl.
template <typename Number>
__device__ __forceinline__ Number log2(Number x) {
    constexpr Polynomial<LOG2_TERMS> p = LOG2;
    const Number exponent =
        subtract(exponentOf(x), static_cast<Number>(sizeof x == 8 ? 0x1p52 + 1023 : 0x1p23 + 127));
    return add(exponent, polynomial(p.coefficients, subtract(significandOf(x), static_cast<Number>(1.5))));
}

template <typename Number>
__device__ __forceinline__ Number exp2(Number x) {
    constexpr Polynomial<EXP2_TERMS> p = EXP2;
    const Number toInteger = static_cast<Number>(sizeof x == 8 ? 0x1.8p52 : 0x1.8p23);
    const Number shifted = add(x, toInteger);
    const Number f = subtract(x, subtract(shifted, toInteger));
    return multiply(fused(polynomial(p.coefficients, f), f, static_cast<Number>(1)), powerOfTwo(shifted));
}

template <int DIMENSION, typename Number>
__device__ __forceinline__ Number meanSquare(const Number (&x)[DIMENSION]) {
    Number sum = multiply(x[0], x[0]);
#pragma unroll unrolled(DIMENSION)
    for (int d = 1; d < DIMENSION; d++) {
        sum = fused(x[d], x[d], sum);
    }
    return multiply(sum, static_cast<Number>(1.0 / DIMENSION));
}

/// log2 of a square, within those that are told apart; NaN is the most.
template <typename Number>
__device__ __forceinline__ Number log2OfSquare(Number x) {
    const Number most = static_cast<Number>(MOST_SQUARE);
    const Number least = static_cast<Number>(1 / MOST_SQUARE);
    const Number below = x < most ? x : most;
    return log2(below < least ? least : below);
}

template <typename Number>
__device__ __forceinline__ Number withSignOf(Number h, Number length) {
    return h < 0 ? -length : length;
}

/// A first step whose error is about a hundredth of the tolerance (StepControl).
template <typename Method, typename Field, typename Number, typename P>
__device__ __forceinline__ Number firstStep(const Trajectory<Number, Field::DIMENSION>& s, Number end,
                                            Number distance,
                                            const Settings<Number, Field::DIMENSION>& settings, const P& p) {
    constexpr int DIMENSION = Field::DIMENSION;
    Number tolerance[DIMENSION], y[DIMENSION], slope[DIMENSION];  // the latter two over the first
#pragma unroll unrolled(DIMENSION)
    for (int d = 0; d < DIMENSION; d++) {
        tolerance[d] = settings.tolerance(d, magnitude(s.y[d]));
        y[d] = divide(s.y[d], tolerance[d]);
        slope[d] = divide(s.slope[d], tolerance[d]);
    }
    const Number d0 = root(meanSquare(y));
    const Number d1 = root(meanSquare(slope));
    const Number smallNorm = static_cast<Number>(SMALL_NORM);
    const Number smallStep = static_cast<Number>(SMALL_STEP);
    Number h0 = divide(multiply(static_cast<Number>(FIRST_SHARE), d0), d1);
    h0 = d1 < smallNorm ? smallStep : h0;
    h0 = d0 < smallNorm ? smallStep : h0;
    h0 = h0 < distance ? h0 : distance;
    const Number h = s.t <= end ? h0 : -h0;
    Number tried[DIMENSION], there[DIMENSION], change[DIMENSION];
#pragma unroll unrolled(DIMENSION)
    for (int d = 0; d < DIMENSION; d++) {
        tried[d] = fused(h, s.slope[d], s.y[d]);
    }
    evaluate<Field>(add(s.t, h), tried, p, there);
#pragma unroll unrolled(DIMENSION)
    for (int d = 0; d < DIMENSION; d++) {
        change[d] = divide(subtract(there[d], s.slope[d]), tolerance[d]);
    }
    const Number d2 = divide(root(meanSquare(change)), h0);
    const Number steepest = d1 < d2 ? d2 : d1;
    Number flat = multiply(h0, static_cast<Number>(FLAT_SHARE));
    flat = flat < smallStep ? smallStep : flat;
    const Number exponent = subtract(static_cast<Number>(LOG2_FIRST_SHARE), log2OfSquare(steepest));
    const Number curved = exp2(multiply(exponent, static_cast<Number>(1.0 / Method::ORDER)));
    const Number h1 = steepest <= static_cast<Number>(NO_CURVATURE) ? flat : curved;
    const Number grown = multiply(h0, static_cast<Number>(MOST_GROWTH));
    return h1 < grown ? h1 : grown;
}

/// Nothing has been done yet.
template <typename Number, int DIMENSION>
__device__ __forceinline__ void clear(Trajectory<Number, DIMENSION>& s) {
    s.accepted = 0;
    s.rejected = 0;
    s.status = UNDER_WAY;
    s.lastStep = 0;
}

/// Before the first step, and where the state was set anew: s.t and s.y are given.
template <typename Method, typename Field, typename Number, typename P>
__device__ __forceinline__ void begin(Trajectory<Number, Field::DIMENSION>& s, Number end, bool firstGiven,
                                      const Settings<Number, Field::DIMENSION>& settings, const P& p) {
    evaluate<Field>(s.t, s.y, p, s.slope);
    const Number distance = magnitude(subtract(end, s.t));
    Number length = firstGiven ? settings.first : firstStep<Method, Field>(s, end, distance, settings, p);
    length = length < settings.most ? length : settings.most;
    length = length < distance ? length : distance;
    s.h = s.t <= end ? length : -length;
    s.previous = static_cast<Number>(LOG2_FIRST_ERROR);
    s.mayGrow = true;
}

/// log2 of the factor by which the next step is longer, from that of the error.
template <typename Method, typename Number>
__device__ __forceinline__ Number exponentOfFactor(bool accepted, Number error, Number previous,
                                                   bool mayGrow) {
    const Number safety = static_cast<Number>(LOG2_SAFETY);
    const Number least = static_cast<Number>(LOG2_LEAST_FACTOR);
    const Number most = mayGrow ? static_cast<Number>(LOG2_MOST_FACTOR) : static_cast<Number>(0);
    Number after = fused(static_cast<Number>(2.0 / (5 * Method::ORDER)), previous, safety);
    after = fused(static_cast<Number>(-7.0 / (10 * Method::ORDER)), error, after);
    const Number again = fused(static_cast<Number>(-1.0 / Method::ORDER), error, safety);
    Number exponent = accepted ? after : again;
    exponent = exponent < least ? least : exponent;
    return accepted && most < exponent ? most : exponent;
}

/// Tries a step, judges it, takes it or not, and chooses the next. `follow` looks into a step that is taken. Whether the state was
/// set anew in it, so that the next step is to be chosen as the first one.
template <typename Method, typename Field, typename Follow, typename Number, typename P>
__device__ __forceinline__ bool attempt(Trajectory<Number, Field::DIMENSION>& s, Number end,
                                        const Settings<Number, Field::DIMENSION>& settings, const P& p,
                                        Follow& follow) {
    constexpr Tableau<Method::STAGES> m = Method::TABLEAU;
    constexpr int DIMENSION = Field::DIMENSION;
    constexpr int LAST = Method::STAGES - 1;
    const Number from = s.t;
    const Number rest = subtract(end, s.t);
    const bool last = magnitude(rest) <= multiply(magnitude(s.h), static_cast<Number>(STRETCH));
    const Number h = last ? rest : s.h;
    const Number t = last ? end : add(s.t, h);

    Number k[Method::STAGES][DIMENSION], y[DIMENSION];
#pragma unroll unrolled(DIMENSION)
    for (int d = 0; d < DIMENSION; d++) {
        k[0][d] = s.slope[d];
    }
    evaluateStages<Method, Field, LAST>(s.t, h, t, s.y, p, k);
    combine(m.b, h, s.y, k, y);
    evaluate<Field>(t, y, p, k[LAST]);

    Number ratios[DIMENSION];  // of error and tolerance
#pragma unroll unrolled(DIMENSION)
    for (int d = 0; d < DIMENSION; d++) {
        const Number before = magnitude(s.y[d]);
        const Number after = magnitude(y[d]);
        ratios[d] = divide(sum(m.error, k, d), settings.tolerance(d, before < after ? after : before));
    }
    const Number scale = scaled(m.error, h);
    const Number square = multiply(meanSquare(ratios), multiply(scale, scale));
    const bool accepted = square <= 1;
    const Number error = multiply(static_cast<Number>(0.5), log2OfSquare(square));
    const Number longer = multiply(h, exp2(exponentOfFactor<Method>(accepted, error, s.previous, s.mayGrow)));
    const Number length = magnitude(longer);

    Number next = settings.most < length ? withSignOf(h, settings.most) : longer;
    next = length < settings.least ? withSignOf(h, settings.least) : next;
    const Status spent =
        static_cast<int>(settings.budget) <= s.accepted + s.rejected + 1 ? STEP_BUDGET : UNDER_WAY;
    const Status failed = subtract(square, square) == 0 ? STEP_TOO_SMALL : NOT_FINITE;
    const bool tooShort = length < settings.least || add(s.t, longer) == s.t;
    s.status = accepted ? (last ? DONE : spent) : (tooShort ? failed : spent);
    const Number floor = static_cast<Number>(LOG2_FIRST_ERROR);
    s.previous = accepted ? (error < floor ? floor : error) : s.previous;
    s.lastStep = accepted ? h : s.lastStep;
    s.h = accepted ? next : longer;
    s.t = accepted ? t : s.t;
    s.mayGrow = accepted;
    s.accepted += accepted;
    s.rejected += !accepted;
    Passage passage = WHOLE;
    if constexpr (Follow::FOLLOWS) {
        if (accepted) {
            passage = follow.pass(from, s.t, h, s.y, y, k[0], k[LAST], k, p);
        }
    }
    if constexpr (Follow::EVENTS) {
        s.status = passage == ENDED ? EVENT : s.status;
    }
    if constexpr (Follow::RESTARTS) {
        if (passage == RESET) {
            s.status = s.t == end ? DONE : spent;
        }
    }
#pragma unroll unrolled(DIMENSION)
    for (int d = 0; d < DIMENSION; d++) {
        s.y[d] = accepted ? y[d] : s.y[d];
        s.slope[d] = accepted ? k[LAST][d] : s.slope[d];
    }
    return passage == RESET;
}

}  // namespace ode
}  // namespace quern
