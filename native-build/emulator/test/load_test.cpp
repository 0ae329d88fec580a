// PTX that does not load, and PTX whose form is unusual but right.
#include <gtest/gtest.h>

#include <random>

#include "snippet.hpp"

namespace quern::emulator::test {
namespace {

LoadError errorOf(const std::string& ptx, int capability = 80) {
    DeviceMemory memory;
    try {
        Module::load(ptx, *DeviceModel::of(capability), memory);
    } catch (const LoadError& error) {
        EXPECT_TRUE(memory.live().empty()) << "a failed load leaves nothing behind";
        return error;
    }
    ADD_FAILURE() << "loads: " << ptx;
    return LoadError(LoadErrorKind::INVALID_PTX, 0, 0, "", "");
}

LoadError errorInBody(const std::string& code) {
    return errorOf(HEADER +
                   ".global .u32 g;\n.visible .entry k() {\n.reg .b32 %r<4>; .reg .b64 %rd<4>; .reg .f32 "
                   "%f<4>; .reg .pred %p<4>;\n" +
                   code + "\nret;\n}\n");
}

TEST(Load, UnknownOpcodesAndModifiersFailWithLineAndText) {
    const LoadError error = errorInBody("add.s32 %r0, %r1, %r2;\nfrobnicate.s32 %r0, %r1;");
    EXPECT_EQ(error.line, 8);
    EXPECT_EQ(error.column, 1);
    EXPECT_EQ(error.text, "frobnicate.s32 %r0, %r1;");
    EXPECT_NE(std::string(error.what()).find("unknown instruction frobnicate.s32"), std::string::npos);
    for (const char* code :
         {"add.wild.s32 %r0, %r1, %r2;", "fma.f32 %f0, %f1, %f2, %f3;", "ld.global.funny.u32 %r0, [g];",
          "st.global.u33 [g], %r0;", "setp.almost.s32 %p0, %r0, %r1;", "cvt.s32.f32 %r0, %f0;",
          "cvt.rn.s32.f32 %r0, %f0;", "cvt.rn.f64.f32 %rd0, %f0;", "redux.sync.mul.s32 %r0, %r1, -1;",
          "shfl.b32 %r0, %r1, 1, 31;", "bar.sync.often 0;", "vote.sync.most.pred %p0, %p1, -1;",
          "mul.s32 %r0, %r1, %r2;", "atom.global.nand.b32 %r0, [g], 1;", "membar.moon;", "ex2.f32 %f0, %f1;",
          "add.rn.s32 %r0, %r1, %r2;"}) {
        EXPECT_EQ(errorInBody(code).line, 7) << code;
    }
}

TEST(Load, OperandsThatDoNotFitFail) {
    for (const char* code :
         {"add.s32 %r0, %r1;", "add.s32 %r0, %r1, %rd0;", "add.s32 %r0, %r1, %nowhere;",
          "add.s32 5, %r0, %r1;", "add.f32 %f0, %f1, 2;", "mov.u32 %r9, 1;", "bra NOWHERE;",
          "@%r0 bra NOWHERE;", "call nothing;", "ld.global.u32 %r0, [%p0];", "ld.global.u64 %r0, [g];",
          "ld.shared.u32 %r0, [g];", "ld.global.v2.u32 {%r0}, [g];", "mov.b64 {%r0, %r1, %r2}, %rd0;",
          "lop3.b32 %r0, %r1, %r2, %r3, 256;", "call (%r0), k, ();"}) {
        EXPECT_EQ(errorInBody(code).line, 7) << code;
    }
}

TEST(Load, BrokenTextFails) {
    for (const char* ptx :
         {"", "hello", ".version 7.8", ".version 7.8\n.target sm_80\n.entry k() {",
          ".version 7.8\n.target sm_80\n.entry", ".version 7.8\n.target sm_80\n/* never closed",
          ".version 7.8\n.target sm_80\n\"open", ".version 7.8\n.target sm_80\n.global .u32 x = ;",
          ".version 7.8\n.target sm_80\n.address_size 32",
          ".version 7.8\n.target sm_80\n.global .u32 x = 99999999999999999999;",
          ".version 7.8\n.target banana\n", ".version 7.8\n.target sm_80\n\x01"}) {
        errorOf(ptx);
    }
    EXPECT_EQ(errorOf(HEADER + ".entry k() {\n add.s32 %r0 %r1;\n}").line, 5);
}

TEST(Load, PtxForNewerDevicesIsRefused) {
    const std::string ptx = ".version 7.8\n.target sm_86\n.address_size 64\n.visible .entry k() { ret; }";
    EXPECT_EQ(errorOf(ptx, 80).kind, LoadErrorKind::UNSUPPORTED_TARGET);
    DeviceMemory memory;
    EXPECT_NE(Module::load(ptx, *DeviceModel::of(86), memory), nullptr);
    EXPECT_NE(Module::load(ptx, *DeviceModel::of(90), memory), nullptr);
}

TEST(Load, DebugInformationAndPragmasAreSkipped) {
    Bench bench;
    bench.load(R"(
.file 1 "/somewhere/x.cu"
.weak .entry k() .minnctapersm 2 .maxntid 128
{
    .reg .b32 %r<2>;
    .loc 1 12 3
    .pragma "nounroll";
    .loc 1 13 3, function_name $L__info_string0, inlined_at 1 12 3
    mov.u32 %r0, 0;
    ret;
}
.section .debug_str { $L__info_string0: .b8 95, 90; }
)");
    const Kernel* kernel = bench.module->findKernel("k");
    ASSERT_NE(kernel, nullptr);
    EXPECT_EQ(kernel->minBlocks, 2U);
    EXPECT_EQ(kernel->maxThreads[0], 128U);
    EXPECT_EQ(kernel->maxThreadsPerBlock(bench.device), 128U);
}

TEST(Load, ParametersAreLaidOutByAlignment) {
    Bench bench;
    bench.load(
        ".visible .entry k(.param .u8 a, .param .u64 .ptr .global .align 16 b, .param .f32 c, .param .align "
        "16 .b8 d[20], .param .u16 e) { ret; }");
    const Kernel& kernel = *bench.module->findKernel("k");
    const std::uint32_t offsets[] = {0, 8, 16, 32, 52};
    for (std::size_t i = 0; i < 5; i++)
        EXPECT_EQ(kernel.parameters[i].offset, offsets[i]) << kernel.parameters[i].name;
    EXPECT_EQ(kernel.parameterBytes, 54U);
    EXPECT_EQ(kernel.parameters[3].bytes, 20U);
}

TEST(Load, VariablesAreFoundAndFreedWithTheModule) {
    Bench bench;
    bench.load(".visible .global .align 8 .b8 buffer[100];\n.visible .entry k() { ret; }");
    const GlobalVariable* variable = bench.module->findGlobal("buffer");
    ASSERT_NE(variable, nullptr);
    EXPECT_EQ(variable->bytes, 100U);
    EXPECT_EQ(bench.memory.live(AllocationKind::MODULE_GLOBAL).size(), 1U);
    EXPECT_EQ(bench.module->findGlobal("other"), nullptr);
    EXPECT_EQ(bench.module->findKernel("other"), nullptr);
    bench.module.reset();
    EXPECT_TRUE(bench.memory.live().empty());
}

TEST(Load, DamagedTextNeverCrashes) {
    // Bytes of a real kernel, removed, doubled and changed: it loads or says why not.
    const std::string whole = HEADER + R"(.global .align 4 .b8 t[4] = {1, 2, 3, 4};
.func (.param .b32 r) f(.param .b32 a) { .reg .b32 %r<2>; ld.param.u32 %r0, [a]; st.param.b32 [r], %r0; ret; }
.visible .entry k(.param .u64 out) .maxntid 32, 1, 1 { .reg .b32 %r<4>; .reg .pred %p<2>; .reg .b64 %rd<3>;
L: ld.param.u64 %rd0, [out]; mov.u32 %r0, %tid.x; setp.lt.s32 %p0|%p1, %r0, 5; @%p0 bra L; { .param .b32 q; .param .b32 s;
st.param.b32 [q+0], %r0; call.uni (s), f, (q); ld.param.b32 %r1, [s+0]; } st.global.v2.b32 [%rd0+-8], {%r0, %r1}; mov.b64 %rd1, {%r0, %r1};
fma.rn.f32 %r1, %r0, 0f3F800000, 0fBF800000; shfl.sync.idx.b32 %r2|%p0, %r1, 1, 31, -1; bar.sync 0; ret; }
)";
    std::mt19937 random(11);
    DeviceMemory memory;
    int loaded = 0;
    for (int i = 0; i < 3000; i++) {
        std::string text = whole;
        for (int change = 0; change < 3; change++) {
            const std::size_t at = random() % text.size();
            switch (random() % 4) {
                case 0: text.erase(at, 1 + random() % 8); break;
                case 1: text.insert(at, text.substr(random() % text.size(), 1 + random() % 12)); break;
                case 2: text[at] = static_cast<char>(random()); break;
                default: text.resize(at + 1); break;
            }
        }
        try {
            Module::load(text, *DeviceModel::of(80), memory);
            loaded++;
        } catch (const LoadError& error) {
            EXPECT_FALSE(std::string(error.what()).empty());
        }
    }
    EXPECT_LT(loaded, 3000);
}

}  // namespace
}  // namespace quern::emulator::test
