// The committed PTX of rooms: what nvcc makes, on a kernel whose result is known bit by bit.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

std::string ptxOf(const std::string& arch, const std::string& room) {
    std::ifstream file(std::string(QUERN_PTX) + "/" + arch + "/" + room + ".ptx");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

class Room : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Targets, Room, testing::Values("compute_75", "compute_80"));

TEST_P(Room, LionInFp32IsExactAndMovesEachSectorOnce) {
    Bench bench;
    bench.module = Module::load(ptxOf(GetParam(), "lion"), bench.device, bench.memory);
    const std::int64_t count = 1 << 18;
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    const auto draw = [&] {
        std::vector<float> values(static_cast<std::size_t>(count));
        for (float& value : values) value = normal(random);
        return values;
    };
    const auto parameter = draw();
    const auto momentum = draw();
    const auto gradient = draw();
    const std::uint64_t p = bench.upload(parameter);
    const std::uint64_t m = bench.upload(momentum);
    const std::uint64_t g = bench.upload(gradient);
    const std::uint64_t rates = bench.upload(std::vector<float>{1e-3F, 1e-4F, 0.1F, 0.01F});
    const LaunchResult result =
        bench.run("lion_step_fp32", {16, 1, 1}, {256, 1, 1}, 0, p, m, g, count, rates, 0.9F, 0.99F);
    ASSERT_TRUE(result.ok()) << result.report;
    const auto newParameter = bench.download<float>(p, parameter.size());
    const auto newMomentum = bench.download<float>(m, parameter.size());
    for (std::size_t i = 0; i < parameter.size(); i++) {
        const float c = std::fma(0.9F, momentum[i], 0.1F * gradient[i]);
        const float step = std::fabs(c) > 0 ? std::copysign(1e-3F, c) : c;
        ASSERT_EQ(newParameter[i], std::fma(-1e-4F, parameter[i], parameter[i]) - step) << i;
        ASSERT_EQ(newMomentum[i], std::fma(0.99F, momentum[i], 0.01F * gradient[i])) << i;
    }
    // Three arrays read and two written, 16 bytes a thread: 16 sectors a request. Each warp reads the four rates too.
    const std::uint64_t packs = static_cast<std::uint64_t>(count) / 4 / 32;
    const std::uint64_t warps = 16 * 8;
    EXPECT_EQ(result.counters.globalStores.requests, 2 * packs);
    EXPECT_EQ(result.counters.globalStores.sectors, 2 * packs * 16);
    EXPECT_EQ(result.counters.globalStores.bytes, result.counters.globalStores.sectorBytes());
    EXPECT_EQ(result.counters.globalLoads.requests, 3 * packs + warps);
    EXPECT_EQ(result.counters.globalLoads.sectors, 3 * packs * 16 + warps);
    EXPECT_EQ(result.counters.divergentBranches, 0U);
}

TEST_P(Room, EveryCommittedFileLoads) {
    Bench bench;
    for (const char* room : {"lion", "rope"}) {
        bench.module = Module::load(ptxOf(GetParam(), room), bench.device, bench.memory);
        EXPECT_FALSE(bench.module->kernels().empty()) << room;
    }
}

}  // namespace
}  // namespace quern::emulator::test
