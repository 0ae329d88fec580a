// programs/tensor_gemm.cu: a pipelined product of BF16 matrices, held to FP64 however mma adds up and however late copies
// land.
#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"
#include "exec/tensor_core.hpp"

namespace quern::emulator {
namespace {

struct Problem {
    u32 m, n, k;
    std::vector<bf16> a, b;

    Problem(u32 rows, u32 columns, u32 depth) : m(rows), n(columns), k(depth) {
        std::mt19937_64 random(rows * 31 + columns * 7 + depth);
        std::normal_distribution<double> normal;
        for (u32 i = 0; i < m * k; i++) a.push_back(narrow<bf16>(normal(random)));
        for (u32 i = 0; i < k * n; i++) b.push_back(narrow<bf16>(normal(random)));
    }
    double product(u32 row, u32 column, double* magnitude = nullptr) const {
        double sum = 0, size = 0;
        for (u32 i = 0; i < k; i++) {
            const double term = toDouble(a[row * k + i]) * toDouble(b[i * n + column]);
            sum += term;
            size += std::abs(term);
        }
        if (magnitude != nullptr) *magnitude = size;
        return sum;
    }
};

class TensorGemm : public ::testing::TestWithParam<int> {
  protected:
    static Machine load() {
        return Machine::ofFile(std::string(QUERN_PROGRAMS) + "/compute_80/tensor_gemm.ptx", GetParam());
    }
    static std::vector<float> run(Machine& machine, const Problem& problem, Counters* counters = nullptr,
                                  const std::string& kernel = "gemm_bf16") {
        const std::size_t count = std::size_t{problem.m} * problem.n;
        const u64 out = machine.allocate<float>(count);
        const LaunchResult result = machine.launch(
            kernel, {(problem.n + 63) / 64, (problem.m + 63) / 64}, {128},
            {machine.upload(problem.a), machine.upload(problem.b), out, problem.m, problem.n, problem.k});
        EXPECT_TRUE(result.ok()) << result.report;
        if (counters != nullptr) *counters = result.counters;
        return machine.download<float>(out, count);
    }
};

INSTANTIATE_TEST_SUITE_P(Devices, TensorGemm, ::testing::Values(80, 90),
                         [](const auto& info) { return "sm_" + std::to_string(info.param); });

// The error of one mma, as a share of the sum S of all |a b|, which bounds every partial sum: exact, it rounds once to
// FP32 (2^-24 S). Truncating, each of K / L blocks cuts L products and the accumulator at most 2^-24 S below their place
// (2^-25 where there are two extra bits) and the sum at 2^-23 S.
TEST_P(TensorGemm, IsTheProductInBothModes) {
    const Problem problems[] = {{64, 64, 32}, {1, 8, 8}, {130, 72, 200}, {33, 72, 264}};
    for (const Problem& problem : problems) {
        SCOPED_TRACE(std::to_string(problem.m) + " x " + std::to_string(problem.n) + " x " +
                     std::to_string(problem.k));
        std::vector<float> exact;
        for (const bool truncating : {false, true}) {
            Machine machine = load();
            machine.options.truncatingMatrix = truncating;
            const std::vector<float> actual = run(machine, problem);
            const TensorCore core = TensorCore::of(GetParam(), truncating);
            const double steps = std::ceil(problem.k / 16.0);
            const double share =
                truncating ? steps * 16 / core.block *
                                 ((core.block + 1) * std::ldexp(1.0, -23 - core.extraBits) + 0x1p-23)
                           : steps * 0x1p-24;
            double used = 0;
            for (u32 row = 0; row < problem.m; row++) {
                for (u32 column = 0; column < problem.n; column++) {
                    double size = 0;
                    const double expected = problem.product(row, column, &size);
                    const double error = std::abs(actual[row * problem.n + column] - expected);
                    used = std::max(used, error / (share * size));
                }
            }
            EXPECT_LE(used, 1) << (truncating ? "truncating" : "exact");
            if (!truncating) exact = actual;
            if (truncating && problem.k > 16) {
                EXPECT_GT(used, 0);
                EXPECT_NE(actual, exact);
            }
        }
    }
}

TEST_P(TensorGemm, CopiesMayLandEarlyOrLate) {
    const Problem problem(64, 128, 160);
    Machine late = load(), eager = load();
    eager.options.lateCopies = false;
    EXPECT_EQ(run(late, problem), run(eager, problem));
}

// A wait that leaves one group too many under way reads what shared memory held before: NaN at first.
TEST_P(TensorGemm, AMissingWaitShows) {
    const Problem problem(64, 64, 160);
    Machine late = load(), eager = load();
    eager.options.lateCopies = false;
    const std::vector<float> right = run(late, problem);
    EXPECT_NE(run(late, problem, nullptr, "gemm_bf16_waits_too_little"), right);
    EXPECT_EQ(run(eager, problem, nullptr, "gemm_bf16_waits_too_little"), right);
}

TEST_P(TensorGemm, Counters) {
    const Problem problem(128, 64, 96);
    Machine machine = load();
    Counters counters;
    run(machine, problem, &counters);
    EXPECT_EQ(counters.matrixFlop, u64{2} * problem.m * problem.n * problem.k);
    // Every tile once: A and B of 64 x 32 BF16 for each of two blocks and three steps, all sectors whole.
    EXPECT_EQ(counters.globalLoads.bytes, 2u * 3 * 2 * 64 * 32 * 2);
    EXPECT_EQ(counters.globalLoads.sectorBytes(), counters.globalLoads.bytes);
    EXPECT_EQ(counters.sharedLoads.excessWavefronts(), 0u);
    EXPECT_EQ(counters.sharedStores.excessWavefronts(), 0u);
    // Eight mma, two and two ldmatrix of a warp for each of six parts of k, eight warps.
    EXPECT_EQ(counters.instructions(InstructionClass::MATRIX), 8u * 6 * 12 * 32);
}

TEST_P(TensorGemm, HasNoRaces) {
    const Problem problem(64, 64, 160);
    Machine machine = load();
    machine.options.races = true;
    for (const Schedule schedule : {Schedule::FORWARD, Schedule::REVERSE, Schedule::RANDOM}) {
        machine.options.schedule = schedule;
        run(machine, problem);
    }
}

}  // namespace
}  // namespace quern::emulator
