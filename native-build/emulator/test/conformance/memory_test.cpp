// Loads and stores: every space, width, vector form and cache hint; operands wider than the type; generic addresses,
// cvta and isspacep; parameters.
#include <algorithm>

#include "conformance/evaluate.hpp"

namespace quern::emulator {
namespace {

// 32 bytes without a pattern, loaded by each of a few threads at its own offset.
const std::vector<u32> WORDS = randomBits<u32>(64);

u64 bytesAt(std::size_t offset, int count) {
    u64 value = 0;
    std::memcpy(&value, reinterpret_cast<const u8*>(WORDS.data()) + offset, count);
    return value;
}

template <class T>
T valueAt(std::size_t offset) {
    return fromBits<T>(bytesAt(offset, sizeof(T)));
}

// "ld: if the destination register is wider than the type, the value is sign- or zero-extended (.b: zero)."
template <class T, class Register>
void expectLoad(const std::string& type) {
    const std::string body =
        "mad.wide.u32 %x0, %i, " + std::to_string(sizeof(T)) + ", %in; ld.global." + type + " %d, [%x0];";
    expectThreads(
        runThreads<Register>(body, 16, 1, WORDS),
        [](u32 i) { return static_cast<Register>(valueAt<T>(i * sizeof(T))); }, body);
}

TEST(Load, ExtendsIntoWiderRegisters) {
    forTypes<u8, s8>([](auto zero) {
        using T = decltype(zero);
        expectLoad<T, u16>(typeName<T>());
        expectLoad<T, u32>(typeName<T>());
        expectLoad<T, u64>(typeName<T>());
    });
    forTypes<u16, s16>([](auto zero) {
        using T = decltype(zero);
        expectLoad<T, u16>(typeName<T>());
        expectLoad<T, u32>(typeName<T>());
        expectLoad<T, u64>(typeName<T>());
    });
    forTypes<u32, s32>([](auto zero) {
        using T = decltype(zero);
        expectLoad<T, u32>(typeName<T>());
        expectLoad<T, u64>(typeName<T>());
    });
    expectLoad<u8, u32>("b8");
    expectLoad<u16, u32>("b16");
    expectLoad<u32, u64>("b32");
    expectLoad<u64, u64>("b64");
    expectLoad<u64, u64>("f64");
    expectLoad<u32, u32>("f32");
}

// Stores take the low bits of a wider register and leave their neighbours alone.
TEST(Store, NarrowsFromWiderRegisters) {
    struct Form {
        const char* type;
        const char* value;
        int bytes;
    };
    for (const Form& form :
         {Form{"u8", "%h0", 1}, Form{"s8", "%r0", 1}, Form{"b8", "%x0", 1}, Form{"u16", "%h0", 2},
          Form{"b16", "%r0", 2}, Form{"s16", "%x0", 2}, Form{"u32", "%r0", 4}, Form{"b32", "%x0", 4},
          Form{"u64", "%x0", 8}, Form{"f64", "%x0", 8}}) {
        const std::string body = R"(
    mov.u64 %d, 0;
    mov.b64 %x1, 0xf1e2d3c4b5a69788;
    cvt.u64.u32 %x2, %i; mul.lo.u64 %x2, %x2, 0x0101010101010101; add.u64 %x0, %x1, %x2;
    cvt.u32.u64 %r0, %x0; cvt.u16.u32 %h0, %r0;
    mad.wide.u32 %x3, %i, 16, %in;
    st.global.)" + std::string(form.type) +
                                 " [%x3], " + form.value + R"(;
    ld.global.u64 %d, [%x3];)";
        const std::vector<u32> zeros(16 * 4, 0);
        expectThreads(
            runThreads<u64>(body, 16, 1, zeros),
            [&](u32 i) {
                const u64 value = 0xf1e2d3c4b5a69788 + i * 0x0101010101010101u;
                return form.bytes == 8 ? value : value & ((u64{1} << (8 * form.bytes)) - 1);
            },
            body);
    }
}

// Vectors: elements in order of address, each extended by itself.
template <class T>
void expectVector(int count, const std::string& space) {
    std::string registers, sum = "mov.u64 %d, 0;", elements;
    for (int k = 0; k < count; k++) {
        const std::string name = "%x" + std::to_string(4 + k);
        registers += (k == 0 ? "" : ", ") + name;
        sum += " mul.lo.u64 %d, %d, 31; add.u64 %d, %d, " + name + ";";
    }
    const std::string vector = ".v" + std::to_string(count) + "." + typeName<T>();
    const int bytes = count * static_cast<int>(sizeof(T));
    // Through `space`: loaded from global memory as a vector, stored there, loaded again.
    std::string body = "mad.wide.u32 %x0, %i, " + std::to_string(bytes) + ", %in;\n";
    if (space == "global") {
        body += "ld.global" + vector + " {" + registers + "}, [%x0];\n";
    } else {
        const std::string variable =
            space == "shared" ? ".shared .align 16 .b8 place[512];\n" : ".local .align 16 .b8 place[16];\n";
        body += variable + "mov.u64 %x1, place;\n";
        if (space == "shared") body += "mad.wide.u32 %x1, %t, " + std::to_string(bytes) + ", %x1;\n";
        body += "ld.global" + vector + " {" + registers + "}, [%x0];\nst." + space + vector + " [%x1], {" +
                registers + "};\n";
        for (int k = 0; k < count; k++) body += "mov.u64 %x" + std::to_string(4 + k) + ", 0;\n";
        body += "ld." + space + vector + " {" + registers + "}, [%x1];\n";
    }
    expectThreads(
        runThreads<u64>(body + sum, 8, 1, WORDS),
        [&](u32 i) {
            u64 expected = 0;
            for (int k = 0; k < count; k++) {
                expected = expected * 31 + static_cast<u64>(valueAt<T>(i * bytes + k * sizeof(T)));
            }
            return expected;
        },
        body);
}

TEST(LoadStore, Vectors) {
    for (const char* space : {"global", "shared", "local"}) {
        forTypes<u8, s8, u16, s16, u32, s32, u64, s64>(
            [&](auto zero) { expectVector<decltype(zero)>(2, space); });
        forTypes<u8, s8, u16, s16, u32, s32>([&](auto zero) { expectVector<decltype(zero)>(4, space); });
    }
}

TEST(LoadStore, VectorsOfFloats) {
    expectThreads(
        runThreads<u32>(R"(
    mad.wide.u32 %x0, %i, 16, %in;
    ld.global.v4.f32 {%r0, %r1, %r2, %r3}, [%x0];
    xor.b32 %d, %r0, %r1; xor.b32 %d, %d, %r2; xor.b32 %d, %d, %r3;)",
                        8, 1, WORDS),
        [](u32 i) { return WORDS[4 * i] ^ WORDS[4 * i + 1] ^ WORDS[4 * i + 2] ^ WORDS[4 * i + 3]; });
    expectThreads(runThreads<u64>(R"(
    mad.wide.u32 %x0, %i, 16, %in;
    ld.global.v2.f64 {%x1, %x2}, [%x0];
    st.global.v2.f64 [%x0], {%x2, %x1};
    ld.global.b64 %d, [%x0];)",
                                  8, 1, WORDS),
                  [](u32 i) { return bytesAt(16 * i + 8, 8); });
}

TEST(LoadStore, HintsChangeNothing) {
    for (const char* hint : {"ca", "cg", "cs", "lu", "cv"}) {
        expectThreads(
            runThreads<u32>(
                std::string("mad.wide.u32 %x0, %i, 4, %in; ld.global.") + hint + ".u32 %d, [%x0];", 32, 1,
                WORDS),
            [](u32 i) { return WORDS[i]; }, hint);
    }
    for (const char* load :
         {"ld.global.nc.u32", "ld.global.ca.nc.u32", "ld.volatile.global.u32", "ld.weak.global.u32",
          "ld.relaxed.gpu.global.u32", "ld.acquire.gpu.global.u32", "ld.relaxed.sys.global.u32",
          "ld.acquire.cta.global.u32", "ld.global.L1::evict_last.u32", "ld.global.L1::no_allocate.u32",
          "ld.global.nc.L1::evict_first.L2::128B.u32", "ld.global.L2::64B.u32", "ld.global.L2::256B.u32",
          "ldu.global.u32", "ld.u32", "ld.volatile.u32", "ld.relaxed.gpu.u32"}) {
        expectThreads(
            runThreads<u32>(std::string("mad.wide.u32 %x0, %i, 4, %in; ") + load + " %d, [%x0];", 32, 1,
                            WORDS),
            [](u32 i) { return WORDS[i]; }, load);
    }
    for (const char* store : {"st.global.wb.u32", "st.global.cg.u32", "st.global.cs.u32", "st.global.wt.u32",
                              "st.volatile.global.u32", "st.relaxed.gpu.global.u32",
                              "st.release.gpu.global.u32", "st.release.sys.global.u32", "st.weak.global.u32",
                              "st.global.L1::no_allocate.u32", "st.u32", "st.volatile.u32"}) {
        const std::string body = std::string("mad.wide.u32 %x0, %i, 4, %in; mul.lo.u32 %r0, %i, 3; ") +
                                 store + " [%x0], %r0; ld.global.u32 %d, [%x0];";
        expectThreads(
            runThreads<u32>(body, 32, 1, WORDS), [](u32 i) { return 3 * i; }, store);
    }
}

TEST(LoadStore, Prefetch) {
    expectThreads(runThreads<u32>(R"(
    mad.wide.u32 %x0, %i, 4, %in;
    prefetch.global.L2 [%x0];
    prefetch.global.L1 [%x0];
    prefetchu.L1 [%x0];
    ld.global.u32 %r0, [%x0];
    add.u32 %r0, %r0, 1;
    st.global.u32 [%x0], %r0;
    ld.global.u32 %d, [%x0];)",
                                  32, 1, WORDS),
                  [](u32 i) { return WORDS[i] + 1; });
}

TEST(LoadStore, Fences) {
    expectThreads(runThreads<u32>(R"(
    membar.cta; membar.gl; membar.sys;
    fence.acq_rel.cta; fence.acq_rel.gpu; fence.acq_rel.sys; fence.sc.cta; fence.sc.gpu; fence.sc.sys;
    mov.u32 %d, %t;)",
                                  32),
                  [](u32 i) { return i; });
}

// ---- spaces -------------------------------------------------------------------------------------------------------

TEST(Spaces, LocalMemoryIsEachThreadsOwn) {
    expectThreads(runThreads<u32>(R"(
    .local .align 8 .b8 depot[64];
    mov.u64 %x0, depot;
    mov.u32 %r0, 0;
FILL:
    mad.wide.u32 %x1, %r0, 4, %x0;
    mad.lo.u32 %r1, %i, 100, %r0;
    st.local.u32 [%x1], %r1;
    add.u32 %r0, %r0, 1;
    setp.lt.u32 %p0, %r0, 16;
    @%p0 bra FILL;
    and.b32 %r2, %i, 15;
    mad.wide.u32 %x1, %r2, 4, %x0;
    ld.local.u32 %d, [%x1];)",
                                  96, 3),
                  [](u32 i) { return 100 * i + (i & 15); });
}

// As sin's slow path is compiled: a 64-bit register through 32 bits of local memory.
TEST(Spaces, LocalStoresFromWiderRegisters) {
    expectThreads(runThreads<u64>(R"(
    .local .align 4 .b8 depot[28];
    mov.u64 %x0, depot;
    cvt.u64.u32 %x1, %i;
    add.u64 %x1, %x1, 0x700000000;
    st.local.u32 [%x0], %x1;
    st.local.u32 [%x0+4], 9;
    ld.local.u32 %x2, [%x0];
    ld.local.u32 %x3, [%x0+4];
    mad.lo.u64 %d, %x3, 1000, %x2;)",
                                  40),
                  [](u32 i) { return 9000 + i; });
}

TEST(Spaces, GenericAddressesOfEverySpace) {
    const std::string variables = ".global .align 4 .b32 g[64];\n.const .align 4 .b32 c[2] = {111, 222};\n";
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 s[64];
    .local .align 4 .b32 l[2];
    mov.u64 %x0, s; cvta.shared.u64 %x0, %x0; mad.wide.u32 %x0, %t, 4, %x0;
    mov.u64 %x1, l; cvta.local.u64 %x1, %x1;
    mov.u64 %x2, g; cvta.global.u64 %x2, %x2; mad.wide.u32 %x2, %t, 4, %x2;
    mov.u64 %x3, c; cvta.const.u64 %x3, %x3;
    add.u32 %r0, %t, 1000; st.u32 [%x0], %r0;
    add.u32 %r1, %t, 2000; st.u32 [%x1+4], %r1;
    add.u32 %r2, %t, 3000; st.u32 [%x2], %r2;
    ld.u32 %r3, [%x0]; ld.u32 %r4, [%x1+4]; ld.u32 %r5, [%x2]; ld.u32 %r6, [%x3+4];
    // and back to each space
    cvta.to.shared.u64 %x4, %x0; ld.shared.u32 %r7, [%x4];
    cvta.to.local.u64 %x5, %x1; ld.local.u32 %r8, [%x5+4];
    cvta.to.global.u64 %x6, %x2; ld.global.u32 %r9, [%x6];
    cvta.to.const.u64 %x7, %x3; ld.const.u32 %r10, [%x7];
    add.u32 %d, %r3, %r4; add.u32 %d, %d, %r5; add.u32 %d, %d, %r6;
    add.u32 %d, %d, %r7; add.u32 %d, %d, %r8; add.u32 %d, %d, %r9; add.u32 %d, %d, %r10;)",
                                  64, 1, {0}, variables),
                  [](u32 i) { return 2 * (6000 + 3 * i) + 222 + 111; });
}

TEST(Spaces, Isspacep) {
    // Four addresses, one in each space; four questions about each.
    std::string body = R"(
    .shared .align 4 .b32 s[2];
    .local .align 4 .b32 l[2];
    cvta.global.u64 %x0, g; cvta.shared.u64 %x1, s; cvta.local.u64 %x2, l; cvta.const.u64 %x3, c+4;
    mov.u32 %d, 0;
)";
    const char* spaces[] = {"global", "shared", "local", "const"};
    for (int address = 0; address < 4; address++) {
        for (int space = 0; space < 4; space++) {
            body += std::string("isspacep.") + spaces[space] + " %p0, %x" + std::to_string(address) +
                    "; @%p0 or.b32 %d, %d, " + std::to_string(1 << (4 * address + space)) + ";\n";
        }
    }
    expectThreads(runThreads<u32>(body, 2, 1, {0},
                                  ".global .align 4 .b32 g[2]; .const .align 4 .b32 c[2]; .const .b8 d;\n"),
                  [](u32) { return 0x8421; });
}

// "Array elements can be accessed by indexing into the array using square-bracket notation."
TEST(Spaces, ElementsOfArrays) {
    const std::string variables =
        ".global .align 4 .u32 g[4] = {10, 11, 12, 13}; .const .align 8 .u64 c[3] = {20, 21, 22};\n";
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 s[64];
    .local .align 4 .b16 l[4];
    mov.u32 %r0, s[2]; mad.lo.u32 %r0, %t, 4, %r0; st.shared.u32 [%r0], %t;
    bar.sync 0;
    ld.shared.u32 %r1, s[3];
    mov.u16 %h0, 300; st.local.u16 l[1+1], %h0; ld.local.u16 %r2, [l+4];
    ld.global.u32 %r3, g[3]; ld.const.u64 %x0, c[1]; cvt.u32.u64 %r4, %x0;
    mov.u64 %x1, g[1]; ld.global.u32 %r5, [%x1];
    add.u32 %d, %r1, %r2; add.u32 %d, %d, %r3; add.u32 %d, %d, %r4; add.u32 %d, %d, %r5;)",
                                  32, 1, {0}, variables),
                  [](u32) { return 1 + 300 + 13 + 21 + 11; });
}

// Registers of 128 bits: moved, loaded and stored; each in a call's frame, too.
TEST(Memory, Registers128) {
    const auto actual = runThreads<u32>(R"(
    .reg .b128 %q<3>;
    mul.wide.u32 %x0, %t, 0x10001; not.b64 %x1, %x0;
    mov.b128 %q0, {%x0, %x1};
    .shared .align 16 .b8 s[512];
    mov.u32 %r0, s; mad.lo.u32 %r0, %t, 16, %r0;
    st.shared.b128 [%r0], %q0;
    xor.b32 %r0, %r0, 16;
    bar.sync 0;
    ld.shared.b128 %q1, [%r0];
    mov.b128 %q2, %q1;
    mov.b128 {%x2, %x3}, %q2;
    not.b64 %x3, %x3;
    setp.eq.u64 %p0, %x2, %x3;
    cvt.u32.u64 %d, %x2;
    @!%p0 mov.u32 %d, -1;)",
                                        32);
    expectThreads(actual, [](u32 i) { return (i ^ 1) * 0x10001; });
}

// Lanes swap in turn: each gets what the one before it left. cas compares all 128 bits.
TEST(Memory, Atomics128) {
    const auto actual = runThreads<u32>(R"(
    .reg .b128 %q<4>;
    .shared .align 16 .b8 s[16];
    mov.u32 %r0, s;
    mov.u64 %x0, 7; mov.u64 %x1, 9; mov.b128 %q0, {%x0, %x1};
    setp.eq.u32 %p0, %t, 0;
    @%p0 st.shared.b128 [%r0], %q0;
    bar.sync 0;
    cvt.u64.u32 %x2, %t; add.u64 %x3, %x2, 100; mov.b128 %q1, {%x2, %x3};
    atom.shared.exch.b128 %q2, [%r0], %q1;
    mov.b128 {%x4, %x5}, %q2;
    cvt.u32.u64 %d, %x5;
    bar.sync 0;
    setp.eq.u32 %p1, %t, 5;
    mov.u64 %x6, 31; mov.u64 %x7, 131; mov.b128 %q3, {%x6, %x7};
    mov.u64 %x8, 132; mov.b128 %q2, {%x6, %x8};
    @%p1 atom.shared.cas.b128 %q1, [%r0], %q2, %q0; // not equal in the upper half: nothing happens
    @%p1 atom.shared.cas.b128 %q1, [%r0], %q3, %q0;
    mov.b128 {%x4, %x5}, %q1;
    @%p1 cvt.u32.u64 %d, %x5;
    bar.sync 0;
    ld.shared.b128 %q1, [%r0]; mov.b128 {%x4, %x5}, %q1;
    setp.eq.u32 %p2, %t, 6;
    @%p2 cvt.u32.u64 %d, %x5;)",
                                        32, 1, {0}, "", 90);
    expectThreads(actual, [](u32 i) { return i == 0 || i == 6 ? 9 : i == 5 ? 131 : i + 99; });
}

TEST(Spaces, ParametersOfEveryType) {
    Machine machine(R"(
.visible .entry test(.param .u64 out, .param .u8 a, .param .s8 b, .param .u16 c, .param .s16 e, .param .u32 f,
                     .param .f32 g, .param .u64 h, .param .f64 i, .param .align 8 .b8 j[24]) {
    .reg .b32 %r<8>;
    .reg .b64 %x<12>;
    ld.param.u64 %x0, [out];
    ld.param.u8 %r0, [a]; st.global.u32 [%x0], %r0;
    ld.param.s8 %r0, [b]; st.global.u32 [%x0+4], %r0;
    ld.param.u16 %r0, [c]; st.global.u32 [%x0+8], %r0;
    ld.param.s16 %r0, [e]; st.global.u32 [%x0+12], %r0;
    ld.param.u32 %r0, [f]; st.global.u32 [%x0+16], %r0;
    ld.param.f32 %r0, [g]; st.global.f32 [%x0+20], %r0;
    ld.param.u64 %x1, [h]; st.global.u64 [%x0+24], %x1;
    ld.param.f64 %x1, [i]; st.global.f64 [%x0+32], %x1;
    ld.param.u32 %r0, [j+12]; st.global.u32 [%x0+40], %r0;
    ld.param.v2.u32 {%r0, %r1}, [j+16]; st.global.v2.u32 [%x0+48], {%r1, %r0};
    mov.b64 %x2, j; ld.param.u64 %x3, [%x2+8]; st.global.u64 [%x0+56], %x3;
    mov.b64 %x4, %x2; add.u64 %x4, %x4, 4; ld.param.u8 %r2, [%x4]; st.global.u32 [%x0+64], %r2;
    ret;
}
)");
    struct Block {
        u32 words[6];
    };
    const Block block{{0x01020304, 0x11121314, 0x21222324, 0x31323334, 0x41424344, 0x51525354}};
    const u64 out = machine.allocate<u32>(18);
    machine.run(
        "test", {1}, {1},
        {out, u8{200}, s8{-100}, u16{60000}, s16{-30000}, u32{4000000000}, 1.5f, ~u64{1}, -2.5, block});
    const std::vector<u32> words = machine.download<u32>(out, 18);
    EXPECT_EQ(words[0], 200u);
    EXPECT_EQ(words[1], static_cast<u32>(-100));
    EXPECT_EQ(words[2], 60000u);
    EXPECT_EQ(words[3], static_cast<u32>(-30000));
    EXPECT_EQ(words[4], 4000000000u);
    EXPECT_EQ(words[5], 0x3fc00000u);
    EXPECT_EQ(words[6] | u64{words[7]} << 32, ~u64{1});
    EXPECT_EQ(std::bit_cast<double>(words[8] | u64{words[9]} << 32), -2.5);
    EXPECT_EQ(words[10], 0x31323334u);
    EXPECT_EQ(words[12], 0x51525354u);
    EXPECT_EQ(words[13], 0x41424344u);
    EXPECT_EQ(words[14], 0x21222324u);
    EXPECT_EQ(words[15], 0x31323334u);
    EXPECT_EQ(words[16], 0x14u);
}

TEST(Spaces, ParameterBlockIsLaidOutAsInC) {
    Machine machine(R"(
.visible .entry test(.param .u8 a, .param .u64 b, .param .u16 c, .param .align 16 .b8 e[20], .param .u32 f) { ret; }
)");
    const Kernel* kernel = machine.module->findKernel("test");
    ASSERT_NE(kernel, nullptr);
    ASSERT_EQ(kernel->parameters.size(), 5u);
    const u32 offsets[] = {0, 8, 16, 32, 52}, bytes[] = {1, 8, 2, 20, 4};
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(kernel->parameters[i].offset, offsets[i]) << i;
        EXPECT_EQ(kernel->parameters[i].bytes, bytes[i]) << i;
    }
    EXPECT_EQ(kernel->parameterBytes, 56u);
}

// A parameter of a kernel has a generic address too.
TEST(Spaces, ParametersByGenericAddress) {
    Machine machine(R"(
.visible .entry test(.param .u64 out, .param .align 4 .b8 values[16]) {
    .reg .b32 %r<4>;
    .reg .b64 %x<6>;
    mov.u32 %r0, %tid.x;
    ld.param.u64 %x0, [out];
    mov.b64 %x1, values;
    cvta.param.u64 %x2, %x1;
    mad.wide.u32 %x2, %r0, 4, %x2;
    ld.u32 %r1, [%x2];
    mad.wide.u32 %x0, %r0, 4, %x0;
    st.global.u32 [%x0], %r1;
    ret;
}
)");
    const std::array<u32, 4> values{5, 6, 7, 8};
    const u64 out = machine.allocate<u32>(4);
    machine.run("test", {1}, {4}, {out, values});
    EXPECT_EQ(machine.download<u32>(out, 4), (std::vector<u32>{5, 6, 7, 8}));
}

}  // namespace
}  // namespace quern::emulator
