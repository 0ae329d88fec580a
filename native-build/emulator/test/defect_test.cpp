// Seeded defects: of each pair of kernels in defects/*.cu the wrong one is found by name, and the right one raises no
// alarm and leaves the same bits, both under every schedule.
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <sstream>

#include "schedules.hpp"
#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

using Words = std::vector<std::int32_t>;

constexpr std::uint32_t BLOCKS = 4, THREADS = 64, UNWRITTEN = 256;

std::string ptxOf(const std::string& file) {
    std::ifstream in(std::string(QUERN_DEFECTS) + "/compute_80/" + file + ".ptx");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

struct Outcome {
    LaunchResult result;
    Words words;
};

Outcome runKernel(const std::string& file, const std::string& kernel, const Options& options) {
    Bench bench;
    bench.options = options;
    bench.memory.followInitialisation(true);
    bench.module = Module::load(ptxOf(file), bench.device, bench.memory);
    Words in(BLOCKS * THREADS + 1);
    std::iota(in.begin(), in.end(), 1);
    const std::uint64_t out = bench.upload(Words(4 * BLOCKS * THREADS));
    const Words zeros(2 * BLOCKS * THREADS);
    const std::uint64_t common = bench.memory.allocate(4 * (zeros.size() + UNWRITTEN));
    std::memcpy(reinterpret_cast<void*>(common), zeros.data(), 4 * zeros.size());
    bench.memory.markInitialised(common, 4 * zeros.size());
    Outcome outcome;
    outcome.result = bench.run(kernel, {BLOCKS, 1, 1}, {THREADS, 1, 1}, 0, bench.upload(in), out, common);
    outcome.words = bench.download<std::int32_t>(out, 4 * BLOCKS * THREADS);
    const Words rest = bench.download<std::int32_t>(common, 2 * BLOCKS * THREADS);
    outcome.words.insert(outcome.words.end(), rest.begin(), rest.end());
    return outcome;
}

Options allChecks() {
    Options options;
    options.races = options.uninitialised = true;
    options.timeoutSeconds = 20;
    return options;
}

struct Defect {
    const char* file;
    const char* pair;
    const char* found;  // in the report of the wrong one
};

void PrintTo(const Defect& defect, std::ostream* out) { *out << defect.pair; }

class Defects : public testing::TestWithParam<Defect> {};

TEST_P(Defects, WrongIsFound) {
    const Defect& defect = GetParam();
    for (const NamedOptions& schedule : everySchedule(allChecks())) {
        const Outcome outcome = runKernel(defect.file, std::string(defect.pair) + "_wrong", schedule.options);
        EXPECT_NE(outcome.result.report.find(defect.found), std::string::npos)
            << schedule.name << ": '" << defect.found << "' is not in: " << outcome.result.report;
        EXPECT_NE(outcome.result.report.find(std::string(defect.file) + ".cu:"), std::string::npos)
            << outcome.result.report;
    }
}

TEST_P(Defects, RightRaisesNoAlarm) {
    const Defect& defect = GetParam();
    expectSameUnderEverySchedule<Words>(allChecks(), [&](const Options& options) {
        const Outcome outcome = runKernel(defect.file, std::string(defect.pair) + "_right", options);
        EXPECT_TRUE(outcome.result.ok()) << outcome.result.report;
        return outcome.words;
    });
}

INSTANTIATE_TEST_SUITE_P(Order, Defects,
                         testing::Values(Defect{"order", "exchange_block", "data race: shared"},
                                         Defect{"order", "exchange_warp", "data race: shared"},
                                         Defect{"order", "exchange_by_syncwarp", "data race: shared"},
                                         Defect{"order", "tree_sum", "data race: shared"},
                                         Defect{"order", "reuse_tile", "data race: shared"},
                                         Defect{"order", "count_shared", "data race: shared"},
                                         Defect{"order", "count_global", "data race: global"},
                                         Defect{"order", "count_in_scope", "data race: global atomic access"},
                                         Defect{"order", "overlap", "data race: global store"},
                                         Defect{"order", "in_place", "data race: global"},
                                         Defect{"order", "last_block_fence", "data race: global load"},
                                         Defect{"order", "last_block_scope", "data race: global load"},
                                         Defect{"order", "last_block_all", "data race: global load"},
                                         Defect{"order", "wait_for_flag", "data race: global"},
                                         Defect{"order", "publish", "data race: global"},
                                         Defect{"order", "receive", "data race: global"},
                                         Defect{"order", "lock_release", "data race: global"},
                                         Defect{"order", "look_back", "data race: global"},
                                         Defect{"order", "named_barrier", "data race: shared"},
                                         Defect{"order", "two_steps", "data race: global"},
                                         Defect{"order", "raise_flag", "data race: global store"},
                                         Defect{"order", "swap_loop", "data race: global"},
                                         Defect{"order", "bytes", "data race: shared store of 1 byte"}),
                         [](const auto& info) { return std::string(info.param.pair); });

INSTANTIATE_TEST_SUITE_P(
    Value, Defects,
    testing::Values(Defect{"value", "branch_on_shared", "an uninitialised value decides"},
                    Defect{"value", "address_from_global", "an uninitialised value decides an address"},
                    Defect{"value", "long_way", "an uninitialised value decides"},
                    Defect{"value", "padding", "an uninitialised value decides"},
                    Defect{"value", "counter_not_zeroed", "an uninitialised value decides"},
                    Defect{"value", "shuffle_from_exited", "an uninitialised value decides"},
                    Defect{"value", "wrong_mask", "not in its own member mask"},
                    Defect{"value", "absent_lanes", "never come together"},
                    Defect{"value", "divergent_barrier", "not all threads of the warp reach"},
                    Defect{"value", "two_barriers", "deadlock"},
                    Defect{"value", "off_by_one", "0 bytes behind the end of device memory"},
                    Defect{"value", "beyond_shared",
                           "shared store of 4 bytes at offset 0x100: out of bounds"},
                    Defect{"value", "misaligned", "misaligned, not a multiple of 16"}),
    [](const auto& info) { return std::string(info.param.pair); });

INSTANTIATE_TEST_SUITE_P(
    Pipeline, Defects,
    testing::Values(Defect{"pipeline", "copy_without_wait", "an uninitialised value decides"},
                    Defect{"pipeline", "copy_without_commit", "an uninitialised value decides"},
                    Defect{"pipeline", "too_many_pending", "an uninitialised value decides"},
                    Defect{"pipeline", "refilled_too_early", "data race: shared"},
                    Defect{"pipeline", "mbarrier_wait", "kernel mbarrier_wait_wrong"},
                    Defect{"pipeline", "mbarrier_count", "kernel mbarrier_count_wrong"},
                    Defect{"pipeline", "mbarrier_arrive", "data race: shared"},
                    Defect{"pipeline", "matrix_without_barrier", "data race: shared"},
                    Defect{"pipeline", "undefined_rows", "an uninitialised value decides"},
                    Defect{"pipeline", "undefined_accumulator", "an uninitialised value decides"},
                    Defect{"pipeline", "through_local", "an uninitialised value decides"},
                    Defect{"pipeline", "through_recursion", "an uninitialised value decides"}),
    [](const auto& info) { return std::string(info.param.pair); });

/// The order of a fragment's registers is in no rule that could be checked: the product is wrong.
TEST(FragmentOrder, WrongGivesAnotherProduct) {
    Words expected(128);
    for (int row = 0; row < 16; row++) {
        for (int column = 0; column < 8; column++) {
            for (int k = 0; k < 16; k++) {
                const int a = ((16 * row + k) % 61 + 1) % 5, b = ((16 * k + column) % 53 + 1) % 7;
                expected[static_cast<std::size_t>(8 * row + column)] += a * b;
            }
        }
    }
    const auto product = [](const char* kernel, bool truncating) {
        Options options = allChecks();
        options.truncatingMatrix = truncating;
        Words words = runKernel("pipeline", kernel, options).words;
        words.resize(128);
        return words;
    };
    for (const bool truncating : {false, true}) {
        EXPECT_EQ(product("fragment_order_right", truncating), expected);
        EXPECT_NE(product("fragment_order_wrong", truncating), expected);
    }
}

/// What no order of accesses shows, since all of them are volatile: with late stores the flag comes before the values.
TEST(LateStores, VolatileWithoutFenceGivesWrongValues) {
    Options options = allChecks();
    const Words right = runKernel("value", "volatile_without_fence_right", options).words;
    int different = 0;
    options.lateStores = true;
    options.schedule = Schedule::PREEMPT;
    for (options.seed = 1; options.seed <= 8; options.seed++) {
        EXPECT_EQ(runKernel("value", "volatile_without_fence_right", options).words, right) << options.seed;
        different += runKernel("value", "volatile_without_fence_wrong", options).words != right ? 1 : 0;
    }
    EXPECT_GT(different, 0);
}

}  // namespace
}  // namespace quern::emulator::test
