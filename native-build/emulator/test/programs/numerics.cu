// Plain CUDA C++ as programs are written: library functions with their slow paths, structures by value,
// matrices in shared memory, half and bfloat16 types, 64-bit and 128-bit integers.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>

// y[k*n + i] = the k-th function of x[i].
extern "C" __global__ void functions_f32(const float* x, float* y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const float v = x[i];
    y[0 * n + i] = sinf(v);
    y[1 * n + i] = cosf(v);
    y[2 * n + i] = expf(v);
    y[3 * n + i] = logf(fabsf(v));
    y[4 * n + i] = tanhf(v);
    y[5 * n + i] = erff(v);
    y[6 * n + i] = powf(fabsf(v), 1.5f);
    y[7 * n + i] = sqrtf(fabsf(v));
    y[8 * n + i] = 1.0f / v;
    y[9 * n + i] = rsqrtf(fabsf(v));
    y[10 * n + i] = atan2f(v, 2.0f);
    y[11 * n + i] = lgammaf(fabsf(v));
}

extern "C" __global__ void functions_f64(const double* x, double* y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const double v = x[i];
    y[0 * n + i] = sin(v);
    y[1 * n + i] = cos(v);
    y[2 * n + i] = exp(v);
    y[3 * n + i] = log(fabs(v));
    y[4 * n + i] = tanh(v);
    y[5 * n + i] = erf(v);
    y[6 * n + i] = pow(fabs(v), 1.5);
    y[7 * n + i] = sqrt(fabs(v));
    y[8 * n + i] = 1.0 / v;
    y[9 * n + i] = cbrt(v);
    y[10 * n + i] = fmod(v, 0.7);
    y[11 * n + i] = hypot(v, 3.0);
}

struct Complex {
    double re, im;
    __device__ Complex operator*(Complex o) const { return {re * o.re - im * o.im, re * o.im + im * o.re}; }
    __device__ Complex operator+(Complex o) const { return {re + o.re, im + o.im}; }
};

struct View {
    double centreRe, centreIm, width;
    int columns, rows, limit;
};

// How many steps z = z^2 + c takes to leave the circle: loops of a different length in each lane.
extern "C" __global__ void mandelbrot(View view, int* steps) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (column >= view.columns || row >= view.rows) return;
    const double scale = view.width / view.columns;
    const Complex c{view.centreRe + (column - view.columns / 2) * scale,
                    view.centreIm + (row - view.rows / 2) * scale};
    Complex z{0, 0};
    int step = 0;
    while (step < view.limit && z.re * z.re + z.im * z.im <= 4) {
        z = z * z + c;
        step++;
    }
    steps[row * view.columns + column] = step;
}

// C = A B for square matrices whose size need not be a multiple of the tile.
extern "C" __global__ void matmul(const float* a, const float* b, float* c, int n) {
    __shared__ float ta[16][17], tb[16][17];
    const int row = blockIdx.y * 16 + threadIdx.y, column = blockIdx.x * 16 + threadIdx.x;
    float sum = 0;
    for (int k = 0; k < n; k += 16) {
        ta[threadIdx.y][threadIdx.x] = row < n && k + threadIdx.x < n ? a[row * n + k + threadIdx.x] : 0;
        tb[threadIdx.y][threadIdx.x] =
            column < n && k + threadIdx.y < n ? b[(k + threadIdx.y) * n + column] : 0;
        __syncthreads();
        for (int j = 0; j < 16; j++) sum = fmaf(ta[threadIdx.y][j], tb[j][threadIdx.x], sum);
        __syncthreads();
    }
    if (row < n && column < n) c[row * n + column] = sum;
}

extern "C" __global__ void halves(const float* x, float* y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const __half h = __float2half_rn(x[i]);
    const __half2 pair = __halves2half2(h, __hneg(h));
    const __half2 product = __hfma2(pair, pair, __float2half2_rn(0.5f));
    y[0 * n + i] = __half2float(h);
    y[1 * n + i] = __low2float(product);
    y[2 * n + i] = __half2float(hexp2(h));
    y[3 * n + i] = __bfloat162float(__float2bfloat16_rn(x[i]));
    const __nv_bfloat162 both = __floats2bfloat162_rn(x[i], -x[i]);
    y[4 * n + i] = __bfloat162float(__high2bfloat16(__hmul2(both, both)));
    y[5 * n + i] = __hlt(h, __float2half_rn(1.0f)) ? 1.0f : 0.0f;
}

// Products and remainders modulo 2^61 - 1 by 128 bits, then a switch and bit tricks.
extern "C" __global__ void integers(const unsigned long long* x, unsigned long long* y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const unsigned __int128 wide = static_cast<unsigned __int128>(x[i]) * (x[i] ^ 0x9e3779b97f4a7c15ull) + i;
    constexpr unsigned long long PRIME = (1ull << 61) - 1;
    const unsigned long long folded = static_cast<unsigned long long>(wide % PRIME);
    unsigned long long result;
    switch (folded % 7) {
        case 0: result = __popcll(folded); break;
        case 1: result = __clzll(folded); break;
        case 2: result = __brevll(folded); break;
        case 3: result = __umul64hi(folded, x[i]); break;
        case 4: result = folded / (i + 1); break;
        case 5: result = static_cast<unsigned long long>(static_cast<long long>(x[i]) / -(i + 3)); break;
        default:
            result = __funnelshift_l(static_cast<unsigned>(folded), static_cast<unsigned>(folded >> 32), i);
            break;
    }
    y[2 * i] = folded;
    y[2 * i + 1] = result;
}
