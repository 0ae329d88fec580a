// How fast the interpreter is, in thread instructions a second, and how long a module takes to load. A measurement of this
// machine, so no test: build the target emulator_speed, then emulator_speed [SECONDS], which measures each row that long.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string read(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    if (text.str().empty()) throw std::runtime_error("cannot read " + path);
    return text.str();
}
std::string room(const std::string& name) { return read(QUERN_PTX "/compute_80/" + name + ".ptx"); }
std::string program(const std::string& name) { return read(QUERN_PROGRAMS "/compute_80/" + name + ".ptx"); }

/// A long chain of multiplications and additions in registers.
const char* const ARITHMETIC = R"(
.visible .entry k(.param .u64 out) {
    .reg .b64 %rd<3>; .reg .b32 %r<4>; .reg .f32 %f<6>; .reg .pred %p;
    ld.param.u64 %rd0, [out]; mov.u32 %r0, %tid.x; mul.wide.u32 %rd1, %r0, 4; add.s64 %rd2, %rd0, %rd1;
    cvt.rn.f32.u32 %f0, %r0; mov.f32 %f1, 0f3F7FBE77; mov.f32 %f2, 0f3A83126F; mov.f32 %f3, %f0; mov.u32 %r1, 0;
LOOP:
    fma.rn.f32 %f0, %f0, %f1, %f2; fma.rn.f32 %f3, %f3, %f1, %f2; mul.f32 %f4, %f0, %f1; add.f32 %f5, %f4, %f2;
    fma.rn.f32 %f0, %f0, %f1, %f5; fma.rn.f32 %f3, %f3, %f1, %f4; mul.f32 %f4, %f3, %f1; add.f32 %f0, %f0, %f4;
    add.u32 %r1, %r1, 1; setp.lt.u32 %p, %r1, 256; @%p bra LOOP;
    add.f32 %f0, %f0, %f3; @%p st.global.f32 [%rd2], %f0; ret;
})";

/// A tree over shared memory with barriers.
const char* const REDUCTION = R"(
.shared .align 4 .b8 s[1024];
.visible .entry k(.param .u64 out) {
    .reg .b32 %r<8>; .reg .f32 %f<6>; .reg .pred %p<3>;
    mov.u32 %r0, %tid.x; cvt.rn.f32.u32 %f0, %r0; mov.u32 %r2, s; mad.lo.u32 %r3, %r0, 4, %r2; mov.u32 %r1, 0;
LOOP:
    st.shared.f32 [%r3], %f0; bar.sync 0; mov.u32 %r4, 128;
TREE:
    setp.lt.u32 %p0, %r0, %r4;
    @%p0 mad.lo.u32 %r5, %r4, 4, %r3; @%p0 ld.shared.f32 %f1, [%r5]; @%p0 ld.shared.f32 %f2, [%r3];
    @%p0 add.f32 %f1, %f1, %f2; @%p0 st.shared.f32 [%r3], %f1; bar.sync 0;
    shr.u32 %r4, %r4, 1; setp.gt.u32 %p1, %r4, 0; @%p1 bra TREE;
    add.u32 %r1, %r1, 1; setp.lt.u32 %p2, %r1, 16; @%p2 bra LOOP;
    ret;
})";

enum class Checks { MEMORY, RACES, ALL };

void choose(Options& options, Checks checks) {
    options.races = checks != Checks::MEMORY;
    options.uninitialised = checks == Checks::ALL;
}

/// The median of what was measured until the time is over.
template <typename Measure>
double medianOver(double seconds, Measure measure) {
    std::vector<double> measured;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    measure();  // what is touched for the first time costs more
    do measured.push_back(measure());
    while (Clock::now() < end);
    std::nth_element(measured.begin(), measured.begin() + measured.size() / 2, measured.end());
    return measured[measured.size() / 2];
}

class Speed {
  public:
    Speed(double seconds, std::string only) : seconds_(seconds), only_(std::move(only)) {}

    /// A row: launch() of the bench, whose options this chooses.
    template <typename Launch>
    void row(Bench& bench, const std::string& name, Checks checks, int threads, Launch launch) const {
        static const char* const CHECKS[] = {"memory", "memory, races", "all"};
        if (name.find(only_) == std::string::npos) return;
        choose(bench.options, checks);
        bench.options.threads = threads;
        const double rate = medianOver(seconds_, [&] {
            const LaunchResult result = launch();
            if (!result.ok()) throw std::runtime_error(name + ": " + result.report);
            return static_cast<double>(result.counters.threadInstructions()) / result.seconds;
        });
        std::printf("%-28s %-14s %d thread%s %8.3f G/s\n", name.c_str(), CHECKS[static_cast<int>(checks)],
                    threads, threads == 1 ? " " : "s", rate / 1e9);
        std::fflush(stdout);
    }

    void snippet(const char* name, const char* ptx) const {
        Bench bench;
        bench.load(ptx);
        const std::uint64_t out = bench.memory.allocate(1024);
        for (int threads : {1, 2}) {
            row(bench, name, Checks::MEMORY, threads, [&] {
                return bench.run("k", {512, 1, 1}, {256, 1, 1}, 0, out);
            });
        }
    }

    void lion(int logCount) const {
        Bench bench;
        choose(bench.options, Checks::ALL);  // memory is followed from its allocation on
        bench.memory.followInitialisation(true);
        bench.module = Module::load(room("lion"), bench.device, bench.memory);
        const std::int64_t count = std::int64_t{1} << logCount;
        const std::vector<float> values(static_cast<std::size_t>(count), 0.5F);
        const std::uint64_t p = bench.upload(values);
        const std::uint64_t m = bench.upload(values);
        const std::uint64_t g = bench.upload(values);
        const std::uint64_t rates = bench.upload(std::vector<float>{1e-3F, -1e-4F, 0.1F, 0.01F});
        const auto blocks = static_cast<std::uint32_t>(std::min<std::int64_t>(count / 1024, 432));
        const auto launch = [&] {
            return bench.run("lion_step_fp32", {blocks, 1, 1}, {256, 1, 1}, 0, p, m, g, count, rates, 0.9F,
                             0.99F);
        };
        const std::string name = "lion FP32, 2^" + std::to_string(logCount);
        row(bench, name, Checks::ALL, 1, launch);
        row(bench, name, Checks::RACES, 1, launch);
        for (int threads : {1, 2}) row(bench, name, Checks::MEMORY, threads, launch);
    }

    /// Softmax of anything averages values, so that ones stay ones.
    void attention() const {
        constexpr int HEADS = 4, LENGTH = 512, DIM = 64;
        constexpr std::uint32_t TILES = LENGTH / 64, SHARED = 5 * 64 * DIM * 2;
        constexpr std::uint16_t ONE = 0x3f80;
        Bench bench;
        bench.memory.followInitialisation(true);
        bench.module = Module::load(program("tensor_attention"), bench.device, bench.memory);
        std::vector<std::uint16_t> inputs(HEADS * LENGTH * DIM);
        for (std::size_t i = 0; i < inputs.size(); i++)
            inputs[i] = static_cast<std::uint16_t>(0x3d00 + i * 2654435761U % 641);
        const std::uint64_t q = bench.upload(inputs);
        const std::uint64_t k = bench.upload(inputs);
        const std::uint64_t v = bench.upload(std::vector<std::uint16_t>(inputs.size(), ONE));
        const std::uint64_t out = bench.memory.allocate(inputs.size() * 2);
        const std::uint64_t sums = bench.memory.allocate(HEADS * LENGTH * 4);
        const auto launch = [&] {
            return bench.run("attention_bf16", {TILES, HEADS, 1}, {128, 1, 1}, SHARED, q, k, v, out, sums,
                             LENGTH, LENGTH, 0.125F, 0);
        };
        const std::string name = "attention BF16 mma";
        for (int threads : {1, 2}) row(bench, name, Checks::MEMORY, threads, launch);
        for (const std::uint16_t bits : bench.download<std::uint16_t>(out, inputs.size())) {
            if (name.find(only_) != std::string::npos && bits != ONE)
                throw std::runtime_error("attention to values of 1 is not 1");
        }
        row(bench, name, Checks::RACES, 1, launch);
        row(bench, name, Checks::ALL, 1, launch);
    }

    void gemm() const {
        constexpr std::uint32_t SIZE = 512;
        Bench bench;
        bench.module = Module::load(program("tensor_gemm"), bench.device, bench.memory);
        const std::vector<std::uint16_t> inputs(SIZE * SIZE, 0x3f80);
        const std::uint64_t a = bench.upload(inputs);
        const std::uint64_t b = bench.upload(inputs);
        const std::uint64_t out = bench.memory.allocate(SIZE * SIZE * 4);
        for (int threads : {1, 2}) {
            row(bench, "GEMM BF16 mma", Checks::MEMORY, threads, [&] {
                return bench.run("gemm_bf16", {SIZE / 64, SIZE / 64, 1}, {128, 1, 1}, 0, a, b, out, SIZE,
                                 SIZE, SIZE);
            });
        }
    }

    void loading() const {
        const std::string text = program("tensor_attention");
        if (std::string("load").find(only_) == std::string::npos) return;
        Bench bench;
        const double seconds = medianOver(seconds_, [&] {
            const auto begin = Clock::now();
            Module::load(text, bench.device, bench.memory);
            return std::chrono::duration<double>(Clock::now() - begin).count();
        });
        std::printf("load of %.1f KB of PTX (attention BF16 mma) %10.2f ms\n",
                    static_cast<double>(text.size()) / 1e3, seconds * 1e3);
    }

  private:
    double seconds_;
    std::string only_;
};

}  // namespace
}  // namespace quern::emulator::test

int main(int count, char** arguments) {
    const double seconds = count > 1 ? std::atof(arguments[1]) : 2;
    if (seconds <= 0) {
        std::fprintf(
            stderr,
            "usage: emulator_speed [SECONDS [NAME]]: how long each row is measured, and which rows\n");
        return 2;
    }
    try {
        const quern::emulator::test::Speed speed(seconds, count > 2 ? arguments[2] : "");
        speed.lion(14);
        speed.lion(21);
        speed.attention();
        speed.gemm();
        speed.snippet("arithmetic FP32", quern::emulator::test::ARITHMETIC);
        speed.snippet("shared memory, barriers", quern::emulator::test::REDUCTION);
        speed.loading();
    } catch (const std::exception& wrong) {
        std::fprintf(stderr, "%s\n", wrong.what());
        return 1;
    }
    return 0;
}
