/* Peers of the in-place kernels: the same memory traffic from a C compiler's vectoriser, threads by OpenMP.
 * Built by the benchmark on the machine it runs on, for that machine; never shipped as a binary. */

static void chunk(long n, int threads, int thread, long *from, long *to) {
  /* Whole cache lines, so that no two threads write one. */
  long lines = (n + 15) / 16;
  *from = lines * thread / threads * 16;
  *to = lines * (thread + 1) / threads * 16;
  if (*to > n) *to = n;
}

static void lion_range(float *restrict p, float *restrict m, const float *restrict g, long n, float lr,
                       float decay, float beta1, float beta2) {
  for (long i = 0; i < n; i++) {
    float old = m[i], gradient = g[i], parameter = p[i];
    float c = beta1 * old + (1 - beta1) * gradient;
    float step = c > 0 ? lr : c < 0 ? -lr : 0;
    p[i] = parameter * (1 - lr * decay) - step;
    m[i] = beta2 * old + (1 - beta2) * gradient;
  }
}

/* Three reads and two writes a parameter, in place. */
void quern_peer_lion(float *p, float *m, const float *g, long n, int threads, float lr, float decay,
                     float beta1, float beta2) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; thread++) {
    long from, to;
    chunk(n, threads, thread, &from, &to);
    lion_range(p + from, m + from, g + from, to - from, lr, decay, beta1, beta2);
  }
}

/* BF16 as what it is: the upper half of a float. NaN aside, which the compiler could not vectorise as well. */
static inline float widened(unsigned short stored) {
  unsigned bits = (unsigned)stored << 16;
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}

static inline unsigned short rounded(float value) {
  unsigned bits;
  __builtin_memcpy(&bits, &value, 4);
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void lion_bf16_range(unsigned short *restrict p, unsigned short *restrict m,
                            const unsigned short *restrict g, long n, float lr, float decay, float beta1,
                            float beta2) {
  for (long i = 0; i < n; i++) {
    float old = widened(m[i]), gradient = widened(g[i]);
    float c = beta1 * old + (1 - beta1) * gradient;
    float step = c > 0 ? lr : c < 0 ? -lr : 0;
    p[i] = rounded(widened(p[i]) * (1 - lr * decay) - step);
    m[i] = rounded(beta2 * old + (1 - beta2) * gradient);
  }
}

/* Parameter and gradient in BF16, momentum in FP32. */
static void lion_mixed_range(unsigned short *restrict p, float *restrict m, const unsigned short *restrict g,
                             long n, float lr, float decay, float beta1, float beta2) {
  for (long i = 0; i < n; i++) {
    float old = m[i], gradient = widened(g[i]);
    float c = beta1 * old + (1 - beta1) * gradient;
    float step = c > 0 ? lr : c < 0 ? -lr : 0;
    p[i] = rounded(widened(p[i]) * (1 - lr * decay) - step);
    m[i] = beta2 * old + (1 - beta2) * gradient;
  }
}

/* Parameter in FP32 with a copy in BF16, momentum and gradient in BF16. */
static void lion_copy_range(float *restrict p, unsigned short *restrict m, const unsigned short *restrict g,
                            unsigned short *restrict copy, long n, float lr, float decay, float beta1,
                            float beta2) {
  for (long i = 0; i < n; i++) {
    float old = widened(m[i]), gradient = widened(g[i]);
    float c = beta1 * old + (1 - beta1) * gradient;
    float step = c > 0 ? lr : c < 0 ? -lr : 0;
    float parameter = p[i] * (1 - lr * decay) - step;
    p[i] = parameter;
    copy[i] = rounded(parameter);
    m[i] = rounded(beta2 * old + (1 - beta2) * gradient);
  }
}

void quern_peer_lion_bf16(unsigned short *p, unsigned short *m, const unsigned short *g, long n, int threads,
                          float lr, float decay, float beta1, float beta2) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; thread++) {
    long from, to;
    chunk(n, threads, thread, &from, &to);
    lion_bf16_range(p + from, m + from, g + from, to - from, lr, decay, beta1, beta2);
  }
}

void quern_peer_lion_mixed(unsigned short *p, float *m, const unsigned short *g, long n, int threads, float lr,
                           float decay, float beta1, float beta2) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; thread++) {
    long from, to;
    chunk(n, threads, thread, &from, &to);
    lion_mixed_range(p + from, m + from, g + from, to - from, lr, decay, beta1, beta2);
  }
}

void quern_peer_lion_copy(float *p, unsigned short *m, const unsigned short *g, unsigned short *copy, long n,
                          int threads, float lr, float decay, float beta1, float beta2) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; thread++) {
    long from, to;
    chunk(n, threads, thread, &from, &to);
    lion_copy_range(p + from, m + from, g + from, copy + from, to - from, lr, decay, beta1, beta2);
  }
}

/* x = a x + b: one read and one write an element, in place. */
void quern_peer_update(float *x, long n, int threads, float a, float b) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; thread++) {
    long from, to;
    chunk(n, threads, thread, &from, &to);
    for (long i = from; i < to; i++) x[i] = a * x[i] + b;
  }
}
