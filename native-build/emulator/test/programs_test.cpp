// Programs that nobody wrote for the emulator: CUB, cooperative groups and the CUDA math library, as nvcc compiled them
// (programs/*.cu; their PTX is committed beside them), each on the device it was compiled for and on a newer one.
#include <algorithm>
#include <map>
#include <numeric>

#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

struct On {
    int architecture;
    int device;
    bool watched = false;  // with all checks: no false alarm
};

class Programs : public ::testing::TestWithParam<On> {
  protected:
    static Machine load(const std::string& name) {
        Machine machine = Machine::ofFile(std::string(QUERN_PROGRAMS) + "/compute_" +
                                              std::to_string(GetParam().architecture) + "/" + name + ".ptx",
                                          GetParam().device);
        machine.options.races = machine.options.uninitialised = GetParam().watched;
        machine.options.lateStores = GetParam().watched;
        if (GetParam().watched) machine.options.schedule = Schedule::PREEMPT;
        machine.memory->followInitialisation(GetParam().watched);
        return machine;
    }
};

INSTANTIATE_TEST_SUITE_P(Devices, Programs,
                         ::testing::Values(On{75, 75}, On{75, 80}, On{80, 80}, On{80, 90}, On{75, 75, true},
                                           On{80, 80, true}),
                         [](const auto& info) {
                             return "compute" + std::to_string(info.param.architecture) + "on" +
                                    std::to_string(info.param.device) + (info.param.watched ? "watched" : "");
                         });

constexpr u32 THREADS = 128, ITEMS = 4, TILE = THREADS * ITEMS, BLOCKS = 6;

template <class T>
std::vector<T> smallNumbers(std::size_t count) {
    std::vector<T> values;
    for (u32 bits : randomBits<u32>(static_cast<int>(count), 31))
        values.push_back(static_cast<T>(s32(bits % 2001) - 1000));
    return values;
}

/// Holds what a kernel stored to what is expected there, by place.
template <class T, class E>
void expectStored(const std::string& kernel, const std::vector<T>& actual, const std::vector<E>& expected) {
    ASSERT_EQ(actual.size(), expected.size());
    Mismatches mismatches(kernel);
    for (std::size_t i = 0; i < actual.size(); i++)
        mismatches.compare(actual[i], expected[i], static_cast<u32>(i));
}

template <class T>
void expectReduced(Machine& machine, const std::string& kernel) {
    const std::vector<T> in = smallNumbers<T>(THREADS * BLOCKS);
    for (u32 valid : {THREADS, 77u, 32u, 1u}) {
        const u64 out = machine.allocate<T>(BLOCKS);
        machine.run(kernel, {BLOCKS}, {THREADS}, {machine.upload(in), out, valid});
        std::vector<T> expected;
        for (u32 block = 0; block < BLOCKS; block++) {
            expected.push_back(
                std::accumulate(in.begin() + block * THREADS, in.begin() + block * THREADS + valid, T{0}));
        }
        expectStored(kernel, machine.download<T>(out, BLOCKS), expected);
    }
}

TEST_P(Programs, BlockReduce) {
    Machine machine = load("block_algorithms");
    expectReduced<s32>(machine, "reduce_raking_s32");
    expectReduced<s32>(machine, "reduce_commutative_s32");
    expectReduced<s32>(machine, "reduce_warps_s32");
    expectReduced<double>(machine, "reduce_warps_f64");  // whole numbers: exact in every order
    expectReduced<u64>(machine, "reduce_warps_u64");
}

template <class T>
void expectScanned(Machine& machine, const std::string& kernel) {
    const std::vector<T> in = smallNumbers<T>(TILE * BLOCKS);
    const u64 exclusive = machine.allocate<T>(in.size()), inclusive = machine.allocate<T>(in.size());
    const u64 totals = machine.allocate<T>(BLOCKS);
    machine.run(kernel, {BLOCKS}, {THREADS}, {machine.upload(in), exclusive, inclusive, totals});
    std::vector<T> before(in.size()), through(in.size()), sums(BLOCKS);
    for (u32 block = 0; block < BLOCKS; block++) {
        const auto from = in.begin() + block * TILE;
        std::exclusive_scan(from, from + TILE, before.begin() + block * TILE, T{0});
        std::inclusive_scan(from, from + TILE, through.begin() + block * TILE);
        sums[block] = through[(block + 1) * TILE - 1];
    }
    expectStored(kernel + " exclusive", machine.download<T>(exclusive, in.size()), before);
    expectStored(kernel + " inclusive", machine.download<T>(inclusive, in.size()), through);
    expectStored(kernel + " totals", machine.download<T>(totals, BLOCKS), sums);
}

TEST_P(Programs, BlockScan) {
    Machine machine = load("block_algorithms");
    expectScanned<s32>(machine, "scan_raking_s32");
    expectScanned<s32>(machine, "scan_warps_s32");
    expectScanned<s64>(machine, "scan_warps_s64");
}

template <class K, class Before>
void expectSorted(Machine& machine, const std::string& kernel, const std::vector<K>& keys, Before before) {
    std::vector<s32> values(keys.size());
    std::iota(values.begin(), values.end(), 0);
    const u64 sortedKeys = machine.allocate<K>(keys.size()),
              sortedValues = machine.allocate<s32>(keys.size());
    machine.run(kernel, {BLOCKS}, {THREADS},
                {machine.upload(keys), machine.upload(values), sortedKeys, sortedValues});
    for (u32 block = 0; block < BLOCKS; block++) {
        const auto from = values.begin() + block * TILE;
        std::stable_sort(from, from + TILE, [&](s32 a, s32 b) { return before(keys[a], keys[b]); });
    }
    std::vector<K> expected;
    for (s32 value : values) expected.push_back(keys[value]);
    expectStored(kernel + " keys", machine.download<K>(sortedKeys, keys.size()), expected);
    expectStored(kernel + " values", machine.download<s32>(sortedValues, keys.size()), values);
}

TEST_P(Programs, BlockRadixSort) {
    Machine machine = load("block_algorithms");
    std::vector<u32> keys = randomBits<u32>(TILE * BLOCKS, 8);
    for (std::size_t i = 0; i < keys.size(); i += 3) keys[i] %= 10;  // equal keys stay in order
    expectSorted(machine, "sort_u32", keys, std::less<u32>());
    std::vector<float> floats = smallNumbers<float>(TILE * BLOCKS);
    floats[5] = INFINITY;
    floats[6] = -INFINITY;
    expectSorted(machine, "sort_descending_f32", floats, std::greater<float>());
}

TEST_P(Programs, BlockHistogram) {
    Machine machine = load("block_algorithms");
    std::vector<u8> in = randomBits<u8>(TILE * BLOCKS, 9);
    std::fill(in.begin() + TILE, in.begin() + TILE + 300, 7);  // one bin of one tile is crowded
    std::vector<u32> expected(256 * BLOCKS);
    for (std::size_t i = 0; i < in.size(); i++) expected[i / TILE * 256 + in[i]]++;
    for (const char* kernel : {"histogram_atomic", "histogram_sort"}) {
        const u64 counts = machine.allocate<u32>(expected.size());
        machine.run(kernel, {BLOCKS}, {THREADS}, {machine.upload(in), counts});
        expectStored(kernel, machine.download<u32>(counts, expected.size()), expected);
    }
}

TEST_P(Programs, CooperativeTiles) {
    Machine machine = load("cooperative_tiles");
    const std::vector<s32> in = smallNumbers<s32>(THREADS * BLOCKS);
    for (u32 width : {4u, 16u, 32u}) {
        const std::string kernel = "tiles_" + std::to_string(width);
        const std::size_t tiles = in.size() / width;
        const u64 sums = machine.allocate<s32>(tiles), maxima = machine.allocate<s32>(tiles);
        const u64 scanned = machine.allocate<s32>(in.size());
        machine.run(kernel, {BLOCKS}, {THREADS}, {machine.upload(in), sums, maxima, scanned});
        std::vector<s32> sum, most, scan(in.size());
        for (std::size_t tile = 0; tile < tiles; tile++) {
            const auto from = in.begin() + static_cast<s64>(tile * width), to = from + width;
            sum.push_back(std::accumulate(from, to, 0));
            most.push_back(*std::max_element(from, to));
            std::exclusive_scan(from, to, scan.begin() + static_cast<s64>(tile * width), 0);
        }
        expectStored(kernel + " sums", machine.download<s32>(sums, tiles), sum);
        expectStored(kernel + " maxima", machine.download<s32>(maxima, tiles), most);
        expectStored(kernel + " scan", machine.download<s32>(scanned, in.size()), scan);
    }
}

TEST_P(Programs, CoalescedGroups) {
    Machine machine = load("cooperative_tiles");
    const std::vector<s32> in = smallNumbers<s32>(500);
    const u64 out = machine.allocate<s32>(in.size()), length = machine.upload(std::vector<s32>{0});
    machine.run("compact", {4}, {THREADS}, {machine.upload(in), static_cast<s32>(in.size()), out, length});
    std::vector<s32> expected;
    std::copy_if(in.begin(), in.end(), std::back_inserter(expected), [](s32 value) { return value > 0; });
    ASSERT_EQ(machine.download<s32>(length, 1)[0], static_cast<s32>(expected.size()));
    std::vector<s32> actual = machine.download<s32>(out, expected.size());
    std::sort(actual.begin(), actual.end());
    std::sort(expected.begin(), expected.end());
    expectStored("compact", actual, expected);
}

TEST_P(Programs, LabelledPartitions) {
    Machine machine = load("cooperative_tiles");
    const std::vector<s32> in = smallNumbers<s32>(THREADS * BLOCKS);
    std::vector<s32> keys;
    for (u32 bits : randomBits<u32>(THREADS * BLOCKS, 12)) keys.push_back(static_cast<s32>(bits % 5));
    const u64 sizes = machine.allocate<s32>(in.size()), sums = machine.allocate<s32>(in.size());
    machine.run("labelled", {BLOCKS}, {THREADS}, {machine.upload(keys), machine.upload(in), sizes, sums});
    std::vector<s32> size(in.size()), sum(in.size());
    for (std::size_t i = 0; i < in.size(); i++) {
        for (std::size_t j = i / 32 * 32; j < i / 32 * 32 + 32; j++) {
            if (keys[j] != keys[i]) continue;
            size[i]++;
            sum[i] += in[j];
        }
    }
    expectStored("sizes", machine.download<s32>(sizes, in.size()), size);
    expectStored("sums", machine.download<s32>(sums, in.size()), sum);
}

// The errors are those of the CUDA C++ Programming Guide's table of mathematical functions, in units of the last place.
template <class T>
struct Function {
    const char* name;
    double ulp;
    long double (*of)(long double);
};

template <class T>
void expectFunctions(Machine& machine, const std::string& kernel, const std::vector<T>& x,
                     const std::vector<Function<T>>& functions) {
    const u64 out = machine.allocate<T>(x.size() * functions.size());
    const u32 blocks = static_cast<u32>((x.size() + THREADS - 1) / THREADS);
    machine.run(kernel, {blocks}, {THREADS}, {machine.upload(x), out, static_cast<s32>(x.size())});
    const std::vector<T> y = machine.download<T>(out, x.size() * functions.size());
    for (std::size_t k = 0; k < functions.size(); k++) {
        Mismatches mismatches(kernel + " " + functions[k].name);
        for (std::size_t i = 0; i < x.size(); i++) {
            const long double exact = functions[k].of(x[i]);
            const T nearest = static_cast<T>(exact);
            const double step =
                std::isfinite(nearest)
                    ? double{std::nextafter(std::abs(nearest), T(HUGE_VAL)) - std::abs(nearest)}
                    : 0;
            // The exact value itself is rounded to double here: half a step more.
            mismatches.compare(y[k * x.size() + i],
                               Near{static_cast<double>(nearest), (functions[k].ulp + 0.5) * step}, x[i]);
        }
    }
}

template <class T>
std::vector<T> arguments(std::initializer_list<T> special) {
    std::vector<T> x = special;
    std::mt19937_64 random(77);
    for (double range : {1.0, 10.0, 80.0}) {
        std::uniform_real_distribution<double> place(-range, range);
        for (int i = 0; i < 100; i++) x.push_back(static_cast<T>(place(random)));
    }
    return x;
}

TEST_P(Programs, MathFunctionsOfFp32) {
    Machine machine = load("numerics");
    // Beyond about 1e5 sine and cosine take their slow path through local memory.
    const auto x = arguments<float>(
        {1e-20f, 0.5f, 1.0f, 3.1415927f, 12345.678f, 1e6f, 123456789.0f, 3e20f, 3e38f, -2e7f});
    expectFunctions<float>(machine, "functions_f32", x,
                           {{"sin", 2, [](long double v) { return std::sin(v); }},
                            {"cos", 2, [](long double v) { return std::cos(v); }},
                            {"exp", 2, [](long double v) { return std::exp(v); }},
                            {"log", 1, [](long double v) { return std::log(std::abs(v)); }},
                            {"tanh", 2, [](long double v) { return std::tanh(v); }},
                            {"erf", 2, [](long double v) { return std::erf(v); }},
                            {"pow", 4, [](long double v) { return std::pow(std::abs(v), 1.5L); }},
                            {"sqrt", 0, [](long double v) { return std::sqrt(std::abs(v)); }},
                            {"1/x", 0, [](long double v) { return 1 / v; }},
                            {"rsqrt", 2, [](long double v) { return 1 / std::sqrt(std::abs(v)); }},
                            {"atan2", 3, [](long double v) { return std::atan2(v, 2.0L); }},
                            {"lgamma", 6, [](long double v) { return std::lgamma(std::abs(v)); }}});
}

TEST_P(Programs, MathFunctionsOfFp64) {
    Machine machine = load("numerics");
    const auto x =
        arguments<double>({1e-20, 0.5, 1.0, M_PI, 12345.678, 1e6, 123456789.0, 1e12, 1e20, 1e200, -3e15});
    expectFunctions<double>(
        machine, "functions_f64", x,
        {{"sin", 2, [](long double v) { return std::sin(v); }},
         {"cos", 2, [](long double v) { return std::cos(v); }},
         {"exp", 1, [](long double v) { return std::exp(v); }},
         {"log", 1, [](long double v) { return std::log(std::abs(v)); }},
         {"tanh", 1, [](long double v) { return std::tanh(v); }},
         {"erf", 2, [](long double v) { return std::erf(v); }},
         {"pow", 2, [](long double v) { return std::pow(std::abs(v), 1.5L); }},
         {"sqrt", 0, [](long double v) { return std::sqrt(std::abs(v)); }},
         {"1/x", 0, [](long double v) { return 1 / v; }},
         {"cbrt", 1, [](long double v) { return std::cbrt(v); }},
         {"fmod", 0, [](long double v) { return std::fmod(v, static_cast<long double>(0.7)); }},
         {"hypot", 2, [](long double v) { return std::hypot(v, 3.0L); }}});
}

struct View {
    double centreRe, centreIm, width;
    s32 columns, rows, limit;
};

TEST_P(Programs, Mandelbrot) {
    Machine machine = load("numerics");
    const View view{-0.6, 0.1, 2.5, 75, 53, 200};
    const u64 out = machine.allocate<s32>(75 * 53);
    machine.run("mandelbrot", {5, 7}, {16, 8}, {view, out});
    std::vector<s32> expected;
    for (s32 row = 0; row < view.rows; row++) {
        for (s32 column = 0; column < view.columns; column++) {
            const double scale = view.width / view.columns;
            const double cr = view.centreRe + (column - view.columns / 2) * scale;
            const double ci = view.centreIm + (row - view.rows / 2) * scale;
            double re = 0, im = 0;
            s32 step = 0;
            while (step < view.limit && re * re + im * im <= 4) {
                const double next = re * re - im * im + cr;
                im = re * im + im * re + ci;
                re = next;
                step++;
            }
            expected.push_back(step);
        }
    }
    expectStored("mandelbrot", machine.download<s32>(out, expected.size()), expected);
}

TEST_P(Programs, MatrixProduct) {
    Machine machine = load("numerics");
    constexpr s32 N = 45;
    const std::vector<float> a = smallNumbers<float>(N * N), b(a.rbegin(), a.rend());
    const u64 c = machine.allocate<float>(N * N);
    machine.run("matmul", {3, 3}, {16, 16}, {machine.upload(a), machine.upload(b), c, N});
    std::vector<float> expected;
    for (s32 row = 0; row < N; row++) {
        for (s32 column = 0; column < N; column++) {
            float sum = 0;
            for (s32 k = 0; k < N; k++) sum = std::fma(a[row * N + k], b[k * N + column], sum);
            expected.push_back(sum);
        }
    }
    expectStored("matmul", machine.download<float>(c, N * N), expected);
}

TEST_P(Programs, HalfTypes) {
    Machine machine = load("numerics");
    std::vector<float> x = arguments<float>({0.0f, 1.0f, 1e-7f, 0.1f, 65504.0f, 1e30f});
    const s32 n = static_cast<s32>(x.size());
    const u64 out = machine.allocate<float>(6 * n);
    machine.run("halves", {static_cast<u32>(n + THREADS - 1) / THREADS}, {THREADS},
                {machine.upload(x), out, n});
    const std::vector<float> y = machine.download<float>(out, 6 * n);
    Mismatches mismatches("halves");
    const auto fma = [](double a, double b, double c) { return std::fma(a, b, c); };
    const auto product = [](double a, double b) { return a * b; };
    for (s32 i = 0; i < n; i++) {
        const f16 h = narrow<f16>(x[i]);
        const bf16 b = narrow<bf16>(x[i]);
        const double power = std::exp2(toDouble(h));
        const auto wide = [](auto value) { return static_cast<float>(toDouble(value)); };
        mismatches.compare(y[i], wide(h), x[i]);
        mismatches.compare(y[n + i], wide(rounded<f16>(FE_TONEAREST, fma, h, h, narrow<f16>(0.5))), x[i]);
        mismatches.compare(y[2 * n + i],
                           Near{wide(narrow<f16>(power)), std::max(power * std::exp2(-9.9), 0x1p-24)}, x[i]);
        mismatches.compare(y[3 * n + i], wide(b), x[i]);
        mismatches.compare(y[4 * n + i], wide(rounded<bf16>(FE_TONEAREST, product, b, b)), x[i]);
        mismatches.compare(y[5 * n + i], toDouble(h) < 1 ? 1.0f : 0.0f, x[i]);
    }
}

TEST_P(Programs, WideIntegers) {
    Machine machine = load("numerics");
    const std::vector<u64> x = randomBits<u64>(300, 14);
    const u64 y = machine.allocate<u64>(2 * x.size());
    machine.run("integers", {3}, {THREADS}, {machine.upload(x), y, static_cast<s32>(x.size())});
    std::vector<u64> expected;
    for (u32 i = 0; i < x.size(); i++) {
        const u64 folded =
            static_cast<u64>((u128{x[i]} * (x[i] ^ 0x9e3779b97f4a7c15u) + i) % ((u64{1} << 61) - 1));
        u64 reversed = 0;
        for (int bit = 0; bit < 64; bit++) reversed = reversed << 1 | (folded >> bit & 1);
        u64 result = 0;
        switch (folded % 7) {
            case 0: result = std::popcount(folded); break;
            case 1: result = std::countl_zero(folded); break;
            case 2: result = reversed; break;
            case 3: result = static_cast<u64>(u128{folded} * x[i] >> 64); break;
            case 4: result = folded / (i + 1); break;
            case 5: result = static_cast<u64>(static_cast<s64>(x[i]) / -(static_cast<s64>(i) + 3)); break;
            default: result = static_cast<u32>((folded << (i & 31)) >> 32); break;
        }
        expected.push_back(folded);
        expected.push_back(result);
    }
    expectStored("integers", machine.download<u64>(y, expected.size()), expected);
}

}  // namespace
}  // namespace quern::emulator
