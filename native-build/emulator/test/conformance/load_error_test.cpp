// What is not PTX, or not known, fails the load with its line: it is never ignored or guessed.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

constexpr int BODY_LINE = 4;

/// A kernel whose fourth line, after the header, is `statement`.
std::string kernelWith(const std::string& statement) {
    return ".visible .entry test(.param .u64 out) {\n    .reg .b32 %r<8>; .reg .b64 %x<8>; .reg .b16 %h<8>; "
           ".reg .pred %p<4>;\n"
           "    mov.u32 %r0, 1;\n    " +
           statement + "\n    ret;\n}\n";
}

void expectRefused(const std::string& statement, int target = 80) {
    try {
        Machine machine(kernelWith(statement), target);
        ADD_FAILURE() << "loads: " << statement;
    } catch (const LoadError& error) {
        EXPECT_EQ(error.kind, LoadErrorKind::INVALID_PTX) << statement << ": " << error.what();
        EXPECT_EQ(error.line, Machine::HEADER_LINES + BODY_LINE) << statement << ": " << error.what();
        EXPECT_NE(std::string(error.what()).find("line " + std::to_string(error.line)), std::string::npos)
            << error.what();
        comparedValues += 3;
    }
}

TEST(LoadError, UnknownOpcodes) {
    for (const char* statement : {"frobnicate.u32 %r0, %r0;", "ad.u32 %r0, %r0, 1;", "addx.u32 %r0, %r0, 1;",
                                  "wgmma.fence.sync.aligned;", "mov32 %r0, 1;"}) {
        expectRefused(statement);
    }
}

TEST(LoadError, UnknownModifiersAndTypes) {
    for (const char* statement : {
             "add.foo.u32 %r0, %r0, 1;",     // no such modifier
             "add.u33 %r0, %r0, 1;",         // no such type
             "add.pred %p0, %p1, %p2;",      // a type that the opcode does not take
             "add.b32 %r0, %r0, 1;",         //
             "add.sat.u32 %r0, %r0, 1;",     // a modifier that the type does not take
             "add.rn.u32 %r0, %r0, 1;",      //
             "add.ftz.f64 %x0, %x1, %x2;",   //
             "mul.u32 %r0, %r0, 2;",         // neither .lo nor .hi nor .wide
             "mul.wide.u64 %x0, %x1, %x2;",  //
             "fma.f32 %r0, %r0, %r0, %r0;",  // no rounding
             "fma.rni.f32 %r0, %r0, %r0, %r0;",
             "div.f32 %r0, %r0, %r0;",
             "sqrt.f32 %r0, %r0;",
             "ex2.f32 %r0, %r0;",
             "setp.lo.s32 %p0, %r0, 1;",   // of unsigned types only
             "setp.equ.u32 %p0, %r0, 1;",  // of floats only
             "setp.lt.b32 %p0, %r0, 1;",
             "set.lt.f64.u32 %x0, %r0, %r1;",
             "shl.u32 %r0, %r0, 1;",
             "shf.l.b32 %r0, %r0, %r1, 1;",
             "shfl.sync.left.b32 %r0, %r0, 1, 31, -1;",
             "vote.sync.some.pred %p0, %p1, -1;",
             "redux.sync.mul.u32 %r0, %r0, -1;",
             "redux.sync.and.u32 %r0, %r0, -1;",
             "atom.global.mul.u32 %r0, [%x0], 1;",
             "atom.global.add.s64 %x0, [%x0], %x1;",
             "atom.global.inc.s32 %r0, [%x0], 1;",
             "ld.global.foo.u32 %r0, [%x0];",
             "ld.texture.u32 %r0, [%x0];",
             "ld.global.v3.u32 {%r0, %r1, %r2}, [%x0];",
             "st.const.u32 [%x0], %r0;",
             "cvt.s32.f32 %r0, %r1;",     // needs a rounding
             "cvt.rn.s32.f32 %r0, %r1;",  // needs an integer rounding
             "cvt.f32.s32 %r0, %r1;",     // needs a rounding
             "cvt.rn.f64.f32 %x0, %r1;",  // takes none
             "cvt.f32.f64 %r0, %x1;",     // needs one
             "bar.foo 0;",
             "membar.block;",
             "prmt.b64 %x0, %x1, %x2, 0;",
             "bfe.b32 %r0, %r1, 0, 8;",
             "mov.u32 %r0, %notaregister;",
             "mov.u32 %r0, %tid.w2;",
         }) {
        expectRefused(statement);
    }
}

// PTX that is right, and that the emulator does not know so far: it must not be guessed either. What is learnt moves
// from here to a test of its family.
TEST(LoadError, WhatIsNotKnownYet) {
    for (const char* statement : {
             "tex.2d.v4.f32.f32 {%r0, %r1, %r2, %r3}, [%x0, {%r4, %r5}];",
             "txq.width.b32 %r0, [%x0];",
             "multimem.red.global.add.u32 [%x0], %r1;",
         }) {
        expectRefused(statement);
    }
}

// Forms of instructions that are known, which there are not.
TEST(LoadError, FormsThatDoNotExist) {
    for (const char* statement : {
             "setp.lt.f16x2 %p0, %r0, %r1;",              // one predicate
             "set.eq.f16x2.bf16x2 %r0, %r1, %r2;",        //
             "cvt.pack.s16.s32 %r0, %r1, %r2;",           // not saturated
             "createpolicy.fractional.b64 %x1, 1.0;",     // no priority
             "ld.global.L2::cache_hint.u32 %r0, [%x0];",  // no policy
             "ld.global.u32 %r0, [%x0], %x1;",            // a policy that is not announced
             "elect.sync %r0, -1;",                       // no predicate
             "vadd4.u32.u32.u32 %r0, %r1, %r2;",          // no third operand
             "vshl.u32.u32.u32 %r0, %r1, %r2;",           // neither .clamp nor .wrap
             "vmad.u32.u32.u32.po %r0, %r1, -%r2, %r3;",  // .po has no negated operand
             "add.u32 %r0, %r1, -%r2;",                   // nor has anything but vmad
             "add.u32 %r0, %r1[0], %r2;",                 // a register is no array
             ".reg .b128 %q; mov.b128 %q, {%r0, %r1};",   // of two registers of 64 bits
             ".reg .b128 %q; add.u64 %x0, %q, %x1;",      //
             ".reg .b128 %q; red.global.exch.b128 [%x0], %q;",
             "vadd.u32.u32.u32 %r0, %r1.b4, %r2;",            // there are four bytes
             "vadd4.u32.u32.u32.min %r0, %r1, %r2, %r3;",     //
             "lop3.xor.b32 %r0|%p0, %r1, %r2, %r3, 1, %p1;",  //
             "red.shared.add.v2.f32 [%r0], {%r1, %r2};",      // vectors are in global memory
             "atom.global.exch.v2.f32 {%r0, %r1}, [%x0], {%r2, %r3};",
             "mov.u32 %r0, %envreg32;",
             "mov.u32 %r0, %pm8;",
             "alloca.u64 %x0, %x1, 3;",
             "call %x0, ();",  // no prototype
             "mov.u32 %r0, (1 << 64);",
             "mov.u32 %r0, 1 / 0;",
         }) {
        expectRefused(statement);
    }
}

TEST(LoadError, OperandsOfTheWrongKind) {
    for (const char* statement : {
             "add.u32 %r0, %r0;",             // too few
             "add.u32 %r0, %r0, 1, 2;",       // too many
             "add.u32 %r0, %x0, 1;",          // a register of another width
             "add.u64 %x0, %r0, %x1;",        //
             "add.u32 %p0, %r0, 1;",          // a predicate where a number belongs
             "setp.eq.u32 %r0, %r0, 1;",      // a number where a predicate belongs
             "add.u32 3, %r0, 1;",            // an immediate as destination
             "@%r0 add.u32 %r0, %r0, 1;",     // a number as guard
             "ld.global.u32 %r0, %x0;",       // no brackets
             "mov.u32 %r0, [%x0];",           // brackets
             "bra NOWHERE;",                  // no such label
             "call (%r0), nothing, (%r0);",   // no such function
             "ld.global.u64 %r0, [%x0];",     // a register narrower than the type
             "mov.b64 %x0, {%r0, %h0};",      // parts that do not add up
             "mul.wide.u32 %r0, %r1, %r2;",   // a destination of single width
             "mov.u32 %r9, 1;",               // %r<8> ends at %r7
             "ld.param.u32 %r0, [nowhere];",  // no such parameter
         }) {
        expectRefused(statement);
    }
}

TEST(LoadError, BrokenText) {
    for (const char* statement :
         {"add.u32 %r0, %r0, 1", "add.u32 %r0 %r0, 1;", "add.u32 %r0,, 1;", "add.u32 %r0, %r0, ;",
          "mov.u32 %r0, 0xzz;", "mov.f32 %r0, 0f3F80;", "{ mov.u32 %r0, 1;", ".reg .b33 %q;"}) {
        EXPECT_THROW(Machine{kernelWith(statement)}, LoadError) << statement;
    }
    EXPECT_THROW(Machine{".visible .entry test( { ret; }"}, LoadError);
    EXPECT_THROW(Machine{".visible .entry test() { ret; "}, LoadError);
    EXPECT_THROW(Machine{".nonsense directive\n"}, LoadError);
    EXPECT_THROW(Machine{".global .u32 x = {1, 2};\n.global .u32 x;\n"}, LoadError);
    EXPECT_THROW(Machine{"/* not closed"}, LoadError);
}

TEST(LoadError, DoubleDefinitions) {
    EXPECT_THROW(Machine{".visible .entry a() { ret; }\n.visible .entry a() { ret; }\n"}, LoadError);
    EXPECT_THROW(Machine{".visible .entry a() { .reg .b32 %r; .reg .b64 %r; ret; }\n"}, LoadError);
    EXPECT_THROW(Machine{".visible .entry a() { X: ret; X: ret; }\n"}, LoadError);
}

TEST(LoadError, PtxForANewerDevice) {
    DeviceMemory memory;
    const std::string kernel = "\n.address_size 64\n.visible .entry a() { ret; }\n";
    const auto load = [&](const std::string& target, int device) {
        return Module::load(".version 7.8\n.target " + target + kernel, DeviceModel::of(device).value(),
                            memory);
    };
    EXPECT_NE(load("sm_80", 80), nullptr);
    EXPECT_NE(load("sm_75", 80), nullptr);
    EXPECT_NE(load("sm_52", 90), nullptr);
    for (const auto& [target, device] :
         {std::pair{"sm_80", 75}, {"sm_86", 80}, {"sm_90", 89}, {"sm_90a", 80}}) {
        try {
            load(target, device);
            ADD_FAILURE() << target << " loads on sm_" << device;
        } catch (const LoadError& error) {
            EXPECT_EQ(error.kind, LoadErrorKind::UNSUPPORTED_TARGET) << error.what();
            EXPECT_NE(std::string(error.what()).find(target), std::string::npos) << error.what();
        }
    }
}

TEST(LoadError, EveryVersionLabelIsTaken) {
    DeviceMemory memory;
    for (const char* version : {"6.0", "6.4", "7.0", "7.8", "8.0", "8.8", "9.0"}) {
        EXPECT_NO_THROW(
            Module::load(std::string(".version ") + version + "\n.target sm_75\n.address_size 64\n",
                         DeviceModel::of(80).value(), memory))
            << version;
    }
    EXPECT_THROW(Module::load(".target sm_75\n", DeviceModel::of(80).value(), memory), LoadError);
    EXPECT_THROW(Module::load("", DeviceModel::of(80).value(), memory), LoadError);
    EXPECT_THROW(Module::load("this is not PTX", DeviceModel::of(80).value(), memory), LoadError);
}

// What compilers write around the code: comments, debug lines, pragmas, linkage, performance directives.
TEST(Load, DirectivesThatDoNotRun) {
    Machine machine(R"(
// a comment
/* one over
   two lines */
.file 1 "kernel.cu"
.extern .func (.param .b32 func_retval0) vprintf(.param .b64 a, .param .b64 b);
.weak .global .align 4 .u32 weak = 3;
.visible .entry test(.param .u64 test_out, .param .u64 .ptr .global .align 4 test_in)
.maxntid 128, 1, 1
.minnctapersm 2
{
    .pragma "nounroll";
    .reg .b32 %r<2>; .reg .b64 %rd<2>;
    .loc 1 10 3
    ld.param.u64 %rd1, [test_out];
    { // a block
    mov.u32 %r1, 7; /* after */
    }
$L__BB0_1:
    .pragma "used_bytes_mask 4095";
    st.global.u32 [%rd1], %r1;
    ret;
}
.weak .entry other() { ret; }
)");
    const Kernel* kernel = machine.module->findKernel("test");
    ASSERT_NE(kernel, nullptr);
    EXPECT_EQ(kernel->maxThreads[0], 128u);
    EXPECT_EQ(kernel->minBlocks, 2u);
    EXPECT_EQ(kernel->target, "sm_80");
    EXPECT_NE(machine.module->findKernel("other"), nullptr);
    EXPECT_EQ(machine.module->findKernel("nothing"), nullptr);
    EXPECT_EQ(machine.module->kernels().size(), 2u);
    const u64 out = machine.allocate<u32>(1);
    machine.run("test", {1}, {1}, {out, out});
    EXPECT_EQ(machine.download<u32>(out, 1)[0], 7u);
}

}  // namespace
}  // namespace quern::emulator
