#include "memory/device_memory.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace quern::emulator {
namespace {

constexpr std::uint64_t GIB = std::uint64_t{1} << 30;

TEST(DeviceMemory, AlignsTo256AndNoMore) {
    DeviceMemory memory;
    for (std::uint64_t bytes : {1, 256, 4096, 65536, 1 << 20}) {
        const std::uint64_t address = memory.allocate(bytes);
        ASSERT_NE(address, 0U);
        EXPECT_EQ(address % 256, 0U);
        EXPECT_NE(address % 512, 0U);
        std::memset(reinterpret_cast<void*>(address), 1, bytes);
    }
}

TEST(DeviceMemory, FindsTheAllocationOfAnAddressAndNothingBesideIt) {
    DeviceMemory memory;
    const std::uint64_t a = memory.allocate(1000);
    const std::uint64_t b = memory.allocate(200000);
    for (std::uint64_t address : {a, a + 999}) EXPECT_EQ(memory.find(address)->base, a);
    for (std::uint64_t address : {b, b + 65536, b + 199999}) EXPECT_EQ(memory.find(address)->base, b);
    for (std::uint64_t address : {a - 1, a + 1000, b - 1, b + 200000, std::uint64_t{0}, ~std::uint64_t{0}}) {
        EXPECT_EQ(memory.find(address), nullptr) << address;
    }
    EXPECT_NE(memory.findLive(a + 996, 4), nullptr);
    EXPECT_EQ(memory.findLive(a + 997, 4), nullptr);
    EXPECT_EQ(memory.nearest(a + 1004)->base, a);
    EXPECT_EQ(memory.nearest(b - 4)->base, b);
}

TEST(DeviceMemory, FreedMemoryStaysKnownAndIsNotGivenOutAgain) {
    DeviceMemory memory;
    const std::uint64_t a = memory.allocate(4096);
    EXPECT_EQ(memory.free(a + 256), FreeStatus::NOT_ALLOCATED);
    EXPECT_EQ(memory.free(a), FreeStatus::FREED);
    EXPECT_EQ(memory.free(a), FreeStatus::ALREADY_FREED);
    EXPECT_TRUE(memory.find(a)->freed);
    EXPECT_EQ(memory.findLive(a, 1), nullptr);
    for (int i = 0; i < 1000; i++) EXPECT_NE(memory.allocate(4096), a);
    EXPECT_TRUE(memory.find(a)->freed);
}

TEST(DeviceMemory, GivesAddressesOutAgainOnceAllAreUsed) {
    DeviceMemory memory({.totalBytes = 64 * GIB, .addressBytes = GIB, .fillBytes = 0});
    for (int i = 0; i < 64; i++) {
        const std::uint64_t address = memory.allocate(GIB / 8);
        ASSERT_NE(address, 0U) << i;
        std::memset(reinterpret_cast<void*>(address), 1, 4096);
        EXPECT_FALSE(memory.find(address)->freed);
        EXPECT_EQ(memory.free(address), FreeStatus::FREED);
    }
}

TEST(DeviceMemory, HoldsSparseAllocationsLargerThanTheMachine) {
    DeviceMemory memory({.totalBytes = 256 * GIB});
    const std::uint64_t address = memory.allocate(200 * GIB);
    if (address == 0) FAIL() << "200 GiB of sparse memory are refused";
    char* bytes = reinterpret_cast<char*>(address);
    bytes[0] = 1;
    bytes[200 * GIB - 1] = 2;
    EXPECT_EQ(memory.find(address + 150 * GIB)->base, address);
    EXPECT_EQ(bytes[100 * GIB], 0);
}

TEST(DeviceMemory, CountsWhatIsUsedAndRefusesMoreThanThereIs) {
    DeviceMemory memory({.totalBytes = 1000});
    EXPECT_EQ(memory.allocate(0), 0U);
    EXPECT_EQ(memory.allocate(1001), 0U);
    const std::uint64_t a = memory.allocate(600);
    EXPECT_EQ(memory.freeBytes(), 400U);
    EXPECT_EQ(memory.allocate(401), 0U);
    memory.free(a);
    EXPECT_EQ(memory.freeBytes(), 1000U);
}

TEST(DeviceMemory, ListsLiveAllocations) {
    DeviceMemory memory;
    const std::uint64_t a = memory.allocate(10);
    const std::uint64_t b = memory.allocate(20, AllocationKind::MODULE_GLOBAL, "table");
    const std::uint64_t c = memory.allocate(30);
    memory.free(a);
    ASSERT_EQ(memory.live().size(), 2U);
    EXPECT_EQ(memory.live()[0]->base, b);
    EXPECT_EQ(memory.live()[0]->label, "table");
    ASSERT_EQ(memory.live(AllocationKind::DEVICE).size(), 1U);
    EXPECT_EQ(memory.live(AllocationKind::DEVICE)[0]->base, c);
}

TEST(DeviceMemory, KnowsRegisteredHostMemory) {
    DeviceMemory memory;
    std::vector<char> host(1000);
    const std::uint64_t base = reinterpret_cast<std::uint64_t>(host.data());
    EXPECT_TRUE(memory.registerHost(base, 1000));
    EXPECT_FALSE(memory.registerHost(base + 10, 10));
    EXPECT_EQ(memory.find(base + 999)->base, base);
    EXPECT_EQ(memory.find(base + 1000), nullptr);
    EXPECT_TRUE(memory.unregisterHost(base));
    EXPECT_FALSE(memory.unregisterHost(base));
    EXPECT_EQ(memory.findLive(base, 1), nullptr);
    EXPECT_TRUE(memory.registerHost(base, 500));
    EXPECT_EQ(memory.findLive(base, 500)->bytes, 500U);
}

}  // namespace
}  // namespace quern::emulator
