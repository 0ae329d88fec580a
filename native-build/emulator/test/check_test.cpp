// What goes wrong in kernels is found, and said in words that lead to it.
#include <gtest/gtest.h>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

/// k(address): one 4-byte store a thread at address + 4 * tid.
const std::string STORE = R"(
.visible .entry store(.param .u64 at) {
    .reg .b64 %rd<4>; .reg .b32 %r<4>;
    ld.param.u64 %rd0, [at]; mov.u32 %r0, %tid.x; mad.wide.u32 %rd0, %r0, 4, %rd0; st.global.u32 [%rd0], %r0; ret;
})";

LaunchResult runOnce(const std::string& code, std::uint32_t threads = 32, Options options = {},
                     std::uint32_t shared = 0) {
    Bench bench;
    bench.options = options;
    bench.load(
        ".visible .entry k() {\n.reg .b64 %rd<8>; .reg .b32 %r<8>; .reg .pred %p<8>;\nmov.u32 %r0, "
        "%tid.x;\n" +
        code + "\nret;\n}");
    return bench.run("k", {}, {threads, 1, 1}, shared);
}

void expectIn(const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts)
        EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

TEST(Check, OneElementTooFarNamesThreadAddressAllocationAndLine) {
    Bench bench;
    bench.load(STORE);
    const std::uint64_t at = bench.memory.allocate(4 * 100);
    EXPECT_TRUE(bench.run("store", {}, {100, 1, 1}, 0, at).ok());
    const LaunchResult result = bench.run("store", {}, {128, 1, 1}, 0, at);
    EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_ADDRESS);
    EXPECT_EQ(result.address, at + 400);
    EXPECT_EQ(result.thread.x, 100U);
    EXPECT_EQ(result.line, 7);
    expectIn(result.report,
             {"kernel store", "block (0,0,0)", "thread (100,0,0)", "store of 4 bytes", "out of bounds",
              "0 bytes behind the end of device memory #1 of 400 bytes", "PTX line 7", "st.global.u32"});
}

TEST(Check, BeforeTheBeginningAndNull) {
    Bench bench;
    bench.load(STORE);
    const std::uint64_t at = bench.memory.allocate(400);
    expectIn(bench.run("store", {}, {32, 1, 1}, 0, at - 8).report, {"8 bytes before device memory #1"});
    EXPECT_EQ(bench.run("store", {}, {32, 1, 1}, 0, std::uint64_t{0}).status, LaunchStatus::ILLEGAL_ADDRESS);
    EXPECT_EQ(bench.run("store", {}, {32, 1, 1}, 0, ~std::uint64_t{3}).status, LaunchStatus::ILLEGAL_ADDRESS);
}

TEST(Check, FreedMemoryIsToldApart) {
    Bench bench;
    bench.load(STORE);
    const std::uint64_t at = bench.memory.allocate(400);
    bench.memory.free(at);
    const LaunchResult result = bench.run("store", {}, {32, 1, 1}, 0, at);
    EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_ADDRESS);
    expectIn(result.report, {"freed memory", "0 bytes into freed device memory #1 of 400 bytes"});
}

TEST(Check, MisalignedAccess) {
    Bench bench;
    bench.load(STORE);
    const LaunchResult result = bench.run("store", {}, {32, 1, 1}, 0, bench.memory.allocate(400) + 2);
    EXPECT_EQ(result.status, LaunchStatus::MISALIGNED_ADDRESS);
    expectIn(result.report, {"thread (0,0,0)", "misaligned, not a multiple of 4"});
}

TEST(Check, TheFaultyLaneOfACoalescedAccess) {
    Bench bench;
    bench.load(STORE);
    EXPECT_EQ(bench.run("store", {}, {32, 1, 1}, 0, bench.memory.allocate(4 * 31)).thread.x, 31U);
}

TEST(Check, BoundsOfSharedLocalAndParameterMemory) {
    expectIn(runOnce(".shared .align 4 .b8 s[64]; mov.u32 %r1, s; mad.lo.u32 %r1, %r0, 4, %r1; st.shared.u32 "
                     "[%r1], %r0;")
                 .report,
             {"thread (16,0,0)", "shared store of 4 bytes at offset 0x40", "there are 64 bytes"});
    expectIn(runOnce(".local .align 4 .b8 l[16]; mov.u64 %rd0, l; ld.local.u32 %r1, [%rd0+16];").report,
             {"local load", "offset 0x10"});
    expectIn(runOnce("mov.u64 %rd0, 0; ld.param.u32 %r1, [%rd0];").report,
             {"parameter load", "there are 0 bytes"});
    EXPECT_TRUE(runOnce(".shared .align 4 .b8 s[64]; mov.u32 %r1, s; mad.lo.u32 %r1, %r0, 4, %r1; "
                        "st.shared.u32 [%r1], %r0;",
                        32, {}, 64)
                    .ok());
}

TEST(Check, BoundsOfConstantVariables) {
    Bench bench;
    bench.load(
        ".const .u32 c[2] = {1, 2};\n.visible .entry k() { .reg .b32 %r; ld.const.u32 %r, [c+8]; ret; }");
    expectIn(bench.run("k", {}, {1, 1, 1}, 0).report, {"behind the end of constant variable c"});
}

TEST(Check, BarrierThatPartOfAWarpReaches) {
    const LaunchResult result =
        runOnce("setp.lt.u32 %p0, %r0, 16; @%p0 bra A; bar.sync 0; bra E;\nA: bar.sync 0;\nE:");
    EXPECT_EQ(result.status, LaunchStatus::LAUNCH_FAILURE);
    expectIn(result.report,
             {"barrier that not all threads of the warp reach", "lanes 16-31 wait", "lanes 0-15 wait"});
}

TEST(Check, BarrierThatNotAllWarpsReach) {
    const LaunchResult result =
        runOnce("setp.lt.u32 %p0, %r0, 32; @%p0 bra A; bar.sync 1; bra E;\nA: bar.sync 2;\nE:", 64);
    EXPECT_EQ(result.status, LaunchStatus::LAUNCH_FAILURE);
    expectIn(result.report, {"deadlock", "warp 0", "warp 1"});
}

TEST(Check, CollectiveWhoseMembersNeverCome) {
    const LaunchResult result = runOnce(
        "setp.lt.u32 %p0, %r0, 16; @%p0 bra A; bar.warp.sync 0xffffffff; bra E;\nA: bar.warp.sync "
        "0xffffffff;\nE:");
    EXPECT_EQ(result.status, LaunchStatus::LAUNCH_FAILURE);
    expectIn(result.report, {"never come together"});
    expectIn(runOnce("bar.warp.sync 0x0000ffff;").report, {"not in its own member mask", "thread (16,0,0)"});
}

TEST(Check, EndlessLoopsEnd) {
    Options options;
    options.timeoutSeconds = 0.2;
    EXPECT_EQ(runOnce("L: bra L;", 32, options).status, LaunchStatus::LAUNCH_TIMEOUT);
    options.timeoutSeconds = 0;
    options.instructionBudget = 1'000'000;
    const LaunchResult result = runOnce("L: add.u32 %r1, %r1, 1; bra L;", 64, options);
    EXPECT_EQ(result.status, LaunchStatus::LAUNCH_TIMEOUT);
    expectIn(result.report, {"more than 1000000 warp instructions"});
}

TEST(Check, TrapNamesItsThread) {
    const LaunchResult result = runOnce("setp.eq.u32 %p0, %r0, 5; @%p0 trap;");
    EXPECT_EQ(result.status, LaunchStatus::LAUNCH_FAILURE);
    EXPECT_EQ(result.thread.x, 5U);
}

TEST(Check, LaunchesThatDoNotFitRunNothing) {
    Bench bench;
    bench.load(STORE +
               "\n.visible .entry small() .maxntid 64, 1, 1\n{ ret; }\n.visible .entry exact() .reqntid 32, "
               "2, 1\n{ ret; }");
    EXPECT_EQ(bench.run("small", {}, {65, 1, 1}, 0).status, LaunchStatus::INVALID_CONFIGURATION);
    EXPECT_EQ(bench.run("exact", {}, {64, 1, 1}, 0).status, LaunchStatus::INVALID_CONFIGURATION);
    EXPECT_TRUE(bench.run("exact", {}, {32, 2, 1}, 0).ok());
    EXPECT_EQ(bench.run("small", {}, {32, 1, 1}, 200 * 1024).status, LaunchStatus::INVALID_CONFIGURATION);
    EXPECT_EQ(bench.run("small", {1, 65536, 1}, {32, 1, 1}, 0).status, LaunchStatus::INVALID_CONFIGURATION);
    EXPECT_EQ(bench.run("small", {0, 1, 1}, {32, 1, 1}, 0).status, LaunchStatus::INVALID_CONFIGURATION);
    expectIn(bench.run("store", {}, {32, 1, 1}, 0).report, {"0 bytes of parameters: the kernel takes 8"});
    bench.cooperative = true;
    expectIn(bench.run("small", {100000, 1, 1}, {32, 1, 1}, 0).report, {"the device holds 3456 at once"});
}

TEST(Check, ACooperativeLaunchWithoutMemoryToSynchroniseAtRunsNothing) {
    const DeviceModel device = *DeviceModel::of(80);
    DeviceMemory memory({.totalBytes = 4096});
    const std::shared_ptr<Module> module = Module::load(HEADER + STORE, device, memory);
    LaunchConfig config;
    std::uint64_t at = memory.allocate(memory.freeBytes());
    config.parameters = std::as_bytes(std::span(&at, 1));
    config.cooperative = true;
    const Kernel& kernel = *module->findKernel("store");
    const LaunchResult refused = launch(kernel, config, device, memory, {});
    EXPECT_EQ(refused.status, LaunchStatus::OUT_OF_MEMORY);
    expectIn(refused.report, {"store", "64 bytes of device memory"});
    EXPECT_EQ(refused.counters, Counters{});
    EXPECT_EQ(memory.free(at), FreeStatus::FREED);
    at = memory.allocate(1024);
    EXPECT_TRUE(launch(kernel, config, device, memory, {}).ok());
    EXPECT_EQ(memory.freeBytes(), 4096U - 1024) << "the workspace is given back";
}

/// Of each pair of accesses the check remembers lines of whole warps, and parts them where somebody looks at one word.
LaunchResult raced(const std::string& code, std::uint32_t blocks, std::uint32_t threads = 32) {
    Bench bench;
    bench.options.races = true;
    bench.load(
        ".visible .entry k(.param .u64 at) {\n.reg .b64 %rd<8>; .reg .b32 %r<8>; .reg .pred %p<8>;\n"
        "ld.param.u64 %rd0, [at]; mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; mad.wide.u32 %rd1, %r0, 4, "
        "%rd0;\n"
        "mad.wide.u32 %rd4, %r0, 16, %rd0; setp.eq.u32 %p0, %r1, 0; xor.b32 %r2, %r0, 32;\n"
        "mad.wide.u32 %rd2, %r2, 4, %rd0;\n" +
        code + "\nret;\n}");
    const std::uint64_t at = bench.upload(std::vector<std::uint32_t>(1024));
    bench.run("k", {1, 1, 1}, {threads, 1, 1}, 0, at);  // what an earlier launch did races with nothing
    return bench.run("k", {blocks, 1, 1}, {threads, 1, 1}, 0, at);
}

TEST(Check, RacesOfWholeWarps) {
    const std::string store = "st.global.u32 [%rd1], %r1;", load = "ld.global.u32 %r3, [%rd1];";
    EXPECT_TRUE(raced(store, 1).ok());
    EXPECT_TRUE(raced(load, 3).ok());
    EXPECT_TRUE(raced(store + load, 1).ok());
    // Of blocks of 64 threads, each warp loads what the other stored.
    const std::string other = "ld.global.u32 %r3, [%rd2];";
    EXPECT_TRUE(raced(store + "bar.sync 0;" + other, 1, 64).ok());
    EXPECT_TRUE(raced(other + "bar.sync 0;" + store, 1, 64).ok());
    expectIn(raced(store + other, 1, 64).report, {"thread (32,0,0)", "thread (0,0,0)"});
    expectIn(raced(other + store, 1, 64).report, {"thread (32,0,0)", "thread (0,0,0)"});
    expectIn(raced(store, 2).report, {"block (1,0,0)", "The other: block (0,0,0), thread (0,0,0)"});
    expectIn(raced(load + "@!%p0 " + store, 2).report, {"block (1,0,0)", "The other: block (0,0,0)"});
    expectIn(raced(load + "@!%p0 " + store, 3).report, {"block (1,0,0)", "The other: block (0,0,0)"});
}

TEST(Check, RacesOfOneLaneWithAWholeWarp) {
    const std::string lane = "setp.eq.u32 %p1, %r0, 0; @%p0 bra END; @%p1 ld.global.u32 %r3, [%rd0+36]; END:";
    // Word 9 of the line is that of thread 9, or where each thread stores four, of thread 2.
    expectIn(raced("@%p0 st.global.u32 [%rd1], %r0;" + lane, 2).report,
             {"block (1,0,0), thread (0,0,0)", "The other: block (0,0,0), thread (9,0,0)"});
    expectIn(raced("@%p0 st.global.v4.u32 [%rd4], {%r0, %r0, %r0, %r0};" + lane, 2).report,
             {"block (1,0,0), thread (0,0,0)", "The other: block (0,0,0), thread (2,0,0)"});
    // Two words a thread after one word a thread, of the same block: other threads'.
    expectIn(raced("st.global.u32 [%rd1], %r0; ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd4];", 1).report,
             {"thread (0,0,0)"});
}

TEST(Check, OfManyFaultyBlocksTheFirstIsReported) {
    Bench bench;
    bench.options.threads = 1;
    bench.load(
        ".visible .entry k() { .reg .b32 %r; .reg .pred %p; mov.u32 %r, %ctaid.x; setp.ge.u32 %p, %r, 7; @%p "
        "trap; ret; }");
    EXPECT_EQ(bench.run("k", {100, 1, 1}, {32, 1, 1}, 0).block.x, 7U);
}

}  // namespace
}  // namespace quern::emulator::test
