// ldmatrix, stmatrix, movmatrix: which thread gets which element, as the figures of the PTX ISA show it.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

// Rows of the matrices lie in shared memory as `input` says, 32 bytes apart; thread t names row `rowOf(t)`.
constexpr u32 STRIDE = 32;

std::string matrixProgram(const std::string& body) {
    // 1024 bytes of input to shared memory, by the first warp.
    return ".shared .align 16 .b8 buffer[1024];\n" + threadKernel(R"(
        .reg .b32 %s, %q<4>;
        mov.u32 %s, buffer;
        mad.lo.u32 %r0, %t, 32, %s; mul.wide.u32 %x0, %t, 32; add.u64 %x0, %x0, %in;
        ld.global.v4.u32 {%q0, %q1, %q2, %q3}, [%x0]; st.shared.v4.u32 [%r0], {%q0, %q1, %q2, %q3};
        ld.global.v4.u32 {%q0, %q1, %q2, %q3}, [%x0+16]; st.shared.v4.u32 [%r0+16], {%q0, %q1, %q2, %q3};
        bar.sync 0;
        // Row t of the matrices is row 11 t + 5 modulo 32 of the buffer.
        mad.lo.u32 %r1, %t, 11, 5; and.b32 %r1, %r1, 31; mad.lo.u32 %r1, %r1, 32, %s;
)" + body,
                                                                  4);
}

u32 rowOf(u32 t) { return (11 * t + 5) % 32; }

std::vector<u32> input() { return randomBits<u32>(256, 5); }

u16 element(const std::vector<u32>& words, u32 row, u32 column) {
    return static_cast<u16>(words[row * STRIDE / 4 + column / 2] >> 16 * (column % 2));
}

TEST(MatrixMove, Load) {
    const std::vector<u32> words = input();
    for (u32 count : {1u, 2u, 4u}) {
        for (bool transposed : {false, true}) {
            for (const std::string space : {".shared", ".shared::cta", ""}) {
                for (u32 matrix = 0; matrix < count; matrix++) {
                    std::string registers;
                    for (u32 m = 0; m < count; m++)
                        registers += std::string(m == 0 ? "" : ", ") + "%q" + std::to_string(m);
                    const std::string generic =
                        space.empty() ? "cvt.u64.u32 %x1, %r1; cvta.shared.u64 %x1, %x1;" : "";
                    const std::string text = "ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) +
                                             (transposed ? ".trans" : "") + space + ".b16 {" + registers +
                                             "}, [" + (space.empty() ? "%x1" : "%r1") + "];";
                    const std::string body = generic + text + "mov.u32 %d, %q" + std::to_string(matrix) + ";";
                    Machine machine(matrixProgram(body));
                    const u64 out = machine.allocate<u32>(32);
                    machine.run("test", {1}, {32}, {out, machine.upload(words)});
                    expectThreads(
                        machine.download<u32>(out, 32),
                        [&](u32 t) {
                            u32 value = 0;
                            for (u32 i = 0; i < 2; i++) {
                                u32 row = t / 4, column = 2 * (t % 4) + i;
                                if (transposed) std::swap(row, column);
                                value |= u32{element(words, rowOf(8 * matrix + row), column)} << 16 * i;
                            }
                            return value;
                        },
                        text + " register " + std::to_string(matrix));
                }
            }
        }
    }
}

// The destination may be the register that held the address.
TEST(MatrixMove, LoadOverItsAddress) {
    const std::vector<u32> words = input();
    Machine machine(matrixProgram("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%r1]; mov.u32 %d, %r1;"));
    const u64 out = machine.allocate<u32>(32);
    machine.run("test", {1}, {32}, {out, machine.upload(words)});
    expectThreads(machine.download<u32>(out, 32), [&](u32 t) {
        return element(words, rowOf(t / 4), 2 * (t % 4)) | u32{element(words, rowOf(t / 4), 2 * (t % 4) + 1)}
                                                               << 16;
    });
}

// Stored and looked at word by word; what stmatrix writes is where ldmatrix finds it.
TEST(MatrixMove, Store) {
    for (u32 count : {1u, 2u, 4u}) {
        for (bool transposed : {false, true}) {
            std::string registers, values;
            for (u32 m = 0; m < count; m++) {
                const std::string q = "%q" + std::to_string(m);
                registers += (m == 0 ? "" : ", ") + q;
                // The two elements of thread t in matrix m are numbered 64 m + 2 t and the next.
                values +=
                    "mad.lo.u32 " + q + ", %t, 0x20002, " + std::to_string(0x10000 + 64 * m * 0x10001) + ";";
            }
            const std::string text = "stmatrix.sync.aligned.m8n8.x" + std::to_string(count) +
                                     (transposed ? ".trans" : "") + ".shared.b16 [%r1], {" + registers + "};";
            for (u32 word = 0; word < 4; word++) {
                const std::string body =
                    values + text + "bar.sync 0; ld.shared.u32 %d, [%r1+" + std::to_string(4 * word) + "];";
                Machine machine(matrixProgram(body), 90);
                const u64 out = machine.allocate<u32>(32);
                const std::vector<u32> words = input();
                machine.run("test", {1}, {32}, {out, machine.upload(words)});
                expectThreads(
                    machine.download<u32>(out, 32),
                    [&](u32 t) {
                        if (t >= 8 * count) return words[rowOf(t) * STRIDE / 4 + word];  // not stored to
                        u32 value = 0;
                        for (u32 i = 0; i < 2; i++) {
                            u32 row = t % 8, column = 2 * word + i;
                            if (transposed) std::swap(row, column);
                            value |= (64 * (t / 8) + 8 * row + column) << 16 * i;
                        }
                        return value;
                    },
                    text + " word " + std::to_string(word));
            }
        }
    }
}

TEST(MatrixMove, Transpose) {
    const std::string body =
        "mad.lo.u32 %r0, %t, 0x20002, 0x10000; movmatrix.sync.aligned.m8n8.trans.b16 %d, %r0;";
    expectThreads(runThreads<u32>(body, 32), [](u32 t) {
        const u32 row = t / 4, column = 2 * (t % 4);
        return (8 * column + row) | (8 * (column + 1) + row) << 16;
    });
}

LaunchResult matrixFailure(const std::string& body, u32 threads = 32) {
    Machine machine(matrixProgram(body));
    const u64 out = machine.allocate<u32>(64);
    return machine.launch("test", {1}, {threads}, {out, machine.upload(input())});
}

TEST(MatrixMove, Faults) {
    const std::string load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%q0, %q1, %q2, %q3}, ";
    struct Case {
        std::string body;
        LaunchStatus status;
        u32 threads = 32;
    };
    const Case cases[] = {
        {load + "[%r1+8];", LaunchStatus::MISALIGNED_ADDRESS},
        {load + "[%r1+1024];", LaunchStatus::ILLEGAL_ADDRESS},
        {"setp.lt.u32 %p0, %t, 16; @%p0 " + load + "[%r1];", LaunchStatus::LAUNCH_FAILURE},
        {"setp.eq.u32 %p0, %t, 31; @%p0 exit; " + load + "[%r1];", LaunchStatus::LAUNCH_FAILURE},
        {load + "[%r1];", LaunchStatus::LAUNCH_FAILURE, 24},
        {"movmatrix.sync.aligned.m8n8.trans.b16 %r0, %r0;", LaunchStatus::LAUNCH_FAILURE, 24},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.body);
        const LaunchResult result = matrixFailure(c.body + "\nmov.u32 %d, 0;", c.threads);
        EXPECT_EQ(result.status, c.status) << result.report;
        EXPECT_GT(result.line, 0);
    }
    // Lanes without a row may hold any address.
    EXPECT_TRUE(matrixFailure("setp.gt.u32 %p0, %t, 7; selp.u32 %r1, 0x7ffffff1, %r1, %p0;"
                              "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%q0}, [%r1]; mov.u32 %d, 0;")
                    .ok());
    // Lanes that part and come together again are a warp.
    EXPECT_TRUE(matrixFailure("setp.lt.u32 %p0, %t, 16; @%p0 bra LOW; add.u32 %r5, %t, 1; LOW:" + load +
                              "[%r1]; mov.u32 %d, 0;")
                    .ok());
}

// Rows that are 32 bytes apart share banks two by two; rows of 16 bytes in a row do not.
TEST(MatrixMove, Counters) {
    const auto count = [](const std::string& address) {
        Machine machine(matrixProgram(address +
                                      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%q0, %q1, %q2, %q3}, [%r2];"
                                      "mov.u32 %d, 0;"));
        const u64 out = machine.allocate<u32>(32);
        return machine.launch("test", {1}, {32}, {out, machine.upload(input())}).counters;
    };
    const Counters apart = count("mad.lo.u32 %r2, %t, 32, %s;");
    EXPECT_EQ(apart.sharedLoads, (SharedTraffic{1, 8, 4, 512}));
    const Counters dense = count("mad.lo.u32 %r2, %t, 16, %s;");
    EXPECT_EQ(dense.sharedLoads, (SharedTraffic{1, 4, 4, 512}));
    const Counters same = count("mov.u32 %r2, %s;");  // one row again and again is one word of each bank
    EXPECT_EQ(same.sharedLoads, (SharedTraffic{1, 4, 4, 512}));
    EXPECT_EQ(dense.instructions(InstructionClass::MATRIX), 32u);
}

TEST(MatrixMove, WrongFormsFailTheLoad) {
    for (const std::string text : {"ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%q0}, [%r1];",
                                   "ldmatrix.aligned.m8n8.x1.shared.b16 {%q0}, [%r1];",
                                   "ldmatrix.sync.aligned.m8n8.x3.shared.b16 {%q0, %q1, %q2}, [%r1];",
                                   "ldmatrix.sync.aligned.m8n8.x1.shared.b8 {%q0}, [%r1];",
                                   "ldmatrix.sync.aligned.m8n8.x1.global.b16 {%q0}, [%x0];",
                                   "movmatrix.sync.aligned.m8n8.b16 %q0, %q1;"}) {
        EXPECT_ANY_THROW(Machine(matrixProgram(text))) << text;
    }
}

}  // namespace
}  // namespace quern::emulator
