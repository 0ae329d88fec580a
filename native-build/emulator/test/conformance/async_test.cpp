// cp.async: what a thread copies lands when it waits for it and not before, and from the source as it is then.
#include <numeric>

#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

// 4096 bytes of shared memory, and %s: this thread's 16 of them. %x0: its 16 bytes of input.
const std::string SHARED = ".shared .align 16 .b8 buffer[4096];\n";
const std::string PLACES =
    "mov.u32 %r31, buffer; mad.lo.u32 %s, %t, 16, %r31; mul.wide.u32 %x0, %i, 16; add.u64 %x0, %x0, %in;\n"
    "st.shared.v4.u32 [%s], {7, 7, 7, 7};\n";

std::string kernel(const std::string& body) {
    return SHARED + threadKernel(".reg .b32 %s;\n" + PLACES + body, 4);
}

std::vector<u32> numbers(std::size_t count) {
    std::vector<u32> values(count);
    std::iota(values.begin(), values.end(), 1000);
    return values;
}

/// What each of `threads` threads stored.
std::vector<u32> results(const std::string& body, bool late, u32 threads = 32) {
    Machine machine(kernel(body));
    machine.options.lateCopies = late;
    const u64 out = machine.allocate<u32>(threads);
    machine.run("test", {1}, {threads}, {out, machine.upload(numbers(4 * threads))});
    return machine.download<u32>(out, threads);
}

LaunchResult failure(const std::string& body, u32 threads = 32) {
    Machine machine(kernel(body));
    const u64 out = machine.allocate<u32>(threads);
    return machine.launch("test", {1}, {threads}, {out, machine.upload(numbers(4 * threads))});
}

TEST(AsyncCopy, LandsWhenItIsWaitedFor) {
    const std::string copy = "cp.async.ca.shared.global [%s], [%x0], 4;";
    const std::string look = "ld.shared.u32 %r0, [%s]; mad.lo.u32 %d, %d, 10000, %r0;";
    const std::vector<std::pair<std::string, std::string>> waits = {
        {"cp.async.commit_group;", "cp.async.wait_group 0;"},
        {"cp.async.commit_group;", "cp.async.wait_all;"},
        {"", "cp.async.wait_all;"},
        // An empty group after it makes no difference, nor does a wait for all but two of two groups.
        {"cp.async.commit_group; cp.async.commit_group; cp.async.wait_group 2;", "cp.async.wait_group 1;"},
    };
    for (const auto& [commit, wait] : waits) {
        const std::string body = "mov.u32 %d, 0;" + copy + look + commit + look + "bar.sync 0;" + wait + look;
        for (bool late : {true, false}) {
            expectThreads(
                results(body, late),
                [&](u32 i) {
                    const u32 landed = 1000 + 4 * i, before = late ? 7 : landed;
                    return (before * 10000 + before) * 10000 + landed;
                },
                commit + wait + (late ? " late" : " eager"));
        }
    }
}

// A group that is not committed is none that wait_group waits for.
TEST(AsyncCopy, WaitGroupDoesNotWaitForWhatIsInNoGroup) {
    const std::string body =
        "cp.async.ca.shared.global [%s], [%x0], 4; cp.async.wait_group 0; ld.shared.u32 %d, [%s];";
    expectThreads(results(body, true), [](u32) { return 7; });
}

TEST(AsyncCopy, ReadsItsSourceWhenItLands) {
    const std::string body =
        "cp.async.ca.shared.global [%s], [%x0], 4; cp.async.commit_group; st.global.u32 [%x0], 5;"
        "cp.async.wait_group 0; ld.shared.u32 %d, [%s];";
    expectThreads(
        results(body, true), [](u32) { return 5; }, "late");
    expectThreads(
        results(body, false), [](u32 i) { return 1000 + 4 * i; }, "eager");
}

TEST(AsyncCopy, GroupsLandFromTheOldest) {
    std::string body;
    for (int g = 0; g < 4; g++) {
        const std::string at = std::to_string(4 * g);
        body += "cp.async.ca.shared.global [%s+" + at + "], [%x0+" + at + "], 4; cp.async.commit_group;";
    }
    // After each wait, a bit for each group that has landed.
    body += "mov.u32 %d, 0;";
    for (int pending : {4, 3, 2, 1, 0}) {
        body += "cp.async.wait_group " + std::to_string(pending) + ";";
        for (int g = 3; g >= 0; g--) {
            body += "ld.shared.u32 %r0, [%s+" + std::to_string(4 * g) +
                    "]; setp.ne.u32 %p0, %r0, 7; selp.u32 %r1, 1, 0, %p0; mad.lo.u32 %d, %d, 2, %r1;";
        }
    }
    expectThreads(results(body, true), [](u32) { return 0b0000'0001'0011'0111'1111; });
}

// Groups are each thread's own: here thread t makes a second group only where t is odd.
TEST(AsyncCopy, ThreadsOfAWarpHaveGroupsOfTheirOwn) {
    const std::string body =
        "cp.async.ca.shared.global [%s], [%x0], 4; cp.async.commit_group;"
        "and.b32 %r2, %t, 1; setp.eq.u32 %p1, %r2, 1;"
        "@%p1 cp.async.ca.shared.global [%s+4], [%x0+4], 4; @%p1 cp.async.commit_group;"
        "cp.async.wait_group 1; ld.shared.u32 %r0, [%s]; ld.shared.u32 %r1, [%s+4]; mad.lo.u32 %d, %r0, "
        "10000, %r1;";
    expectThreads(results(body, true), [](u32 i) { return (i % 2 == 1 ? 1000 + 4 * i : 7) * 10000 + 7; });
}

// Many rounds of a pipeline of three stages, of which one is always under way.
TEST(AsyncCopy, PipelinesThatNeverRunDry) {
    const std::string body = R"(
        mov.u32 %d, 0; mov.u32 %r1, 0;
        cp.async.ca.shared.global [%s], [%x0], 4; cp.async.commit_group;
    AGAIN:
        st.global.u32 [%x0+4], %r1;
        and.b32 %r2, %r1, 1; mul.lo.u32 %r2, %r2, 8; add.u32 %r3, %s, %r2;
        cp.async.ca.shared.global [%r3+4], [%x0+4], 4; cp.async.commit_group;
        cp.async.wait_group 1;
        st.global.u32 [%x0+4], 77777;
        add.u32 %r1, %r1, 1; setp.lt.u32 %p0, %r1, 1000; @%p0 bra AGAIN;
        cp.async.wait_all; ld.shared.u32 %d, [%s+12];)";
    // Every copy but the last lands in the next round, after the source holds that round's number; the last sees 77777.
    expectThreads(results(body, true), [](u32) { return 77777; });
}

TEST(AsyncCopy, SizesAndZeros) {
    for (const int size : {4, 8, 16}) {
        for (int source = -1; source <= size; source++) {
            for (const std::string cache : {"ca", "cg"}) {
                if (cache == "cg" && size != 16) continue;
                SCOPED_TRACE(cache + " " + std::to_string(size) + " of " + std::to_string(source));
                const std::string limit = source < 0 ? "" : ", " + std::to_string(source);
                const std::string body = "cp.async." + cache + ".shared.global.L2::128B [%s], [%x0], " +
                                         std::to_string(size) + limit +
                                         "; cp.async.wait_all; ld.shared.v4.u32 {%r0, %r1, %r2, %r3}, [%s];"
                                         "mad.lo.u32 %d, %r0, 31, %r1; mad.lo.u32 %d, %d, 31, %r2;"
                                         "mad.lo.u32 %d, %d, 31, %r3;";
                expectThreads(results(body, true), [&](u32 i) {
                    u32 words[4] = {7, 7, 7, 7};
                    const auto input = numbers(4 * 32);
                    std::memset(words, 0, size);
                    std::memcpy(words, &input[4 * i], source < 0 ? size : source);
                    return ((words[0] * 31 + words[1]) * 31 + words[2]) * 31 + words[3];
                });
            }
        }
    }
}

TEST(AsyncCopy, IgnoresTheSourceWhereAPredicateSaysSo) {
    const std::string body =
        "setp.lt.u32 %p0, %t, 5; selp.u64 %x0, 16, %x0, %p0;"
        "cp.async.cg.shared.global [%s], [%x0], 16, %p0; cp.async.wait_all; ld.shared.u32 %d, [%s];";
    expectThreads(results(body, true), [](u32 i) { return i < 5 ? 0 : 1000 + 4 * i; });
}

TEST(AsyncCopy, CachePoliciesChangeNothing) {
    const std::string body =
        "mov.b64 %x1, 0; cp.async.cg.shared::cta.global.L2::cache_hint.L2::256B [%s], [%x0], 16, %x1;"
        "cp.async.ca.shared.global.L2::cache_hint [%s+4], [%x0+4], 4, 0, %x1; cp.async.wait_all;"
        "ld.shared.u32 %r0, [%s]; ld.shared.u32 %r1, [%s+4]; add.u32 %d, %r0, %r1;";
    expectThreads(results(body, true), [](u32 i) { return 1000 + 4 * i; });
}

// Only what is read must be there: nothing of a wild address, 5 bytes of the last 5.
TEST(AsyncCopy, BytesThatAreNotReadNeedNotExist) {
    Machine machine(
        kernel("mov.u32 %r0, 5; cp.async.cg.shared.global [%s], [%in], 16, %r0;"
               "mov.b64 %x1, 64; cp.async.cg.shared.global [%s], [%x1], 16, 0;"
               "cp.async.wait_all; mov.u32 %d, 0;"));
    const u64 in = machine.upload(std::vector<u8>(16 * 65 + 5));
    const u64 out = machine.allocate<u32>(1);
    machine.run("test", {1}, {1}, {out, in + 16 * 65});
    const LaunchResult result = machine.launch("test", {1}, {1}, {out, in + 16 * 66});
    EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_ADDRESS);
}

TEST(AsyncCopy, LandsWhenItsThreadExits) {
    const std::string body = R"(
        setp.lt.u32 %p0, %t, 32;
        @%p0 cp.async.ca.shared.global [%s], [%x0], 4;
        @%p0 exit;
        bar.sync 0;
        ld.shared.u32 %d, [%s-512];)";
    Machine machine(kernel(body));
    const u64 out = machine.allocate<u32>(64);
    machine.run("test", {1}, {64}, {out, machine.upload(numbers(4 * 64))});
    const std::vector<u32> actual = machine.download<u32>(out, 64);
    for (u32 i = 32; i < 64; i++) EXPECT_EQ(actual[i], 1000 + 4 * (i - 32));
}

TEST(AsyncCopy, FaultsNameTheCopy) {
    struct Case {
        std::string copy;
        LaunchStatus status;
    };
    const Case cases[] = {
        {"cp.async.cg.shared.global [%s], [%x0+8192], 16;", LaunchStatus::ILLEGAL_ADDRESS},
        {"cp.async.cg.shared.global [%s+8192], [%x0], 16;", LaunchStatus::ILLEGAL_ADDRESS},
        {"cp.async.cg.shared.global [%s], [%x0+8], 16;", LaunchStatus::MISALIGNED_ADDRESS},
        {"cp.async.cg.shared.global [%s], [%x0+8], 16, 3;", LaunchStatus::MISALIGNED_ADDRESS},
        {"cp.async.ca.shared.global [%s+2], [%x0], 4;", LaunchStatus::MISALIGNED_ADDRESS},
        {"cp.async.ca.shared.global [%s], [%x0], 4, 5;", LaunchStatus::ILLEGAL_INSTRUCTION},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.copy);
        const LaunchResult result = failure("\n\n" + c.copy + "\n\n\ncp.async.wait_all; mov.u32 %d, 0;");
        EXPECT_EQ(result.status, c.status);
        EXPECT_NE(result.report.find(c.copy), std::string::npos) << result.report;
    }
}

// 32 copies of 16 bytes in a row: 16 sectors, 512 bytes, four passes through shared memory.
TEST(AsyncCopy, Counters) {
    Machine machine(kernel("cp.async.cg.shared.global [%s], [%x0], 16; cp.async.wait_all; mov.u32 %d, 0;"));
    const u64 out = machine.allocate<u32>(32);
    const LaunchResult result = machine.launch("test", {1}, {32}, {out, machine.upload(numbers(4 * 32))});
    ASSERT_TRUE(result.ok()) << result.report;
    EXPECT_EQ(result.counters.globalLoads, (SectorTraffic{1, 16, 512}));
    EXPECT_EQ(result.counters.sharedStores,
              (SharedTraffic{2, 8, 8, 2 * 512}));  // and the one before the copy
}

TEST(AsyncCopy, WrongFormsFailTheLoad) {
    for (const std::string text :
         {"cp.async.cg.shared.global [%s], [%x0], 8;", "cp.async.ca.shared.global [%s], [%x0], 2;",
          "cp.async.shared.global [%s], [%x0], 4;", "cp.async.ca.global.shared [%x0], [%s], 4;",
          "cp.async.wait_group;", "cp.async.wait_group -1;", "cp.async.commit_group 1;", "cp.async.wait;",
          "cp.async.ca.shared.global.L3::128B [%s], [%x0], 4;"}) {
        EXPECT_ANY_THROW(Machine(kernel(text))) << text;
    }
}

}  // namespace
}  // namespace quern::emulator
