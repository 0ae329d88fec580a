// Variables of a module: initialisers, alignment, addresses of each other, constant arrays, shared memory.
#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

template <class T>
std::vector<T> contents(const Machine& machine, const std::string& name) {
    const GlobalVariable* variable = machine.module->findGlobal(name);
    if (variable == nullptr) throw std::runtime_error("no variable " + name);
    return machine.download<T>(variable->address, variable->bytes / sizeof(T));
}

TEST(Variables, Initialisers) {
    const Machine machine(R"(
.visible .global .u8 byte = 255;
.visible .global .s8 negative = -3;
.visible .global .align 2 .u16 half = 0xbeef;
.visible .global .u32 word = 0b101;
.visible .global .s64 wide = -9223372036854775807;
.visible .global .f32 one = 1.0;
.visible .global .f32 pi = 0f40490FDB;
.visible .global .f64 tenth = 0.1;
.visible .global .f64 infinite = 0d7FF0000000000000;
.visible .global .align 4 .b8 zero[12];
.visible .global .align 4 .b8 text[6] = {72, 101, 108, 108, 111, 0};
.visible .global .u32 some[5] = {1, 2, 3};
.visible .global .s32 grid[2][3] = {{1, -2, 3}, {4, 5, -6}};
.visible .global .s32 open[] = {7, 8, 9};
.visible .global .s32 ragged[2][3] = {{1}, {4, 5}};
.visible .global .s32 deep[2][2][2] = {{{1}, {2, 3}}, {{4}}};
.visible .global .s32 rows[][3] = {{1}, {2}, {3, 4}};
.visible .global .v2 .s32 pairs[2] = {{1}, {2, 3}};
.visible .global .s32 braced = {9};
.visible .global .s32 computed[3] = {(1 << 4) | 3, ~0 & 0xff, 7 > 3 ? -(2 + 3) * 4 : 0};
.visible .global .f32 mixed[3] = {1.0, 0f3F000000, -2.5};
)");
    EXPECT_EQ(contents<u8>(machine, "byte")[0], 255);
    EXPECT_EQ(contents<s8>(machine, "negative")[0], -3);
    EXPECT_EQ(contents<u16>(machine, "half")[0], 0xbeef);
    EXPECT_EQ(contents<u32>(machine, "word")[0], 5u);
    EXPECT_EQ(contents<s64>(machine, "wide")[0], -9223372036854775807);
    EXPECT_EQ(contents<float>(machine, "one")[0], 1.0f);
    EXPECT_EQ(contents<u32>(machine, "pi")[0], 0x40490fdbu);
    EXPECT_EQ(contents<double>(machine, "tenth")[0], 0.1);
    EXPECT_EQ(contents<double>(machine, "infinite")[0], HUGE_VAL);
    EXPECT_EQ(contents<u8>(machine, "zero"), std::vector<u8>(12, 0));
    EXPECT_EQ(contents<u8>(machine, "text"), (std::vector<u8>{'H', 'e', 'l', 'l', 'o', 0}));
    EXPECT_EQ(contents<u32>(machine, "some"), (std::vector<u32>{1, 2, 3, 0, 0}));
    EXPECT_EQ(contents<s32>(machine, "grid"), (std::vector<s32>{1, -2, 3, 4, 5, -6}));
    EXPECT_EQ(contents<s32>(machine, "open"), (std::vector<s32>{7, 8, 9}));
    EXPECT_EQ(contents<s32>(machine, "ragged"), (std::vector<s32>{1, 0, 0, 4, 5, 0}));
    EXPECT_EQ(contents<s32>(machine, "deep"), (std::vector<s32>{1, 0, 2, 3, 4, 0, 0, 0}));
    EXPECT_EQ(contents<s32>(machine, "rows"), (std::vector<s32>{1, 0, 0, 2, 0, 0, 3, 4, 0}));
    EXPECT_EQ(contents<s32>(machine, "pairs"), (std::vector<s32>{1, 0, 2, 3}));
    EXPECT_EQ(contents<s32>(machine, "braced")[0], 9);
    EXPECT_EQ(contents<s32>(machine, "computed"), (std::vector<s32>{19, 255, -20}));
    EXPECT_EQ(contents<float>(machine, "mixed"), (std::vector<float>{1, 0.5f, -2.5f}));
}

TEST(Variables, RowsThatAreTooLongAreRefused) {
    for (const char* variable :
         {".global .u32 a[2][2] = {{1, 2, 3}};", ".global .u32 a[2] = {1, 2, 3};",
          ".global .u32 a[2][2] = {{1}, {2}, {3}};", ".global .u32 a[2][] = {{1}, {2}};"}) {
        EXPECT_THROW(Machine{variable}, LoadError) << variable;
    }
}

TEST(Variables, AddressesOfOthers) {
    const Machine machine(R"(
.visible .global .align 4 .u32 target[4] = {10, 11, 12, 13};
.visible .global .align 8 .u64 plain = target;
.visible .global .align 8 .u64 inside = target+8;
.visible .global .align 8 .u64 table[3] = {generic(target), generic(target)+4, 0};
)");
    const u64 target = machine.module->findGlobal("target")->address;
    EXPECT_EQ(contents<u64>(machine, "plain")[0], target);
    EXPECT_EQ(contents<u64>(machine, "inside")[0], target + 8);
    EXPECT_EQ(contents<u64>(machine, "table"), (std::vector<u64>{target, target + 4, 0}));
}

TEST(Variables, AreAlignedAsSaid) {
    const Machine machine(R"(
.visible .global .align 1 .b8 one[3];
.visible .global .align 64 .b8 sixtyFour[5];
.visible .global .align 2 .b8 two[1];
.visible .global .f64 natural;
)");
    EXPECT_EQ(machine.module->findGlobal("sixtyFour")->address % 64, 0u);
    EXPECT_EQ(machine.module->findGlobal("two")->address % 2, 0u);
    EXPECT_EQ(machine.module->findGlobal("natural")->address % 8, 0u);
}

TEST(Variables, KeepTheirValueBetweenLaunches) {
    Machine machine(R"(
.visible .global .u32 counter = 40;
.visible .entry count() {
    .reg .b32 %r<2>;
    ld.global.u32 %r0, [counter];
    add.u32 %r0, %r0, 1;
    st.global.u32 [counter], %r0;
    ret;
}
)");
    machine.run("count", {1}, {1}, {});
    machine.run("count", {1}, {1}, {});
    EXPECT_EQ(contents<u32>(machine, "counter")[0], 42u);
}

TEST(Variables, ConstantArrays) {
    const std::string variables = R"(
.const .align 4 .f32 weights[8] = {0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0};
.const .align 8 .u64 where = generic(weights);
.visible .const .align 4 .b8 settable[8];
)";
    const std::vector<float> direct = runThreads<float>(
        "mov.u64 %x0, weights; mad.wide.u32 %x0, %t, 4, %x0; ld.const.f32 %d, [%x0];", 8, 1, {0}, variables);
    expectThreads(direct, [](u32 i) { return 0.5f * (i + 1); });
    const std::vector<u32> fixed = runThreads<u32>("ld.const.u32 %d, [weights+12];", 4, 1, {0}, variables);
    expectThreads(fixed, [](u32) { return std::bit_cast<u32>(2.0f); });

    Machine machine(variables + threadKernel("ld.const.u32 %d, [settable+4];", 4));
    const GlobalVariable* settable = machine.module->findGlobal("settable");
    ASSERT_NE(settable, nullptr);
    EXPECT_EQ(settable->bytes, 8u);
    const u32 value = 77;
    std::memcpy(reinterpret_cast<void*>(settable->address + 4), &value, 4);
    const u64 out = machine.allocate<u32>(1);
    machine.run("test", {1}, {1}, {out, out});
    EXPECT_EQ(machine.download<u32>(out, 1)[0], 77u);
}

// ---- shared memory ------------------------------------------------------------------------------------------------

TEST(Shared, StaticArraysLieApart) {
    Machine machine(threadKernel(R"(
    .shared .align 4 .b32 first[64];
    .shared .align 8 .b64 second[64];
    .shared .align 1 .b8 third[64];
    mov.u64 %x0, first; mad.wide.u32 %x0, %t, 4, %x0;
    mov.u64 %x1, second; mad.wide.u32 %x1, %t, 8, %x1;
    mov.u64 %x2, third; cvt.u64.u32 %x3, %t; add.u64 %x2, %x2, %x3;
    st.shared.u32 [%x0], %t;
    mul.wide.u32 %x4, %t, 1000; st.shared.u64 [%x1], %x4;
    st.shared.u8 [%x2], %t;
    bar.sync 0;
    ld.shared.u32 %r0, [%x0]; ld.shared.u64 %x5, [%x1]; ld.shared.u8 %r1, [%x2];
    cvt.u32.u64 %r2, %x5; add.u32 %d, %r0, %r1; add.u32 %d, %d, %r2;)",
                                 4));
    EXPECT_GE(machine.module->findKernel("test")->staticSharedBytes, 64u * 13);
    EXPECT_LE(machine.module->findKernel("test")->staticSharedBytes, 64u * 13 + 16);
    const u64 out = machine.allocate<u32>(64);
    machine.run("test", {1}, {64}, {out, out});
    expectThreads(machine.download<u32>(out, 64), [](u32 i) { return 1002 * i; });
}

TEST(Shared, EachBlockHasItsOwn) {
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 sum;
    setp.ne.u32 %p0, %t, 0;
    @!%p0 st.shared.u32 [sum], 0;
    bar.sync 0;
    mov.u32 %r0, %ctaid.x;
    add.u32 %r0, %r0, 1;
    atom.shared.add.u32 %r1, [sum], %r0;
    bar.sync 0;
    ld.shared.u32 %d, [sum];)",
                                  64, 20),
                  [](u32 i) { return 64 * (i / 64 + 1); });
}

TEST(Shared, DynamicArraysFollowTheStaticOnesAndAlias) {
    Machine machine(R"(
.extern .shared .align 16 .b8 dynamic[];
.extern .shared .align 4 .b32 words[];
)" + threadKernel(R"(
    .shared .align 4 .b32 fixed[32];
    mov.u32 %r0, fixed; shl.b32 %r1, %t, 2; add.u32 %r0, %r0, %r1;
    mov.u32 %r2, dynamic; add.u32 %r2, %r2, %r1;
    mov.u32 %r3, words; add.u32 %r3, %r3, %r1;
    st.shared.u32 [%r0], 5;
    st.shared.u32 [%r2], %t;
    bar.sync 0;
    ld.shared.u32 %r4, [%r0]; ld.shared.u32 %r5, [%r3];
    mad.lo.u32 %d, %r5, 10, %r4;)",
                  4));
    EXPECT_EQ(machine.module->findKernel("test")->staticSharedBytes, 128u);
    const u64 out = machine.allocate<u32>(32);
    machine.run("test", {1}, {32}, {out, out}, 128);
    expectThreads(machine.download<u32>(out, 32), [](u32 i) { return 10 * i + 5; });
}

TEST(Shared, DynamicSizeIsWhatTheLaunchSays) {
    expectThreads(
        [] {
            Machine machine(
                threadKernel("mov.u32 %r0, %dynamic_smem_size; mov.u32 %r1, %total_smem_size; "
                             "mad.lo.u32 %d, %r0, 100000, %r1;",
                             4));
            const u64 out = machine.allocate<u32>(1);
            machine.run("test", {1}, {1}, {out, out}, 512);
            return machine.download<u32>(out, 1);
        }(),
        [](u32) { return 51200512u; });
}

}  // namespace
}  // namespace quern::emulator
