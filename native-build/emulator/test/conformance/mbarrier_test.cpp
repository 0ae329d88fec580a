// mbarrier: arrivals, phases and waits, also for asynchronous copies; one that nobody completes ends with an error.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

std::string program(const std::string& body) {
    return ".shared .align 8 .b64 barrier;\n.shared .align 16 .b8 buffer[4096];\n" +
           threadKernel(
               ".reg .b32 %b, %s; .reg .b64 %state; .reg .pred %done, %first;\n"
               "mov.u32 %b, barrier; mov.u32 %r31, buffer; mad.lo.u32 %s, %t, 16, %r31;\n"
               "setp.eq.u32 %first, %t, 0; mov.u32 %d, 0;\n" +
                   body,
               4);
}

LaunchResult launchOf(const std::string& body, std::vector<u32>& results, u32 threads = 32,
                      Schedule schedule = Schedule::FORWARD) {
    Machine machine(program(body), 90);
    machine.options.schedule = schedule;
    std::vector<u32> input(4 * threads);
    for (u32 i = 0; i < input.size(); i++) input[i] = 1000 + i;
    const u64 out = machine.allocate<u32>(threads);
    const LaunchResult result = machine.launch("test", {1}, {threads}, {out, machine.upload(input)});
    results = machine.download<u32>(out, threads);
    return result;
}

std::vector<u32> resultsOf(const std::string& body, u32 threads = 32, Schedule schedule = Schedule::FORWARD) {
    std::vector<u32> results;
    const LaunchResult result = launchOf(body, results, threads, schedule);
    EXPECT_TRUE(result.ok()) << result.report;
    return results;
}

const std::string INIT = "@%first mbarrier.init.shared.b64 [%b], %r30; bar.sync 0;\n";
std::string init(const std::string& count) { return "mov.u32 %r30, " + count + ";" + INIT; }
std::string wait(const std::string& label, const std::string& what = "test_wait") {
    return label + ": mbarrier." + what + ".shared.b64 %done, [%b], %state; @!%done bra " + label + ";\n";
}

// Every warp writes, arrives, waits, and reads what the next warp wrote.
TEST(Mbarrier, OrdersThreadsOfABlock) {
    for (const Schedule schedule : {Schedule::FORWARD, Schedule::REVERSE, Schedule::RANDOM}) {
        for (const std::string what : {"test_wait", "try_wait"}) {
            const std::string body =
                init("%ntid.x") +
                "add.u32 %r0, %t, 500; st.shared.u32 [%s], %r0;"
                "mbarrier.arrive.shared.b64 %state, [%b];" +
                wait("WAIT", what) +
                "add.u32 %r1, %t, 32; rem.u32 %r1, %r1, %ntid.x; mad.lo.u32 %r1, %r1, 16, %r31;"
                "ld.shared.u32 %d, [%r1];";
            expectThreads(
                resultsOf(body, 128, schedule), [](u32 i) { return 500 + (i + 32) % 128; }, what);
        }
    }
}

TEST(Mbarrier, PhasesByParity) {
    // Ten phases; a thread that went ahead would find the counter of another phase.
    const std::string body = init("%ntid.x") + R"(
        mov.u32 %r0, 0; mov.u32 %r2, 0;
    PHASE:
        mbarrier.arrive.shared.b64 _, [%b];
        and.b32 %r1, %r0, 1;
    WAIT:
        mbarrier.test_wait.parity.shared.b64 %done, [%b], %r1;
        @!%done bra WAIT;
        atom.shared.add.u32 %r3, [%r31], 1;
        div.u32 %r3, %r3, %ntid.x; setp.eq.u32 %p0, %r3, %r0; selp.u32 %r3, 1, 0, %p0; add.u32 %d, %d, %r3;
        mbarrier.arrive.shared.b64 %state, [%b+8];
    WAIT2:
        mbarrier.try_wait.shared.b64 %done, [%b+8], %state, 1000;
        @!%done bra WAIT2;
        add.u32 %r0, %r0, 1; setp.lt.u32 %p0, %r0, 10; @%p0 bra PHASE;)";
    // The second barrier lies behind the first, in what the buffer begins with: use its end instead.
    std::string text = body;
    for (std::size_t at; (at = text.find("[%b+8]")) != std::string::npos;) text.replace(at, 6, "[%r31+4000]");
    const std::string second =
        "mov.u32 %r30, %ntid.x; @%first mbarrier.init.shared.b64 [%r31+4000], %r30; @%first st.shared.u32 "
        "[%r31], 0;";
    expectThreads(resultsOf(second + text, 96), [](u32) { return 10; });
}

TEST(Mbarrier, CountsOfAState) {
    const std::string body =
        init("9") +
        "mbarrier.arrive.noComplete.shared.b64 %state, [%b], 2;"
        "mbarrier.pending_count.b64 %r0, %state;"
        "mbarrier.arrive.shared.b64 %state, [%b]; mbarrier.pending_count.b64 %r1, %state;"
        "mbarrier.arrive.shared.b64 %state, [%b], 5; mbarrier.pending_count.b64 %r2, %state;"
        "mad.lo.u32 %d, %r0, 100, %r1; mad.lo.u32 %d, %d, 100, %r2;"
        "mbarrier.test_wait.shared.b64 %done, [%b], %state; selp.u32 %r3, 1, 0, %done;"
        "mad.lo.u32 %d, %d, 10, %r3;"
        "mbarrier.arrive.shared.b64 %state, [%b];"
        "mbarrier.test_wait.shared.b64 %done, [%b], %state; selp.u32 %r3, 1, 0, %done;"
        "mad.lo.u32 %d, %d, 10, %r3;";
    expectThreads(resultsOf(body, 1), [](u32) { return 9070601; });
}

// A thread that drops out is not waited for in later phases.
TEST(Mbarrier, Drops) {
    const std::string body =
        init("2") + "mbarrier.arrive_drop.shared.b64 %state, [%b]; mbarrier.arrive.shared.b64 %state, [%b];" +
        wait("FIRST") + "mbarrier.arrive.shared.b64 %state, [%b];" + wait("SECOND") + "mov.u32 %d, 1;";
    expectThreads(resultsOf(body, 1), [](u32) { return 1; });
}

TEST(Mbarrier, ExpectsBytes) {
    const std::string body = init("1") +
                             "mbarrier.arrive.expect_tx.shared.b64 %state, [%b], 48;"
                             "mbarrier.test_wait.shared.b64 %done, [%b], %state; selp.u32 %r0, 1, 0, %done;"
                             "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%b], 32;"
                             "mbarrier.test_wait.shared.b64 %done, [%b], %state; selp.u32 %r1, 1, 0, %done;"
                             "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%b], 16;"
                             "mbarrier.test_wait.shared.b64 %done, [%b], %state; selp.u32 %r2, 1, 0, %done;"
                             "mad.lo.u32 %d, %r0, 10, %r1; mad.lo.u32 %d, %d, 10, %r2;";
    expectThreads(resultsOf(body, 1), [](u32) { return 1; });
}

// Copies that an mbarrier tracks have landed when its phase is complete, for all threads, and not before.
TEST(Mbarrier, TracksAsynchronousCopies) {
    for (const bool noIncrement : {true, false}) {
        const std::string arrive =
            noIncrement
                ? "cp.async.mbarrier.arrive.noinc.shared.b64 [%b]; mov.b64 %state, 0;"
                : "cp.async.mbarrier.arrive.shared.b64 [%b]; mbarrier.arrive.shared.b64 %state, [%b];";
        const std::string body =
            init("%ntid.x") +
            "st.shared.u32 [%s], 7; mul.wide.u32 %x0, %t, 16; add.u64 %x0, %x0, %in;"
            "cp.async.ca.shared.global [%s], [%x0], 4;" +
            arrive +
            "ld.shared.u32 %r5, [%s]; mov.u32 %r2, 0;"
            "WAIT: mbarrier.test_wait.parity.shared.b64 %done, [%b], %r2; @!%done bra WAIT;"
            "add.u32 %r1, %t, 32; rem.u32 %r1, %r1, %ntid.x; mad.lo.u32 %r1, %r1, 16, %r31;"
            "ld.shared.u32 %d, [%r1]; mad.lo.u32 %d, %r5, 10000, %d;";
        expectThreads(
            resultsOf(body, 64), [](u32 i) { return 70000 + 1000 + 4 * ((i + 32) % 64); },
            noIncrement ? "noinc" : "inc");
    }
}

TEST(Mbarrier, GenericAddressesAndScopes) {
    const std::string body =
        "mov.u32 %r30, 1; cvt.u64.u32 %x1, %b; cvta.shared.u64 %x1, %x1; mbarrier.init.b64 [%x1], %r30;"
        "mbarrier.arrive.release.cta.b64 %state, [%x1];"
        "WAIT: mbarrier.try_wait.acquire.cta.b64 %done, [%x1], %state; @!%done bra WAIT;"
        "mbarrier.inval.shared::cta.b64 [%b]; mov.u32 %d, 3;";
    expectThreads(resultsOf(body, 1), [](u32) { return 3; });
}

TEST(Mbarrier, MisuseIsReported) {
    const std::pair<std::string, std::string> cases[] = {
        {"mbarrier.arrive.shared.b64 %state, [%b];", "not initialised"},
        {init("1") + "mbarrier.inval.shared.b64 [%b]; mbarrier.arrive.shared.b64 %state, [%b];",
         "not initialised"},
        {init("1") + "st.shared.u64 [%b], 0; mov.u32 %r0, 0;"
                     "mbarrier.test_wait.parity.shared.b64 %done, [%b], %r0;",
         "not initialised"},
        {init("0"), "a count of 0"},
        {init("2") + "mbarrier.arrive.shared.b64 %state, [%b], 3;", "3 arrivals where 2 are pending"},
        {init("2") + "mbarrier.arrive.noComplete.shared.b64 %state, [%b], 2;", "noComplete"},
        {init("1") + "mov.b64 %state, 0; mbarrier.test_wait.shared.b64 %done, [%b], %state;", "state"},
    };
    for (const auto& [body, words] : cases) {
        SCOPED_TRACE(body);
        std::vector<u32> ignored;
        const LaunchResult result = launchOf(body, ignored, 1);
        EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_INSTRUCTION);
        EXPECT_NE(result.report.find(words), std::string::npos) << result.report;
    }
}

TEST(Mbarrier, APhaseThatNobodyCompletesIsADeadlock) {
    std::vector<u32> ignored;
    const LaunchResult result =
        launchOf(init("65") + "mbarrier.arrive.shared.b64 %state, [%b];" + wait("\nWAIT"), ignored, 64);
    EXPECT_EQ(result.status, LaunchStatus::LAUNCH_FAILURE);
    EXPECT_NE(result.report.find("deadlock"), std::string::npos) << result.report;
    EXPECT_NE(result.report.find("mbarrier.test_wait"), std::string::npos) << result.report;
}

}  // namespace
}  // namespace quern::emulator
