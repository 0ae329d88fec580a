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

/* x = a x + b: one read and one write an element, in place. */
void quern_peer_update(float *x, long n, int threads, float a, float b) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; thread++) {
    long from, to;
    chunk(n, threads, thread, &from, &to);
    for (long i = from; i < to; i++) x[i] = a * x[i] + b;
  }
}
