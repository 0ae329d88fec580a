/* A peer of decoding: one query in each of 4 heads that share keys and values of 128 FP32 channels, threads by OpenMP.
 * Blocks of 64 keys, the online softmax after each; memory is asked for 8 rows ahead, which the compiler can and Java cannot.
 * Built by the benchmark on the machine it runs on, for that machine; never shipped as a binary. */
#include <math.h>

enum { DIM = 128, GROUP = 4, BLOCK = 64, LANES = 16, AHEAD = 8 * DIM };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
typedef int integers __attribute__((vector_size(LANES * sizeof(int)), aligned(4)));

static inline lanes max(lanes x, lanes y) {
  integers greater = x > y;
  return (lanes)((greater & (integers)x) | (~greater & (integers)y));
}

/* 2^x for x <= 0, within 3e-7 relatively. */
static inline lanes power(lanes x) {
  const lanes shift = (lanes){0} + 12582912.f; /* 1.5 * 2^23 */
  x = max(x, (lanes){0} - 126.f);
  lanes whole = x + shift, f = x - (whole - shift), p = f * 1.5403530e-4f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.f;
  return (lanes)((integers)p + ((integers)whole << 23));
}

static inline lanes load(const float *from) { return *(const lanes *)from; }

static inline float sum(lanes x) {
  x += __builtin_shuffle(x, (integers){8, 9, 10, 11, 12, 13, 14, 15});
  x += __builtin_shuffle(x, (integers){4, 5, 6, 7});
  x += __builtin_shuffle(x, (integers){2, 3});
  return x[0] + x[1];
}

static inline void fetch(const float *row) {
  for (int c = 0; c < DIM; c += LANES) __builtin_prefetch(row + AHEAD + c, 0, 3);
}

/* Scores of a block in units of log2: a vector of partial sums for each row of queries. */
static void dots(const float *query, const float *keys, int count, float scores[GROUP][BLOCK]) {
  for (int j = 0; j < count; j++) {
    const float *key = keys + j * DIM;
    fetch(key);
    lanes s[GROUP] = {0};
    for (int c = 0; c < DIM; c += LANES)
      for (int g = 0; g < GROUP; g++) s[g] += load(key + c) * load(query + g * DIM + c);
    for (int g = 0; g < GROUP; g++) scores[g][j] = sum(s[g]);
  }
  for (int j = count; j < BLOCK; j++)
    for (int g = 0; g < GROUP; g++) scores[g][j] = -1e30f;
}

static void accumulate(const float scores[2][BLOCK], const float *values, int count, int first, float out[2][DIM]) {
  lanes o[2][DIM / LANES];
  for (int g = 0; g < 2; g++)
    for (int c = 0; c < DIM / LANES; c++) o[g][c] = load(out[g] + c * LANES);
  for (int j = 0; j < count; j++) {
    const float *value = values + j * DIM;
    if (first) fetch(value);
    for (int c = 0; c < DIM / LANES; c++)
      for (int g = 0; g < 2; g++) o[g][c] += scores[g][j] * load(value + c * LANES);
  }
  for (int g = 0; g < 2; g++)
    for (int c = 0; c < DIM / LANES; c++) *(lanes *)(out[g] + c * LANES) = o[g][c];
}

static void decode(const float *query, const float *keys, const float *values, long count, float *to) {
  float scaled[GROUP * DIM], scores[GROUP][BLOCK], out[GROUP][DIM] = {{0}}, most[GROUP], total[GROUP] = {0};
  for (int i = 0; i < GROUP * DIM; i++) scaled[i] = query[i] * (1.44269504f / sqrtf(DIM));
  for (int g = 0; g < GROUP; g++) most[g] = -1e30f;
  for (long from = 0; from < count; from += BLOCK) {
    int block = count - from < BLOCK ? (int)(count - from) : BLOCK;
    dots(scaled, keys + from * DIM, block, scores);
    for (int g = 0; g < GROUP; g++) {
      lanes top = load(scores[g]), added = {0};
      for (int j = LANES; j < BLOCK; j += LANES) top = max(top, load(scores[g] + j));
      float high = most[g];
      for (int i = 0; i < LANES; i++) high = top[i] > high ? top[i] : high;
      float factor = exp2f(most[g] - high);
      for (int j = 0; j < BLOCK; j += LANES) {
        lanes p = power(load(scores[g] + j) - high);
        *(lanes *)(scores[g] + j) = p;
        added += p;
      }
      for (int c = 0; c < DIM; c++) out[g][c] *= factor;
      total[g] = total[g] * factor + sum(added);
      most[g] = high;
    }
    for (int g = 0; g < GROUP; g += 2) accumulate(&scores[g], values + from * DIM, block, g == 0, &out[g]);
  }
  for (int g = 0; g < GROUP; g++)
    for (int c = 0; c < DIM; c++) to[g * DIM + c] = out[g][c] / total[g];
}

/* Of `heads` key heads in all sequences, keys and values one head behind the other. */
void quern_peer_decode(const float *query, const float *keys, const float *values, float *out, long heads, long count,
                       int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (long h = 0; h < heads; h++)
    decode(query + h * GROUP * DIM, keys + h * count * DIM, values + h * count * DIM, count, out + h * GROUP * DIM);
}
