// What lies within the steps that were taken, of one trajectory: save points and events. The operations of
// io.quern.ode.Follower and DenseOutput, one by one.
//
// An Events is what CudaSource writes: COUNT; the sets of events that happen where their function is RISING or FALLING through
// zero, that are TERMINAL, and that are RESETTING the state; function(e, t, y, p); and reset(e, t, y, p), which sets y anew.
#pragma once

#include "step.cuh"

namespace quern {
namespace ode {

using Index = long long;

/// A set of events: bit e is the event of this number.
using EventSet = unsigned long long;

__device__ constexpr EventSet only(int e) { return EventSet(1) << e; }

/// Where a function that was at zero shows on which side it leaves.
constexpr double PROBE = 0x1p-6;

/// Beyond every place within a step.
constexpr double NEVER = 2;

template <typename Number>
__device__ __forceinline__ Number notANumber() {
    return static_cast<Number>(__longlong_as_double(0x7ff8000000000000ll));
}

/// Save points, and where their states are written: an argument of a kernel.
///
/// times   (points, batch), rows `timeStride` apart, `timeStep` 1; or (points), `timeStride` 1 and `timeStep` 0
/// saved   (points, DIMENSION, batch), rows `pointStride` and `componentStride` apart
template <typename Number>
struct Saving {
    const Number* times;
    Number* saved;
    Index timeStride;
    Index timeStep;
    Index pointStride;
    Index componentStride;
    Index points;
};

/// Where events are written down, each null where it is not asked for: an argument of a kernel.
///
/// counts    (batch)
/// numbers   (numberRecords, batch), rows `numberStride` apart
/// times     (timeRecords, batch), rows `timeStride` apart
/// states    (stateRecords, DIMENSION, batch), rows `stateStride` and `componentStride` apart
template <typename Number>
struct Watching {
    int* counts;
    int* numbers;
    Number* times;
    Number* states;
    Index numberRecords;
    Index timeRecords;
    Index stateRecords;
    Index numberStride;
    Index timeStride;
    Index stateStride;
    Index componentStride;
    double tolerance;  // in time, of the working type
};

/// No events: only save points.
struct NoEvents {
    static constexpr int COUNT = 0;
    static constexpr EventSet RESETTING = 0;
};

/// A step that was taken: from y0 at `from` to y1 at `to`. f0 and f1 are f there, `quartic` the sum over stages that makes the
/// method's own interpolant of the cubic one.
template <typename Method, typename Number, int DIMENSION>
struct StepTaken {
    Number from;
    Number to;
    Number h;
    const Number (&y0)[DIMENSION];
    const Number (&f0)[DIMENSION];
    const Number (&f1)[DIMENSION];
    Number (&y1)[DIMENSION];
    Number quartic[DIMENSION];

    /// A component at `s` within the step, 0 to 1.
    __device__ __forceinline__ Number at(Number s, int d) const {
        const Number u = subtract(static_cast<Number>(1), s);
        const Number difference = subtract(y1[d], y0[d]);
        const Number b = subtract(multiply(h, f0[d]), difference);
        Number c = subtract(subtract(difference, multiply(h, f1[d])), b);
        if constexpr (Method::QUARTIC) {
            constexpr Tableau<Method::STAGES> m = Method::TABLEAU;
            c = fused(u, multiply(scaled(m.quartic, h), quartic[d]), c);
        }
        return fused(s, fused(u, fused(s, c, b), difference), y0[d]);
    }
};

/// The state at a place within a step, of which only those components are computed that are asked for.
template <typename Step, typename Number>
struct Within {
    const Step& step;
    Number s;

    __device__ __forceinline__ Number operator[](int d) const { return step.at(s, d); }
};

/// A number of each event, in registers where there are few: chosen by comparison, for registers have no addresses.
template <typename Number, int COUNT>
class OfEach {
  public:
    static constexpr bool FEW = COUNT <= 16;
    static constexpr int UNROLLED = FEW && COUNT > 0 ? COUNT : 1;

    __device__ __forceinline__ explicit OfEach(Number value) {
#pragma unroll UNROLLED
        for (int k = 0; k < COUNT; k++) {
            values[k] = value;
        }
    }

    __device__ __forceinline__ Number get(int e) const {
        if constexpr (!FEW) {
            return values[e];
        }
        Number value = values[0];
#pragma unroll
        for (int k = 1; k < COUNT; k++) {
            value = e == k ? values[k] : value;
        }
        return value;
    }

    __device__ __forceinline__ void set(int e, Number value) {
        if constexpr (!FEW) {
            values[e] = value;
            return;
        }
#pragma unroll
        for (int k = 0; k < COUNT; k++) {
            values[k] = e == k ? value : values[k];
        }
    }

    /// The first of the least; -1 where none is below `limit`.
    __device__ __forceinline__ int least(Number limit) const {
        int first = -1;
        Number least = limit;
#pragma unroll UNROLLED
        for (int k = 0; k < COUNT; k++) {
            first = values[k] < least ? k : first;
            least = values[k] < least ? values[k] : least;
        }
        return first;
    }

  private:
    Number values[COUNT > 0 ? COUNT : 1];  // (COUNT)
};

/// Follows one trajectory at a time.
template <typename Method, typename Field, typename Events, typename Number>
class Follower {
  public:
    static constexpr bool FOLLOWS = true;
    static constexpr bool EVENTS = Events::COUNT > 0;
    static constexpr bool RESTARTS = Events::RESETTING != 0;
    static constexpr int DIMENSION = Field::DIMENSION;
    static constexpr int COUNT = Events::COUNT;
    using Taken = StepTaken<Method, Number, DIMENSION>;

    __device__ __forceinline__ Follower(const Saving<Number>& saving, const Watching<Number>* watching)
        : saving_(saving), watching_(watching) {}

    /// How often the state was set anew.
    __device__ __forceinline__ int restarts() const { return restarts_; }

    /// Begins trajectory i, which is in state y at t.
    template <typename P>
    __device__ __forceinline__ void begin(Index i, bool forward, Number t, const Number (&y)[DIMENSION],
                                          const P& p) {
        i_ = i;
        forward_ = forward;
        saved_ = 0;
        happened_ = 0;
        restarts_ = 0;
        look();
#pragma unroll 1
        for (; due(t); advance()) {
#pragma unroll unrolled(DIMENSION)
            for (int d = 0; d < DIMENSION; d++) {
                write(d, next_ == t ? y[d] : notANumber<Number>());
            }
        }
        above_ = 0;
        below_ = 0;
        if constexpr (COUNT > 0) {
#pragma unroll 1
            for (int e = 0; e < COUNT; e++) {
                side(e, Events::function(e, t, y, p));
            }
        }
    }

    /// Whether there is a save point up to a time.
    __device__ __forceinline__ bool due(Number t) const {
        return saved_ < saving_.points && !(forward_ ? next_ > t : next_ < t);
    }

    /// Writes the save points up to the end of a step.
    __device__ __forceinline__ void save(Number from, Number to, Number h, const Number (&y0)[DIMENSION],
                                         Number (&y1)[DIMENSION], const Number (&f0)[DIMENSION],
                                         const Number (&f1)[DIMENSION],
                                         const Number (&k)[Method::STAGES][DIMENSION]) {
        Taken step{from, to, h, y0, f0, f1, y1};
        prepare(step, k);
        save(to, step);
    }

    /// Looks at a step from y0 at `from` to y1 at `to`; f0 and f1 are f there. Where an event ended it, `to` and y1 become when and
    /// in which state.
    template <typename P>
    __device__ __forceinline__ Passage pass(Number from, Number& to, Number h, const Number (&y0)[DIMENSION],
                                            Number (&y1)[DIMENSION], const Number (&f0)[DIMENSION],
                                            const Number (&f1)[DIMENSION],
                                            const Number (&k)[Method::STAGES][DIMENSION], const P& p) {
        Taken step{from, to, h, y0, f0, f1, y1};
        EventSet happens = 0;
        EventSet positive = 0;  // at the end of the step
        EventSet negative = 0;
        OfEach<Number, COUNT> roots(static_cast<Number>(NEVER));  // where in the step an event happens
        OfEach<Number, COUNT> residues(0);                        // how far from zero it was found
        bool prepared = false;
        if constexpr (COUNT > 0) {
#pragma unroll 1
            for (int e = 0; e < COUNT; e++) {
                const Number after = Events::function(e, step.to, step.y1, p);
                positive |= after > 0 ? only(e) : 0;
                negative |= after < 0 ? only(e) : 0;
                const bool unknown = ((above_ | below_) & only(e)) == 0;
                if (unknown || crosses(e, after)) {
                    if (!prepared) {
                        prepare(step, k);
                        prepared = true;
                    }
                    const Number start = static_cast<Number>(unknown ? PROBE : 0);
                    const Number before = along(e, start, step, p);
                    if (unknown) {
                        side(e, before);
                    }
                    if (crosses(e, after)) {
                        Number residue;
                        roots.set(e, locate(e, start, before, after, step, p, residue));
                        residues.set(e, residue);
                        happens |= only(e);
                    }
                }
            }
        }
        if (happens != 0 || due(step.to)) {
            if (!prepared) {
                prepare(step, k);
            }
            for (;;) {
                int e = -1;
                if constexpr (COUNT > 0) {
                    e = roots.least(static_cast<Number>(NEVER));
                }
                const Number where = e < 0 ? static_cast<Number>(1) : roots.get(e);
                const Number time = where == 1 ? step.to : fused(where, step.h, step.from);
                save(time, step);
                if (e < 0) {
                    break;
                }
                if constexpr (COUNT > 0) {
                    Number at[DIMENSION];
#pragma unroll unrolled(DIMENSION)
                    for (int d = 0; d < DIMENSION; d++) {
                        at[d] = where == 1 ? step.y1[d] : step.at(where, d);
                    }
                    record(e, time, at);
                    if (((Events::TERMINAL | Events::RESETTING) & only(e)) != 0) {
                        const bool ended =
                            (Events::TERMINAL & only(e)) != 0 || !reset(e, time, at, residues, p);
                        restarts_ += !ended;
                        to = time;
#pragma unroll unrolled(DIMENSION)
                        for (int d = 0; d < DIMENSION; d++) {
                            y1[d] = at[d];
                        }
                        return ended ? ENDED : RESET;
                    }
                    const bool wasAbove = (above_ & only(e)) != 0;
                    above_ = wasAbove ? above_ & ~only(e) : above_ | only(e);
                    below_ = wasAbove ? below_ | only(e) : below_ & ~only(e);
                    roots.set(e, static_cast<Number>(NEVER));
                }
            }
        }
        above_ = (above_ & ~negative) | positive;
        below_ = (below_ & ~positive) | negative;
        return WHOLE;
    }

    /// Writes down that the trajectory goes no further.
    __device__ __forceinline__ void finish() {
#pragma unroll 1
        for (; saved_ < saving_.points; saved_++) {
#pragma unroll 1
            for (int d = 0; d < DIMENSION; d++) {
                write(d, notANumber<Number>());
            }
        }
        if constexpr (COUNT > 0) {
            const Watching<Number>& w = *watching_;
            if (w.counts) {
                w.counts[i_] = happened_;
            }
#pragma unroll 1
            for (Index r = happened_; w.numbers && r < w.numberRecords; r++) {
                w.numbers[r * w.numberStride + i_] = -1;
            }
#pragma unroll 1
            for (Index r = happened_; w.times && r < w.timeRecords; r++) {
                w.times[r * w.timeStride + i_] = notANumber<Number>();
            }
#pragma unroll 1
            for (Index r = happened_; w.states && r < w.stateRecords; r++) {
#pragma unroll 1
                for (int d = 0; d < DIMENSION; d++) {
                    w.states[r * w.stateStride + d * w.componentStride + i_] = notANumber<Number>();
                }
            }
        }
    }

  private:
    /// Writes the save points up to a time within a step.
    __device__ __forceinline__ void save(Number limit, const Taken& step) {
#pragma unroll 1
        for (; due(limit); advance()) {
            const bool inside = forward_ ? next_ >= step.from : next_ <= step.from;
            const Number s = divide(subtract(next_, step.from), step.h);
#pragma unroll unrolled(DIMENSION)
            for (int d = 0; d < DIMENSION; d++) {
                const Number within = inside ? step.at(s, d) : notANumber<Number>();
                write(d, next_ == step.to ? step.y1[d] : within);
            }
        }
    }

    __device__ __forceinline__ void look() {
        if (saved_ < saving_.points) {
            next_ = saving_.times[saved_ * saving_.timeStride + i_ * saving_.timeStep];
        }
    }

    __device__ __forceinline__ void advance() {
        saved_++;
        look();
    }

    __device__ __forceinline__ void write(int d, Number y) const {
        saving_.saved[saved_ * saving_.pointStride + d * saving_.componentStride + i_] = y;
    }

    __device__ __forceinline__ void prepare(Taken& step, const Number (&k)[Method::STAGES][DIMENSION]) const {
        if constexpr (Method::QUARTIC) {
            constexpr Tableau<Method::STAGES> m = Method::TABLEAU;
#pragma unroll unrolled(DIMENSION)
            for (int d = 0; d < DIMENSION; d++) {
                step.quartic[d] = sum(m.quartic, k, d);
            }
        }
    }

    /// Takes down on which side of zero a value is: on none if it is zero or NaN.
    __device__ __forceinline__ void side(int e, Number value) {
        above_ = value > 0 ? above_ | only(e) : above_ & ~only(e);
        below_ = value < 0 ? below_ | only(e) : below_ & ~only(e);
    }

    /// Whether it is an event that a function which was on its side has this value.
    __device__ __forceinline__ bool crosses(int e, Number value) const {
        return (value >= 0 && (below_ & Events::RISING & only(e)) != 0) ||
               (value <= 0 && (above_ & Events::FALLING & only(e)) != 0);
    }

    template <typename P>
    __device__ __forceinline__ Number along(int e, Number s, const Taken& step, const P& p) const {
        return Events::function(e, fused(s, step.h, step.from), Within<Taken, Number>{step, s}, p);
    }

    /// The upper end of a bracket of the crossing, as narrow as is asked for, by the Illinois form of regula falsi, every third
    /// time by halves.
    template <typename P>
    __device__ __forceinline__ Number locate(int e, Number start, Number before, Number after,
                                             const Taken& step, const P& p, Number& residue) const {
        const Number resolution = static_cast<Number>(sizeof start == 8 ? 0x1p-52 : 0x1p-23);
        const Number half = static_cast<Number>(0.5);
        Number low = start;
        Number high = 1;
        Number atLow = before;  // halved where the same end stands still
        Number atHigh = after;
        Number least = divide(static_cast<Number>(watching_->tolerance), magnitude(step.h));
        least = resolution < least ? least : resolution;
        const bool above = before > 0;
        int last = 0;  // which end moved last: -1 low, 1 high
        int round = 1;
#pragma unroll 1
        while (subtract(high, low) > least) {
            const Number span = subtract(high, low);
            const Number middle = fused(half, span, low);
            const Number slope = divide(span, subtract(atHigh, atLow));
            Number next = round == 3 ? middle : subtract(high, multiply(atHigh, slope));
            round = round == 3 ? 1 : round + 1;
            next = next > low && next < high ? next : middle;
            if (!(next > low && next < high)) {
                break;
            }
            const Number g = along(e, next, step, p);
            if (above ? g <= 0 : g >= 0) {
                high = next;
                atHigh = g;
                after = g;
                atLow = last > 0 ? multiply(half, atLow) : atLow;
                last = 1;
            } else {
                low = next;
                atLow = g;
                before = g;
                atHigh = last < 0 ? multiply(half, atHigh) : atHigh;
                last = -1;
            }
        }
        const Number a = magnitude(before);
        const Number b = magnitude(after);
        residue = a < b || b != b ? b : a;  // NaN if one is
        return high;
    }

    /// Sets the state anew, and again where that is another event. Whether the trajectory goes on.
    template <typename P>
    __device__ __forceinline__ bool reset(int first, Number time, Number (&at)[DIMENSION],
                                          OfEach<Number, COUNT>& residues, const P& p) {
        EventSet done = 0;
        for (int e = first; e >= 0;) {
            done |= only(e);
            Events::reset(e, time, at, p);
            e = -1;  // the first event that this brings about; of the others, the side is taken down
            Number residue = 0;
#pragma unroll 1
            for (int other = COUNT - 1; other >= 0; other--) {
                const Number g = Events::function(other, time, at, p);
                if ((done & only(other)) != 0) {
                    side(other, magnitude(g) > residues.get(other) ? g : 0);
                } else if (crosses(other, g)) {
                    e = other;
                    residue = magnitude(g);
                } else if (g > 0 || g < 0) {
                    side(other, g);
                }
            }
            if (e >= 0) {
                residues.set(e, residue);
                record(e, time, at);
                if ((Events::TERMINAL & only(e)) != 0) {
                    return false;
                }
            }
        }
        return true;
    }

    __device__ __forceinline__ void record(int e, Number time, const Number (&at)[DIMENSION]) {
        const Watching<Number>& w = *watching_;
        if (w.numbers && happened_ < w.numberRecords) {
            w.numbers[happened_ * w.numberStride + i_] = e;
        }
        if (w.times && happened_ < w.timeRecords) {
            w.times[happened_ * w.timeStride + i_] = time;
        }
        if (w.states && happened_ < w.stateRecords) {
#pragma unroll unrolled(DIMENSION)
            for (int d = 0; d < DIMENSION; d++) {
                w.states[happened_ * w.stateStride + d * w.componentStride + i_] = at[d];
            }
        }
        happened_++;
    }

    const Saving<Number>& saving_;
    const Watching<Number>* watching_;
    Index i_;
    Number next_;  // the time of the next save point, if there is one
    bool forward_;
    int saved_;
    int happened_;
    int restarts_;
    EventSet above_;  // zero, before the step
    EventSet below_;
};

}  // namespace ode
}  // namespace quern
