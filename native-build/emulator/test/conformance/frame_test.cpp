// Functions that call themselves or are called through pointers, and what the CUDA runtime gives to kernels.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

// fib(n), with a local array that each call has for itself, and whose address the next call gets.
const char* const FIBONACCI = R"(
.func (.param .b32 result) fib(.param .b32 n, .param .b64 outer) {
    .local .align 4 .b8 own[8];
    .reg .b32 %n, %a, %b;
    .reg .b64 %own, %outer;
    .reg .pred %small;
    ld.param.u32 %n, [n];
    ld.param.u64 %outer, [outer];
    mov.u64 %own, own;
    st.local.u32 [own+4], %n;
    setp.lt.u32 %small, %n, 2;
    @%small bra BASE;
    {
        .param .b32 p; .param .b64 q; .param .b32 r;
        sub.u32 %a, %n, 1;
        st.param.b32 [p], %a;
        st.param.b64 [q], %own;
        call (r), fib, (p, q);
        ld.param.b32 %a, [r];
    }
    {
        .param .b32 p; .param .b64 q; .param .b32 r;
        sub.u32 %b, %n, 2;
        st.param.b32 [p], %b;
        st.param.b64 [q], %own;
        call (r), fib, (p, q);
        ld.param.b32 %b, [r];
    }
    add.u32 %a, %a, %b;
    ld.local.u32 %b, [%own+4];       // still this call's own
    setp.ne.u32 %small, %b, %n;
    @%small trap;
    st.param.b32 [result], %a;
    ret;
BASE:
    setp.eq.u64 %small, %outer, 0;
    @!%small ld.local.u32 %b, [%outer+4];
    @%small mov.u32 %b, 2;
    sub.u32 %b, %b, %n;              // the caller's number is one or two more
    setp.gt.u32 %small, %b, 2;
    @%small trap;
    st.param.b32 [result], %n;
    ret;
}
)";

std::string callOfFib(const std::string& n) {
    return "{ .param .b32 p; .param .b64 q; .param .b32 r; mov.b64 %x0, 0;\n st.param.b32 [p], " + n +
           ";\n st.param.b64 [q], %x0;\n call (r), fib, (p, q);\n ld.param.b32 %d, [r]; }";
}

u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

TEST(Frame, EachCallHasRegistersAndMemoryOfItsOwn) {
    // Lanes stand at different depths of the recursion.
    const auto actual = runThreads<u32>("rem.u32 %r0, %t, 13;\n" + callOfFib("%r0"), 96, 2, {0}, FIBONACCI);
    expectThreads(actual, [](u32 i) { return fibonacci(i % 96 % 13); });
}

TEST(Frame, FunctionsThatCallEachOther) {
    const std::string declarations = R"(
.func (.reg .b32 %result) odd(.reg .b32 %n);
.func (.reg .b32 %result) even(.reg .b32 %n) {
    .reg .pred %zero; .reg .b32 %less;
    mov.u32 %result, 1;
    setp.eq.u32 %zero, %n, 0;
    @%zero ret;
    sub.u32 %less, %n, 1;
    call (%result), odd, (%less);
    ret;
}
.func (.reg .b32 %result) odd(.reg .b32 %n) {
    .reg .pred %zero; .reg .b32 %less;
    mov.u32 %result, 0;
    setp.eq.u32 %zero, %n, 0;
    @%zero ret;
    sub.u32 %less, %n, 1;
    call (%result), even, (%less);
    ret;
}
)";
    const auto actual = runThreads<u32>("call (%d), even, (%t);", 64, 1, {0}, declarations);
    expectThreads(actual, [](u32 i) { return i % 2 == 0 ? 1u : 0u; });
}

const char* const TABLE = R"(
.func (.param .b32 r) twice(.param .b32 a) { .reg .b32 %a; ld.param.u32 %a, [a]; add.u32 %a, %a, %a; st.param.b32 [r], %a; ret; }
.func (.param .b32 r) square(.param .b32 a) { .reg .b32 %a; ld.param.u32 %a, [a]; mul.lo.u32 %a, %a, %a; st.param.b32 [r], %a; ret; }
.func (.param .b32 r) viaTable(.param .b32 a);
.global .align 8 .u64 table[3] = {twice, square, viaTable};
.func (.param .b32 r) viaTable(.param .b32 a) {
    .reg .b32 %a, %keep; .reg .b64 %f;
    ld.param.u32 %a, [a];
    mov.u32 %keep, %a;
    ld.global.u64 %f, [table+8];
    { .param .b32 p; .param .b32 q; st.param.b32 [p], %a;
    proto: .callprototype (.param .b32 _) _ (.param .b32 _);
    call (q), %f, (p), proto;
    ld.param.b32 %a, [q]; }
    add.u32 %a, %a, %keep;
    st.param.b32 [r], %a;
    ret;
}
)";

TEST(Frame, PointersToFunctionsDifferByLane) {
    const auto actual = runThreads<u32>(R"(
    rem.u32 %r0, %t, 3;
    mul.wide.u32 %x1, %r0, 8;
    mov.u64 %x0, table;
    add.u64 %x0, %x0, %x1;
    ld.global.u64 %x2, [%x0];
    { .param .b32 p; .param .b32 q; st.param.b32 [p], %t;
    proto: .callprototype (.param .b32 _) _ (.param .b32 _);
    call (q), %x2, (p), proto;
    ld.param.b32 %d, [q]; }
)",
                                        64, 1, {0}, TABLE);
    expectThreads(actual, [](u32 i) { return i % 3 == 0 ? 2 * i : i % 3 == 1 ? i * i : i * i + i; });
}

TEST(Frame, TheAddressOfAFunctionAndCallTargets) {
    const auto actual = runThreads<u32>(R"(
    setp.lt.u32 %p0, %t, 10;
    mov.u64 %x0, twice;
    mov.u64 %x1, square;
    selp.b64 %x2, %x0, %x1, %p0;
    targets: .calltargets twice, square;
    { .param .b32 p; .param .b32 q; st.param.b32 [p], %t;
    call (q), %x2, (p), targets;
    ld.param.b32 %d, [q]; }
)",
                                        64, 1, {0}, TABLE);
    expectThreads(actual, [](u32 i) { return i < 10 ? 2 * i : i * i; });
}

TEST(Frame, AWildPointerToAFunctionIsReported) {
    for (const char* pointer : {"0", "12345", "0x7f00000000000018", "0x7f00000000001000"}) {
        Machine machine(TABLE + threadKernel("mov.u64 %x2, " + std::string(pointer) +
                                                 R"(;
    { .param .b32 p; .param .b32 q; st.param.b32 [p], %t;
    proto: .callprototype (.param .b32 _) _ (.param .b32 _);
    call (q), %x2, (p), proto;
    ld.param.b32 %d, [q]; })",
                                             4));
        const LaunchResult result = machine.launch("test", {1}, {32}, {machine.allocate<u32>(32), u64{0}});
        EXPECT_EQ(result.status, LaunchStatus::ILLEGAL_INSTRUCTION) << result.report;
        EXPECT_NE(result.report.find("pointer"), std::string::npos) << result.report;
    }
}

TEST(Frame, EndlessRecursionIsAStackOverflow) {
    Machine machine(
        ".func f(.param .b32 n) { .reg .b32 %n; ld.param.u32 %n, [n]; add.u32 %n, %n, 1;\n"
        "{ .param .b32 p; st.param.b32 [p], %n; call f, (p); } ret; }\n" +
        threadKernel("mov.u32 %d, 0; { .param .b32 p; st.param.b32 [p], %d; call f, (p); }", 4));
    const LaunchResult result = machine.launch("test", {2}, {64}, {machine.allocate<u32>(128), u64{0}});
    EXPECT_EQ(result.status, LaunchStatus::STACK_ERROR) << result.report;
    EXPECT_NE(result.report.find("stack overflow"), std::string::npos) << result.report;
}

// Memory of alloca lives until its function returns: 200 calls of it fit a stack that holds only some.
TEST(Frame, Alloca) {
    const std::string declarations = R"(
.func (.param .b32 r) sum(.param .b32 n) {
    .reg .b32 %n, %i, %v; .reg .b64 %bytes, %p, %q; .reg .pred %more;
    ld.param.u32 %n, [n];
    add.u32 %i, %n, 1;
    mul.wide.u32 %bytes, %i, 4;
    alloca.u64 %p, %bytes, 16;
    and.b64 %q, %p, 15;
    setp.ne.u64 %more, %q, 0;
    @%more trap;
    mov.u32 %i, 0;
    mov.u64 %q, %p;
FILL:
    st.local.u32 [%q], %i;
    add.u64 %q, %q, 4;
    add.u32 %i, %i, 1;
    setp.le.u32 %more, %i, %n;
    @%more bra FILL;
    mov.u32 %v, 0;
ADD:
    sub.u64 %q, %q, 4;
    ld.local.u32 %i, [%q];
    add.u32 %v, %v, %i;
    setp.ne.u32 %more, %i, 0;
    @%more bra ADD;
    st.param.b32 [r], %v;
    ret;
}
)";
    const auto actual = runThreads<u32>(R"(
    mov.u32 %r1, 0;
    mov.u32 %d, 0;
AGAIN:
    { .param .b32 p; .param .b32 q; st.param.b32 [p], %t; call (q), sum, (p); ld.param.b32 %r0, [q]; }
    add.u32 %d, %d, %r0;
    add.u32 %r1, %r1, 1;
    setp.lt.u32 %p0, %r1, 200;
    @%p0 bra AGAIN;
    stacksave.u64 %x0;
    mov.u64 %x3, 64;
    alloca.u64 %x1, %x3;
    stackrestore.u64 %x0;
    alloca.u64 %x2, %x3;
    setp.ne.u64 %p0, %x1, %x2;
    @%p0 trap;
)",
                                        64, 1, {0}, declarations);
    expectThreads(actual, [](u32 i) { return 200 * (i * (i + 1) / 2); });
    Machine machine(threadKernel("mov.u32 %d, 0; mov.u64 %x3, 1000000; alloca.u64 %x1, %x3;", 4));
    EXPECT_EQ(machine.launch("test", {1}, {32}, {machine.allocate<u32>(32), u64{0}}).status,
              LaunchStatus::STACK_ERROR);
}

// Texts of a module as nvcc has them.
std::string text(const std::string& name, const std::string& content) {
    std::string bytes;
    for (const char c : content)
        bytes += std::to_string(static_cast<int>(static_cast<unsigned char>(c))) + ", ";
    return ".global .align 1 .b8 " + name + "[" + std::to_string(content.size() + 1) + "] = {" + bytes +
           "0};\n";
}

const char* const VPRINTF =
    ".extern .func (.param .b32 r) vprintf(.param .b64 format, .param .b64 arguments);\n";

/// The statements that print `format` with what was stored to local memory `args`; returns in %r8.
std::string callOfPrintf(const std::string& format) {
    return "mov.u64 %x8, " + format +
           ";\n cvta.global.u64 %x8, %x8;\n mov.u64 %x9, args;\n cvta.local.u64 %x9, %x9;\n"
           "{ .param .b64 p; .param .b64 q; .param .b32 r; st.param.b64 [p], %x8; st.param.b64 [q], %x9;\n"
           "call (r), vprintf, (p, q);\n ld.param.b32 %r8, [r]; }\n";
}

TEST(Frame, PrintfFormats) {
    const std::string body = R"(
    .local .align 8 .b8 args[64];
    setp.ne.u32 %p0, %t, 0;
    mov.u32 %d, 0;
    @%p0 bra DONE;
    st.local.u32 [args], -5;
    st.local.u32 [args+4], 7;
    mov.u64 %x1, 0x123456789abcdef0;
    st.local.u64 [args+8], %x1;
    mov.f64 %x2, 0d400C000000000000;
    st.local.f64 [args+16], %x2;
    mov.u64 %x3, word;
    cvta.global.u64 %x3, %x3;
    st.local.u64 [args+24], %x3;
    st.local.u32 [args+32], 65;
    st.local.u64 [args+40], %x1;
    st.local.u32 [args+48], 42;
)" + callOfPrintf("format") + "mov.u32 %d, %r8;\nDONE:\n";
    Machine machine(std::string(VPRINTF) + text("format", "%d|%*lld|%-8.2f|%5s|%c%%|%p|%x%q\n") +
                    text("word", "abc") + threadKernel(body, 4));
    const u64 out = machine.allocate<u32>(32);
    const LaunchResult result = machine.launch("test", {1}, {32}, {out, u64{0}});
    ASSERT_EQ(result.status, LaunchStatus::OK) << result.report;
    EXPECT_EQ(result.printed, "-5|1311768467463790320|3.50    |  abc|A%|0x123456789abcdef0|2a%q\n");
    EXPECT_EQ(machine.download<u32>(out, 1)[0], 8u);  // the width counts
}

TEST(Frame, PrintfKeepsTheOrderOfEachThreadAndTheLatest) {
    const std::string body = R"(
    .local .align 8 .b8 args[16];
    st.local.u32 [args], %i;
    mov.u32 %d, 0;
    mov.u32 %r1, 0;
AGAIN:
    st.local.u32 [args+4], %r1;
)" + callOfPrintf("format") + "add.u32 %r1, %r1, 1;\n setp.lt.u32 %p0, %r1, 10;\n @%p0 bra AGAIN;\n";
    Machine machine(std::string(VPRINTF) + text("format", "%d:%d\n") + threadKernel(body, 4));
    const auto run = [&](std::uint64_t bytes) {
        const Kernel* kernel = machine.module->findKernel("test");
        const u64 arguments[] = {machine.allocate<u32>(64), 0};
        LaunchConfig config{.grid = {2}, .block = {32}, .parameters = std::as_bytes(std::span(arguments))};
        config.printBytes = bytes;
        return launch(*kernel, config, machine.device, *machine.memory, machine.options).printed;
    };
    std::vector<int> next(64);
    std::istringstream lines(run(1 << 20));
    int thread = 0, count = 0, total = 0;
    char colon = 0;
    for (; lines >> thread >> colon >> count; total++)
        EXPECT_EQ(count, next.at(static_cast<std::size_t>(thread))++);
    EXPECT_EQ(total, 640);
    const std::string latest = run(100);
    EXPECT_LE(latest.size(), 100u);
    EXPECT_TRUE(latest.ends_with(":9\n")) << latest;
}

TEST(Frame, AssertionsNameTheirPlace) {
    const std::string declarations =
        ".extern .func __assertfail(.param .b64 a, .param .b64 b, .param .b32 c, .param .b64 d, .param .b64 "
        "e);\n" +
        text("message", "i < n") + text("file", "scale.cu") + text("function", "void scale(int)");
    std::string body = "mov.u32 %d, 0;\n setp.ne.u32 %p0, %i, 37;\n @%p0 bra DONE;\n";
    for (const char* name : {"message", "file", "function"})
        body += "mov.u64 %x1, " + std::string(name) + ";\n cvta.global.u64 %" +
                (name[0] == 'm'   ? "x2"
                 : name[1] == 'i' ? "x3"
                                  : "x4") +
                ", %x1;\n";
    body +=
        "{ .param .b64 a; .param .b64 b; .param .b32 c; .param .b64 d; .param .b64 e;\n"
        "st.param.b64 [a], %x2; st.param.b64 [b], %x3; st.param.b32 [c], 12; st.param.b64 [d], %x4;\n"
        "mov.b64 %x5, 1; st.param.b64 [e], %x5; call __assertfail, (a, b, c, d, e); }\nDONE:\n";
    Machine machine(declarations + threadKernel(body, 4));
    const LaunchResult result = machine.launch("test", {1}, {64}, {machine.allocate<u32>(64), u64{0}});
    EXPECT_EQ(result.status, LaunchStatus::ASSERT);
    EXPECT_EQ(result.thread.x, 37u);
    EXPECT_NE(result.report.find("scale.cu:12: void scale(int): Assertion `i < n` failed."),
              std::string::npos)
        << result.report;
}

TEST(Frame, HeapOfKernels) {
    const std::string declarations =
        ".extern .func (.param .b64 r) malloc(.param .b64 bytes);\n"
        ".extern .func free(.param .b64 pointer);\n";
    const std::string allocate =
        "mov.u64 %x0, 40; { .param .b64 p; .param .b64 q; st.param.b64 [p], %x0; call (q), malloc, (p); "
        "ld.param.b64 %x1, [q]; }\n";
    const std::string release = "{ .param .b64 p; st.param.b64 [p], %x1; call free, (p); }\n";
    const auto actual = runThreads<u32>(allocate + "st.u32 [%x1+36], %t;\n ld.u32 %d, [%x1+36];\n" + release,
                                        64, 2, {0}, declarations);
    expectThreads(actual, [](u32 i) { return i % 64; });
    for (const char* wrong : {"st.u32 [%x1+40], %t;\n",
                              "{ .param .b64 p; add.u64 %x1, %x1, 8; st.param.b64 [p], %x1; "
                              "call free, (p); }\n"}) {
        Machine machine(declarations + threadKernel("mov.u32 %d, 0;\n" + allocate + std::string(wrong), 4));
        EXPECT_EQ(machine.launch("test", {1}, {1}, {machine.allocate<u32>(1), u64{0}}).status,
                  LaunchStatus::ILLEGAL_ADDRESS)
            << wrong;
    }
    Machine machine(declarations + threadKernel("mov.u32 %d, 0;\n" + allocate + release + release, 4));
    const LaunchResult twice = machine.launch("test", {1}, {1}, {machine.allocate<u32>(1), u64{0}});
    EXPECT_EQ(twice.status, LaunchStatus::ILLEGAL_ADDRESS) << twice.report;
}

}  // namespace
}  // namespace quern::emulator
