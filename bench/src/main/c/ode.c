// Lorenz's equations as a C programmer would solve them: vectors of trajectories, parameters and start the same for all, and
// nothing but that. State and out are (3, n). The file reads itself once for each type.

#ifndef REAL

#include <math.h>
#include <omp.h>
#include <string.h>

#define REAL          float
#define WHOLE         int
#define NAME(name)    name##_fp32
#define FRACTION_BITS 23
#define BIAS          127
#define ABS           fabsf
#define SQRT          sqrtf
#include "ode.c"
#undef REAL
#undef WHOLE
#undef NAME
#undef FRACTION_BITS
#undef BIAS
#undef ABS
#undef SQRT

#define REAL          double
#define WHOLE         long
#define NAME(name)    name##_fp64
#define FRACTION_BITS 52
#define BIAS          1023
#define ABS           fabs
#define SQRT          sqrt
#include "ode.c"

#else

#ifndef LORENZ
#define LORENZ(T, x, y, z, dx, dy, dz) \
    T dx = (REAL)10 * ((y) - (x)), dy = (x) * ((REAL)28 - (z)) - (y), dz = (x) * (y) - (REAL)(8.0 / 3) * (z)
#define LARGER(a, b)  ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))
#endif

typedef REAL NAME(vector) __attribute__((vector_size(64), aligned(8)));

// RK4: some vectors go through all steps in registers. n is a multiple of their 256 bytes.
void NAME(quern_peer_rk4)(const REAL* state, REAL* out, long n, int steps, REAL h, int threads) {
    enum { VECTORS = 4, LENGTH = 64 / sizeof(REAL) };
    typedef NAME(vector) V;
    const REAL half = h / 2, sixth = h / 6;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long from = 0; from < n; from += VECTORS * LENGTH) {
        V x[VECTORS], y[VECTORS], z[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            const REAL* at = state + from + v * LENGTH;
            x[v] = *(const V*)at;
            y[v] = *(const V*)(at + n);
            z[v] = *(const V*)(at + 2 * n);
        }
        for (int step = 0; step < steps; step++) {
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) {
                LORENZ(V, x[v], y[v], z[v], a1, b1, c1);
                V p = x[v] + half * a1, q = y[v] + half * b1, r = z[v] + half * c1;
                LORENZ(V, p, q, r, a2, b2, c2);
                p = x[v] + half * a2, q = y[v] + half * b2, r = z[v] + half * c2;
                LORENZ(V, p, q, r, a3, b3, c3);
                p = x[v] + h * a3, q = y[v] + h * b3, r = z[v] + h * c3;
                LORENZ(V, p, q, r, a4, b4, c4);
                x[v] += sixth * ((a1 + a4) + 2 * (a2 + a3));
                y[v] += sixth * ((b1 + b4) + 2 * (b2 + b3));
                z[v] += sixth * ((c1 + c4) + 2 * (c2 + c3));
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            REAL* at = out + from + v * LENGTH;
            *(V*)at = x[v];
            *(V*)(at + n) = y[v];
            *(V*)(at + 2 * n) = z[v];
        }
    }
}

// The powers of the step's control, by the polynomials that Quern has.
static inline __attribute__((always_inline)) REAL NAME(log2)(REAL x) {
    WHOLE bits;
    memcpy(&bits, &x, sizeof(REAL));
    WHOLE fraction = (bits & (((WHOLE)1 << FRACTION_BITS) - 1)) | (WHOLE)BIAS << FRACTION_BITS;
    REAL u;
    memcpy(&u, &fraction, sizeof(REAL));
    u -= (REAL)1.5;
    REAL p = (REAL)0x1.d92e74p-7;
    p = p * u - (REAL)0x1.9b679p-6;
    p = p * u + (REAL)0x1.341adcp-5;
    p = p * u - (REAL)0x1.2127c2p-4;
    p = p * u + (REAL)0x1.23db4p-3;
    p = p * u - (REAL)0x1.4853bap-2;
    p = p * u + (REAL)0x1.ec7098p-1;
    p = p * u + (REAL)0x1.2b803ep-1;
    return p + (REAL)((bits >> FRACTION_BITS) - BIAS);
}

static inline __attribute__((always_inline)) REAL NAME(exp2)(REAL x) {
    REAL to_whole = 3 * ((WHOLE)1 << (FRACTION_BITS - 1));
    REAL shifted = x + to_whole;
    REAL f = x - (shifted - to_whole);
    REAL p = (REAL)0x1.4424b0p-13;
    p = p * f + (REAL)0x1.5f0dccp-10;
    p = p * f + (REAL)0x1.3b2a48p-7;
    p = p * f + (REAL)0x1.c6af72p-5;
    p = p * f + (REAL)0x1.ebfbe0p-3;
    p = p * f + (REAL)0x1.62e430p-1;
    p = p * f + 1;
    WHOLE bits;
    memcpy(&bits, &shifted, sizeof(REAL));
    bits = (bits + BIAS) << FRACTION_BITS;
    REAL power;
    memcpy(&power, &bits, sizeof(REAL));
    return p * power;
}

// The first step by Hairer, Norsett and Wanner, II.4.
static inline __attribute__((always_inline)) REAL NAME(first)(REAL x, REAL y, REAL z, REAL end, REAL rtol,
                                                              REAL atol) {
    LORENZ(REAL, x, y, z, dx, dy, dz);
    REAL sx = 1 / (rtol * ABS(x) + atol), sy = 1 / (rtol * ABS(y) + atol), sz = 1 / (rtol * ABS(z) + atol);
    REAL d0 = SQRT((x * sx * x * sx + y * sy * y * sy + z * sz * z * sz) / 3);
    REAL d1 = SQRT((dx * sx * dx * sx + dy * sy * dy * sy + dz * sz * dz * sz) / 3);
    REAL h = d0 < (REAL)1e-5 || d1 < (REAL)1e-5 ? (REAL)1e-6 : (REAL)0.01 * d0 / d1;
    h = SMALLER(h, end);
    REAL u = x + h * dx, v = y + h * dy, w = z + h * dz;
    LORENZ(REAL, u, v, w, ex, ey, ez);
    ex = (ex - dx) * sx, ey = (ey - dy) * sy, ez = (ez - dz) * sz;
    REAL d2 = SQRT((ex * ex + ey * ey + ez * ez) / 3) / h;
    REAL steepest = LARGER(d1, d2);
    REAL flat = LARGER((REAL)1e-3 * h, (REAL)1e-6);
    REAL curved = NAME(exp2)((NAME(log2)((REAL)0.01) - NAME(log2)(LARGER(steepest, (REAL)1e-15))) / 5);
    REAL longer = steepest <= (REAL)1e-15 ? flat : curved;
    return SMALLER(SMALLER(longer, 100 * h), end);
}

// Dormand-Prince from 0 to end, each trajectory in steps of its own by a PI controller; a lane whose trajectory has come to
// the end takes the next one. Nobody looks whether steps become too many or too short, or states infinite.
void NAME(quern_peer_dormand_prince)(const REAL* state, REAL* out, int* attempts, long n, REAL end, REAL rtol,
                                     REAL atol, int threads) {
    enum { LANES = 4 * 64 / sizeof(REAL), AHEAD = 256 };
    const REAL a21 = 1. / 5, a31 = 3. / 40, a32 = 9. / 40, a41 = 44. / 45, a42 = -56. / 15, a43 = 32. / 9,
               a51 = 19372. / 6561, a52 = -25360. / 2187, a53 = 64448. / 6561, a54 = -212. / 729,
               a61 = 9017. / 3168, a62 = -355. / 33, a63 = 46732. / 5247, a64 = 49. / 176,
               a65 = -5103. / 18656, a71 = 35. / 384, a73 = 500. / 1113, a74 = 125. / 192,
               a75 = -2187. / 6784, a76 = 11. / 84, e1 = 71. / 57600, e3 = -71. / 16695, e4 = 71. / 1920,
               e5 = -17253. / 339200, e6 = 22. / 525, e7 = -1. / 40;
    const REAL first_error = NAME(log2)((REAL)1e-4), safety = NAME(log2)((REAL)0.9),
               least = NAME(log2)((REAL)0.2), most = NAME(log2)((REAL)10);
#pragma omp parallel num_threads(threads)
    {
        long begin = n * omp_get_thread_num() / omp_get_num_threads();
        long behind = n * (omp_get_thread_num() + 1) / omp_get_num_threads();
        REAL x[LANES], y[LANES], z[LANES], t[LANES], h[LANES], p1[LANES], q1[LANES], r1[LANES],
            previous[LANES], growth[LANES];
        WHOLE count[LANES], done[LANES];
        REAL start[AHEAD];
        long own[LANES];
        long next = begin, known = begin;
        int live = 0;
        for (int l = 0; l < LANES; l++) {
            own[l] = -1;
            x[l] = y[l] = z[l] = t[l] = h[l] = p1[l] = q1[l] = r1[l] = previous[l] = growth[l] = 0;
            done[l] = 1;
        }
        for (;;) {
            for (int l = 0; l < LANES; l++) {
                if (!done[l]) {
                    continue;
                }
                if (own[l] >= 0) {
                    out[own[l]] = x[l], out[n + own[l]] = y[l], out[2 * n + own[l]] = z[l];
                    attempts[own[l]] = count[l];
                    live--;
                }
                own[l] = -1;
                t[l] = 0;
                if (next == behind) {
                    h[l] = 0;
                    continue;
                }
                if (next == known) {
                    int ahead = SMALLER(AHEAD, behind - next);
#pragma omp simd
                    for (int i = 0; i < ahead; i++) {
                        long at = next + i;
                        start[i] = NAME(first)(state[at], state[n + at], state[2 * n + at], end, rtol, atol);
                    }
                    known += ahead;
                }
                REAL u = state[next], v = state[n + next], w = state[2 * n + next];
                LORENZ(REAL, u, v, w, du, dv, dw);
                x[l] = u, y[l] = v, z[l] = w, p1[l] = du, q1[l] = dv, r1[l] = dw;
                h[l] = start[(next - begin) % AHEAD], previous[l] = first_error, growth[l] = most,
                count[l] = 0;
                own[l] = next++;
                live++;
            }
            if (live == 0) {
                break;
            }
            WHOLE any;
            do {
                any = 0;
#pragma omp simd reduction(| : any)
                for (int l = 0; l < LANES; l++) {
                    REAL rest = end - t[l], wanted = h[l];
                    WHOLE last = rest <= wanted * (REAL)1.01;
                    REAL step = last ? rest : wanted, to = last ? end : t[l] + wanted;
                    REAL u = x[l] + step * (a21 * p1[l]), v = y[l] + step * (a21 * q1[l]),
                         w = z[l] + step * (a21 * r1[l]);
                    LORENZ(REAL, u, v, w, p2, q2, r2);
#define AT2(s, k) (s + step * (a31 * k##1 [l] + a32 * k##2))
                    u = AT2(x[l], p), v = AT2(y[l], q), w = AT2(z[l], r);
                    LORENZ(REAL, u, v, w, p3, q3, r3);
#define AT3(s, k) (s + step * (a41 * k##1 [l] + a42 * k##2 + a43 * k##3))
                    u = AT3(x[l], p), v = AT3(y[l], q), w = AT3(z[l], r);
                    LORENZ(REAL, u, v, w, p4, q4, r4);
#define AT4(s, k) (s + step * (a51 * k##1 [l] + a52 * k##2 + a53 * k##3 + a54 * k##4))
                    u = AT4(x[l], p), v = AT4(y[l], q), w = AT4(z[l], r);
                    LORENZ(REAL, u, v, w, p5, q5, r5);
#define AT5(s, k) (s + step * (a61 * k##1 [l] + a62 * k##2 + a63 * k##3 + a64 * k##4 + a65 * k##5))
                    u = AT5(x[l], p), v = AT5(y[l], q), w = AT5(z[l], r);
                    LORENZ(REAL, u, v, w, p6, q6, r6);
#define AT6(s, k) (s + step * (a71 * k##1 [l] + a73 * k##3 + a74 * k##4 + a75 * k##5 + a76 * k##6))
                    u = AT6(x[l], p), v = AT6(y[l], q), w = AT6(z[l], r);
                    LORENZ(REAL, u, v, w, p7, q7, r7);
#define ERROR(s, new, k)                                                           \
    ((e1 * k##1 [l] + e3 * k##3 + e4 * k##4 + e5 * k##5 + e6 * k##6 + e7 * k##7) / \
     (rtol * LARGER(ABS(s), ABS(new)) + atol))
                    REAL ex = ERROR(x[l], u, p), ey = ERROR(y[l], v, q), ez = ERROR(z[l], w, r);
                    REAL square = (ex * ex + ey * ey + ez * ez) * ((REAL)1 / 3) * (step * step);
                    WHOLE good = square <= 1;
                    REAL error =
                        (REAL)0.5 * NAME(log2)(SMALLER(LARGER(square, (REAL)0x1p-100), (REAL)0x1p100));
                    REAL accepted = safety + previous[l] * (REAL)(2. / 25) - error * (REAL)(7. / 50);
                    REAL rejected = safety - error * (REAL)(1. / 5);
                    accepted = LARGER(accepted, least);
                    accepted = SMALLER(accepted, growth[l]);
                    rejected = LARGER(rejected, least);
                    h[l] = step * NAME(exp2)(good ? accepted : rejected);
                    t[l] = good ? to : t[l];
                    x[l] = good ? u : x[l], y[l] = good ? v : y[l], z[l] = good ? w : z[l];
                    p1[l] = good ? p7 : p1[l], q1[l] = good ? q7 : q1[l], r1[l] = good ? r7 : r1[l];
                    previous[l] = good ? LARGER(error, first_error) : previous[l];
                    growth[l] = good ? most : 0;
                    count[l]++;
                    done[l] = good & last;
                    any |= done[l];
                }
            } while (!any);
        }
    }
}
#endif
