// What a kernel may not do ends its launch with the right status, and a report that names the place.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

/// One block of 32 threads; %in is `address`.
LaunchResult runAt(Machine& machine, u64 address, u32 threads = 32) {
    const u64 out = machine.allocate<u32>(threads);
    return machine.launch("test", {1}, {threads}, {out, address});
}

bool mentions(const LaunchResult& result, const std::string& text) {
    return result.report.find(text) != std::string::npos;
}

struct Access {
    const char* text;
    int bytes;
};
const Access ACCESSES[] = {
    {"ld.global.u8 %d, [%in];", 1},
    {"ld.global.u16 %d, [%in];", 2},
    {"ld.global.u32 %d, [%in];", 4},
    {"ld.global.u64 %x1, [%in]; mov.u32 %d, 0;", 8},
    {"ld.global.v4.u32 {%r0, %r1, %r2, %d}, [%in];", 16},
    {"ld.global.nc.u32 %d, [%in];", 4},
    {"ld.u32 %d, [%in];", 4},
    {"st.global.u8 [%in], 1; mov.u32 %d, 0;", 1},
    {"st.global.u32 [%in], 1; mov.u32 %d, 0;", 4},
    {"st.u32 [%in], 1; mov.u32 %d, 0;", 4},
    {"st.global.v2.f64 [%in], {%x1, %x1}; mov.u32 %d, 0;", 16},
    {"atom.global.add.u32 %d, [%in], 1;", 4},
    {"red.global.add.u64 [%in], %x1; mov.u32 %d, 0;", 8},
    {"atom.cas.b32 %d, [%in], 1, 2;", 4},
};

// An allocation of 1040 bytes: the last access that fits is right, one step further and one step before its begin are not.
TEST(Fault, OneStepOutsideAnAllocation) {
    for (const Access& access : ACCESSES) {
        SCOPED_TRACE(access.text);
        Machine machine(threadKernel("mov.b64 %x1, 0;" + std::string(access.text), 4));
        const u64 base = machine.upload(std::vector<u8>(1040));
        EXPECT_EQ(runAt(machine, base).status, LaunchStatus::OK);
        EXPECT_EQ(runAt(machine, base + 1040 - access.bytes).status, LaunchStatus::OK);
        for (const u64 address : {base + 1040, base - access.bytes}) {
            const LaunchResult result = runAt(machine, address);
            EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_ADDRESS);
            EXPECT_TRUE(mentions(result, "test")) << result.report;
            EXPECT_GT(result.line, 0);
        }
    }
}

// 8 bytes of which only the first four are allocated.
TEST(Fault, AccessesThatStraddleTheEnd) {
    Machine machine(threadKernel("ld.global.u64 %x1, [%in]; mov.u32 %d, 0;", 4));
    const u64 base = machine.upload(std::vector<u8>(1036));
    EXPECT_EQ(runAt(machine, base + 1024).status, LaunchStatus::OK);
    EXPECT_EQ(runAt(machine, base + 1032).status, LaunchStatus::ILLEGAL_ADDRESS);
}

TEST(Fault, NullAndWildAddresses) {
    Machine machine(threadKernel("ld.global.u32 %d, [%in];", 4));
    for (const u64 address : {u64{0}, u64{16}, ~u64{0} - 3, u64{1} << 47, u64{0x7fff00000000}}) {
        EXPECT_EQ(runAt(machine, address).status, LaunchStatus::ILLEGAL_ADDRESS) << std::hex << address;
    }
}

TEST(Fault, Misaligned) {
    for (const Access& access : ACCESSES) {
        if (access.bytes == 1) continue;
        SCOPED_TRACE(access.text);
        Machine machine(threadKernel("mov.b64 %x1, 0;" + std::string(access.text), 4));
        const u64 base = machine.upload(std::vector<u8>(1040));
        for (int offset : {1, access.bytes / 2}) {
            const LaunchResult result = runAt(machine, base + 64 + offset);
            EXPECT_EQ(result.status, LaunchStatus::MISALIGNED_ADDRESS) << offset;
        }
    }
}

TEST(Fault, UseAfterFree) {
    Machine machine(threadKernel("ld.global.u32 %d, [%in];", 4));
    const u64 base = machine.upload(std::vector<u32>(100));
    EXPECT_EQ(runAt(machine, base).status, LaunchStatus::OK);
    machine.memory->free(base);
    const LaunchResult result = runAt(machine, base);
    EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_ADDRESS);
    EXPECT_TRUE(mentions(result, "free")) << result.report;
}

TEST(Fault, ThreadAndBlockAreNamed) {
    // Only thread 37 of block 2 goes astray; its line is known.
    Machine machine(
        threadKernel("mad.lo.u32 %r0, %i, 4, 0; setp.eq.u32 %p0, %i, 165; mov.u64 %x0, %in;\n"
                     "@%p0 add.u64 %x0, %x0, 4096;\n"
                     "ld.global.u32 %d, [%x0];",
                     4));
    const u64 base = machine.upload(std::vector<u32>(1024));
    const u64 out = machine.allocate<u32>(64 * 4);
    const LaunchResult result = machine.launch("test", {4}, {64}, {out, base});
    EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_ADDRESS);
    EXPECT_EQ(result.block.x, 2u);
    EXPECT_EQ(result.thread.x, 37u);
    EXPECT_EQ(result.address, base + 4096);
    const std::string header = "\n.visible .entry test";
    const std::string text = threadKernel("@\n@\nX", 4);
    const auto lineOf =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find('X')), '\n') + 1;
    EXPECT_EQ(result.line, Machine::HEADER_LINES + lineOf) << result.report;
}

// What nvcc -lineinfo writes: the file's name comes last, inlined calls name where they were called.
TEST(Fault, LinesOfTheSourceAreNamed) {
    const auto reportAt = [](const std::string& location) {
        Machine machine(
            threadKernel("mov.b64 %x1, 0;\n" + location + "\nld.global.u32 %d, [%in];\n.loc 1 99 1", 4) +
            ".file 1 \"kernels/scale.cu\", 1234, 56\n.file 2 \"vector.cuh\"\n"
            ".section .debug_str\n{\n$L__info_string0:\n.b8 95,90,0\n}\n");
        return runAt(machine, 0).report;
    };
    EXPECT_TRUE(reportAt(".loc 1 12 5").ends_with("; kernels/scale.cu:12")) << reportAt(".loc 1 12 5");
    const std::string inlined = reportAt(
        ".loc 1 30 2\n.loc 2 7 3, function_name $L__info_string0, inlined_at 1 30 2\n"
        ".loc 2 3 9, function_name $L__info_string0+4, inlined_at 2 7 3");
    EXPECT_TRUE(inlined.ends_with("; vector.cuh:3 (inlined at kernels/scale.cu:30)")) << inlined;
    EXPECT_TRUE(reportAt("").ends_with("ld.global.u32 %d, [%in];")) << reportAt("");
    EXPECT_TRUE(reportAt(".loc 1 0 5").ends_with("ld.global.u32 %d, [%in];")) << "line 0 is none";
}

TEST(Fault, PredicatedOffAccessesAreNoAccesses) {
    Machine machine(
        threadKernel("mov.u32 %d, 3; setp.ne.u32 %p0, %t, %t; @%p0 ld.global.u32 %d, [%in]; "
                     "@%p0 st.global.u32 [%in], 1; @%p0 trap;",
                     4));
    EXPECT_EQ(runAt(machine, 0).status, LaunchStatus::OK);
}

TEST(Fault, OutsideSharedMemory) {
    const std::string prologue =
        ".shared .align 8 .b8 cells[256]; mov.u64 %x0, cells; add.u64 %x0, %x0, %in; mov.u32 %d, 0;";
    for (const char* access :
         {"ld.shared.u32 %d, [%x0];", "st.shared.u32 [%x0], 1;", "atom.shared.add.u32 %d, [%x0], 1;",
          "cvta.shared.u64 %x0, %x0; ld.u32 %d, [%x0];"}) {
        Machine machine(threadKernel(prologue + access, 4));
        EXPECT_EQ(runAt(machine, 252).status, LaunchStatus::OK) << access;
        EXPECT_EQ(runAt(machine, 256).status, LaunchStatus::ILLEGAL_ADDRESS) << access;
        EXPECT_EQ(runAt(machine, 1 << 20).status, LaunchStatus::ILLEGAL_ADDRESS) << access;
        EXPECT_EQ(runAt(machine, 2).status, LaunchStatus::MISALIGNED_ADDRESS) << access;
    }
}

TEST(Fault, OutsideLocalAndConstantMemory) {
    Machine local(
        threadKernel(".local .align 8 .b8 own[64]; mov.u64 %x0, own; add.u64 %x0, %x0, %in; "
                     "st.local.u32 [%x0], 5; ld.local.u32 %d, [%x0];",
                     4));
    EXPECT_EQ(runAt(local, 60).status, LaunchStatus::OK);
    EXPECT_EQ(runAt(local, 1 << 26).status, LaunchStatus::ILLEGAL_ADDRESS);
    Machine constant(".const .align 4 .b32 values[4] = {1, 2, 3, 4};\n" +
                     threadKernel("mov.u64 %x0, values; add.u64 %x0, %x0, %in; ld.const.u32 %d, [%x0];", 4));
    EXPECT_EQ(runAt(constant, 12).status, LaunchStatus::OK);
    EXPECT_EQ(runAt(constant, 1 << 20).status, LaunchStatus::ILLEGAL_ADDRESS);
}

TEST(Fault, Trap) {
    Machine machine(threadKernel("mov.u32 %d, 0; setp.eq.u32 %p0, %t, 5; @%p0 trap;", 4));
    EXPECT_EQ(runAt(machine, 0).status, LaunchStatus::LAUNCH_FAILURE);
    EXPECT_EQ(runAt(machine, 0, 5).status, LaunchStatus::OK);
}

TEST(Fault, DivergentBarrier) {
    // Lanes of one warp wait at two different barriers.
    Machine machine(threadKernel(R"(
    mov.u32 %d, 0;
    setp.lt.u32 %p0, %t, 16;
    @%p0 bra LOW;
    bar.sync 1;
    bra END;
LOW:
    bar.sync 2;
END:)",
                                 4));
    EXPECT_EQ(runAt(machine, 0, 64).status, LaunchStatus::LAUNCH_FAILURE);
}

TEST(Fault, BarrierThatOneWarpNeverReaches) {
    Machine machine(threadKernel("mov.u32 %d, 0; setp.lt.u32 %p0, %t, 32; @%p0 bar.sync 0, 96;", 4));
    EXPECT_EQ(runAt(machine, 0, 64).status, LaunchStatus::LAUNCH_FAILURE);
}

TEST(Fault, EndlessLoopsEnd) {
    Machine machine(threadKernel("mov.u32 %d, 0;\nFOREVER: add.u32 %d, %d, 1; bra FOREVER;", 4));
    machine.options.instructionBudget = 100000;
    EXPECT_EQ(runAt(machine, 0).status, LaunchStatus::LAUNCH_TIMEOUT);
    machine.options.instructionBudget = 0;
    machine.options.timeoutSeconds = 0.2;
    EXPECT_EQ(runAt(machine, 0).status, LaunchStatus::LAUNCH_TIMEOUT);
}

TEST(Fault, LanesThatSpinForEachOther) {
    // A lock taken by lane after lane of one warp: ends only if waiting lanes let the holder go on.
    Machine machine(threadKernel(R"(
    mov.u32 %d, 0;
AGAIN:
    atom.global.cas.b32 %r0, [%in], 0, 1;
    setp.ne.u32 %p0, %r0, 0;
    @%p0 bra AGAIN;
    ld.volatile.global.u32 %r1, [%in+4];
    add.u32 %r1, %r1, 1;
    st.volatile.global.u32 [%in+4], %r1;
    membar.gl;
    atom.global.exch.b32 %r2, [%in], 0;)",
                                 4));
    const u64 lock = machine.upload(std::vector<u32>{0, 0});
    const u64 out = machine.allocate<u32>(64);
    const LaunchResult result = machine.launch("test", {2}, {32}, {out, lock});
    EXPECT_EQ(result.status, LaunchStatus::OK) << result.report;
    EXPECT_EQ(machine.download<u32>(lock, 2)[1], 64u);
}

TEST(Fault, TheNextLaunchIsNotHarmed) {
    Machine machine(threadKernel("ld.global.u32 %d, [%in];", 4));
    EXPECT_EQ(runAt(machine, 8).status, LaunchStatus::ILLEGAL_ADDRESS);
    const u64 good = machine.upload(std::vector<u32>{42});
    const u64 out = machine.allocate<u32>(32);
    machine.run("test", {1}, {32}, {out, good});
    expectThreads(machine.download<u32>(out, 32), [](u32) { return 42; });
}

}  // namespace
}  // namespace quern::emulator
