// atom and red: every operation and type, shared and global, results as if threads came in some order.
#include <algorithm>
#include <functional>
#include <set>

#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

constexpr u32 CONTENDERS = 96, CONTENDING_BLOCKS = 5;

template <class T>
using Operation = T (*)(T, T);

/// One cell, CONTENDERS * CONTENDING_BLOCKS operands (thread i gives input[i]): the cell must end as the fold of them all, in any
/// order, and the old values that the threads saw must chain up: from the start, each follows from another.
template <class T>
void expectAtomic(const std::string& operation, T start, const std::vector<T>& operands, Operation<T> of,
                  const std::string& space = "global") {
    const std::string width = std::to_string(8 * sizeof(T));
    const std::string value = sizeof(T) == 4 ? "%r0" : "%x4", bytes = std::to_string(sizeof(T));
    const bool shared = space == "shared";
    const std::string kernel =
        R"(
.visible .entry test(.param .u64 out, .param .u64 in, .param .u64 cell) {
    .shared .align 8 .b64 own;
    .reg .b32 %i, %t, %r<4>;
    .reg .b64 %x<8>;
    .reg .pred %p<2>;
    mov.u32 %t, %tid.x; mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mad.lo.u32 %i, %r1, %r2, %t;
    ld.param.u64 %x0, [out]; ld.param.u64 %x1, [in]; ld.param.u64 %x2, [cell];
    mad.wide.u32 %x0, %i, )" +
        bytes + ", %x0; mad.wide.u32 %x1, %i, " + bytes + R"(, %x1;
    ld.global.b)" +
        width + " " + value + R"(, [%x1];
    setp.ne.u32 %p0, %t, 0;
)" +
        (shared ? "    ld.global.b" + width + " " + (sizeof(T) == 4 ? "%r3" : "%x5") +
                      ", [%x2];\n    @!%p0 st.shared.b" + width + " [own], " +
                      (sizeof(T) == 4 ? "%r3" : "%x5") + ";\n    bar.sync 0;\n    mov.u64 %x3, own;\n"
                : "    mov.u64 %x3, %x2;\n") +
        "    atom." + space + "." + operation + " " + value + ", [%x3], " + value + ";\n    st.global.b" +
        width + " [%x0], " + value + ";\n" +
        (shared ? "    bar.sync 0;\n    ld.shared.b" + width + " " + value +
                      ", [own];\n    @!%p0 st.global.b" + width + " [%x2], " + value + ";\n"
                : "") +
        "    ret;\n}\n";
    try {
        Machine machine(kernel);
        const u32 blocks = shared ? 1 : CONTENDING_BLOCKS;
        const std::vector<T> given(operands.begin(), operands.begin() + CONTENDERS * blocks);
        const u64 in = machine.upload(given);
        const u64 out = machine.allocate<T>(given.size());
        const u64 cell = machine.upload(std::vector<T>{start});
        machine.run("test", {blocks}, {CONTENDERS}, {out, in, cell});
        const T final = machine.download<T>(cell, 1)[0];
        // Each old value is the result of exactly one predecessor, or the start: as multisets, olds and final are the
        // start and of(old, operand) of every thread.
        const std::vector<T> olds = machine.download<T>(out, given.size());
        std::multiset<T> seen(olds.begin(), olds.end()), made{start};
        seen.insert(final);
        for (std::size_t i = 0; i < given.size(); i++) made.insert(of(olds[i], given[i]));
        comparedValues += given.size() + 1;
        EXPECT_EQ(seen, made) << operation << " in " << space
                              << " memory: the old values do not follow from each other";
    } catch (const LoadError& error) {
        ADD_FAILURE() << operation << " does not load: " << error.what();
    }
}

template <class T>
void expectBothSpaces(const std::string& operation, T start, const std::vector<T>& operands,
                      Operation<T> of) {
    expectAtomic<T>(operation, start, operands, of, "global");
    expectAtomic<T>(operation, start, operands, of, "shared");
}

template <class T>
std::vector<T> operandsOf() {
    return randomBits<T>(CONTENDERS * CONTENDING_BLOCKS, 21);
}

TEST(Atomic, Integers) {
    forTypes<u32, s32, u64, s64>([](auto zero) {
        using T = decltype(zero);
        const std::string type = "." + typeName<T>();
        const T start = operandsOf<T>()[7] / 3;
        if (!std::is_same_v<T, s64>) {  // PTX adds .u64 only
            expectBothSpaces<T>("add" + type, start, operandsOf<T>(), [](T a, T b) {
                using U = std::make_unsigned_t<T>;
                return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
            });
        }
        expectBothSpaces<T>("min" + type, start, operandsOf<T>(), [](T a, T b) { return std::min(a, b); });
        expectBothSpaces<T>("max" + type, start, operandsOf<T>(), [](T a, T b) { return std::max(a, b); });
    });
}

TEST(Atomic, Bits) {
    forTypes<u32, u64>([](auto zero) {
        using T = decltype(zero);
        const std::string type = "." + bitsName<T>();
        expectBothSpaces<T>("and" + type, ~T{0}, operandsOf<T>(),
                            [](T a, T b) { return static_cast<T>(a & b); });
        expectBothSpaces<T>("or" + type, T{0}, operandsOf<T>(),
                            [](T a, T b) { return static_cast<T>(a | b); });
        expectBothSpaces<T>("xor" + type, T{5}, operandsOf<T>(),
                            [](T a, T b) { return static_cast<T>(a ^ b); });
        expectBothSpaces<T>("exch" + type, T{5}, operandsOf<T>(), [](T, T b) { return b; });
    });
}

// inc: old >= b ? 0 : old + 1;  dec: old == 0 || old > b ? b : old - 1.
TEST(Atomic, IncAndDecWrapAround) {
    const std::vector<u32> limits(CONTENDERS * CONTENDING_BLOCKS, 16);
    expectBothSpaces<u32>("inc.u32", 3, limits, [](u32 a, u32 b) { return a >= b ? 0 : a + 1; });
    expectBothSpaces<u32>("dec.u32", 3, limits, [](u32 a, u32 b) { return a == 0 || a > b ? b : a - 1; });
    expectBothSpaces<u32>("inc.u32", 0xfffffff0, limits, [](u32 a, u32 b) { return a >= b ? 0 : a + 1; });
    expectBothSpaces<u32>("dec.u32", 0xfffffff0, limits,
                          [](u32 a, u32 b) { return a == 0 || a > b ? b : a - 1; });
}

// Small integers: every order of the sums is exact.
template <class T>
std::vector<T> wholeNumbers() {
    std::vector<T> values;
    for (u32 i = 0; i < CONTENDERS * CONTENDING_BLOCKS; i++)
        values.push_back(static_cast<T>(s32(i % 17) - 5));
    return values;
}

TEST(Atomic, Floats) {
    expectBothSpaces<float>("add.f32", 0.5f, wholeNumbers<float>(), [](float a, float b) { return a + b; });
    expectBothSpaces<double>("add.f64", 0.25, wholeNumbers<double>(),
                             [](double a, double b) { return a + b; });
}

template <class T>
u32 pairOf(double low, double high) {
    return narrow<T>(low).bits | u32{narrow<T>(high).bits} << 16;
}

template <class T>
u32 pairSum(u32 a, u32 b) {
    const auto part = [](u32 pair, int k) { return toDouble(T{static_cast<u16>(pair >> (16 * k))}); };
    return pairOf<T>(part(a, 0) + part(b, 0), part(a, 1) + part(b, 1));
}

TEST(Atomic, HalfPairs) {
    std::vector<u32> f16s, bf16s;
    for (u32 i = 0; i < CONTENDERS * CONTENDING_BLOCKS; i++) {
        f16s.push_back(pairOf<f16>(i % 3, -double(i % 2)));
        bf16s.push_back(pairOf<bf16>(i % 32 == 0, -double(i % 64 == 1)));
    }
    expectAtomic<u32>("add.noftz.f16x2", pairOf<f16>(1, 2), f16s, pairSum<f16>, "global");
    expectAtomic<u32>("add.noftz.f16x2", pairOf<f16>(1, 2), f16s, pairSum<f16>, "shared");
    std::vector<u32> loaded =
        runThreads<u32>("mov.b32 %r0, 0x3f803f80; atom.global.add.noftz.bf16x2 %d, [%in], %r0;", 1, 1,
                        {pairOf<bf16>(2, 4)}, "", 90);
    EXPECT_EQ(loaded[0], pairOf<bf16>(2, 4));
}

TEST(Atomic, HalvesOneByOne) {
    // 32 additions of one into the upper half of a word, the lower half stays.
    Machine machine(
        threadKernel("add.u64 %x0, %in, 2; mov.b16 %h0, 0x3C00; atom.global.add.noftz.f16 %h1, [%x0], %h0; "
                     "mov.b16 %d, %h1;",
                     2));
    const u64 in = machine.upload(std::vector<u32>{pairOf<f16>(7, 10)});
    const u64 out = machine.allocate<u16>(32);
    machine.run("test", {1}, {32}, {out, in});
    EXPECT_EQ(machine.download<u32>(in, 1)[0], pairOf<f16>(7, 42));
}

TEST(Atomic, SpellingsOfScopeAndOrder) {
    for (const char* spelling : {"atom.add.u32", "atom.global.add.u32", "atom.relaxed.gpu.global.add.u32",
                                 "atom.acquire.gpu.global.add.u32", "atom.release.sys.global.add.u32",
                                 "atom.acq_rel.cta.global.add.u32", "atom.gpu.global.add.u32",
                                 "atom.sys.add.u32", "atom.relaxed.gpu.add.u32"}) {
        Machine machine(threadKernel(std::string(spelling) + " %d, [%in], 1;", 4));
        const u64 in = machine.upload(std::vector<u32>{100});
        const u64 out = machine.allocate<u32>(64);
        machine.run("test", {2}, {32}, {out, in});
        EXPECT_EQ(machine.download<u32>(in, 1)[0], 164u) << spelling;
        std::vector<u32> olds = machine.download<u32>(out, 64);
        std::sort(olds.begin(), olds.end());
        expectThreads(
            olds, [](u32 i) { return 100 + i; }, spelling);
    }
}

TEST(Atomic, RedGivesTheSameAsAtom) {
    struct Form {
        const char* text;
        u32 start;
        u32 expected;  // after 64 threads, i = 0..63
    };
    for (const Form& form :
         {Form{"red.global.add.u32 [%in], %i;", 5, 5 + 2016}, Form{"red.add.s32 [%in], -1;", 70, 6},
          Form{"red.global.max.u32 [%in], %i;", 7, 63}, Form{"red.global.min.s32 [%in], -9;", 7, u32(-9)},
          Form{"red.global.or.b32 [%in], %i;", 64, 127},
          Form{"red.global.and.b32 [%in], 0xff0;", 0xfff, 0xff0}, Form{"red.global.xor.b32 [%in], %i;", 1, 1},
          Form{"red.global.inc.u32 [%in], 1000;", 0, 64}, Form{"red.global.dec.u32 [%in], 1000;", 100, 36},
          Form{"red.relaxed.gpu.global.add.u32 [%in], 1;", 0, 64},
          Form{"red.global.add.f32 [%in], 0f3F800000;", 0, 0x42800000}}) {
        Machine machine(threadKernel(std::string(form.text) + " mov.u32 %d, 0;", 4));
        const u64 in = machine.upload(std::vector<u32>{form.start});
        const u64 out = machine.allocate<u32>(64);
        machine.run("test", {2}, {32}, {out, in});
        EXPECT_EQ(machine.download<u32>(in, 1)[0], form.expected) << form.text;
    }
}

TEST(Atomic, CompareAndSwap) {
    // A lock-free maximum: many rounds of cas, across blocks.
    forTypes<u32, u64>([](auto zero) {
        using T = decltype(zero);
        const std::string bits = bitsName<T>(), type = typeName<T>();
        const std::string r = sizeof(T) == 4 ? "%r" : "%x";
        const std::string body =
            (sizeof(T) == 4 ? "mul.lo.u32 %r10, %i, 2654435761;" : "mul.wide.u32 %x10, %i, 2654435761;") +
            (" ld.global." + type + " " + r + "11, [%in];\nAGAIN:\n max." + type + " " + r + "12, " + r +
             "11, " + r + "10;\n atom.global.cas." + bits + " " + r + "13, [%in], " + r + "11, " + r +
             "12;\n setp.eq." + bits + " %p0, " + r + "13, " + r + "11;\n mov." + bits + " " + r + "11, " +
             r + "13;\n @!%p0 bra AGAIN;\n mov." + bits + " %d, " + r + "12;");
        Machine machine(threadKernel(body, sizeof(T)));
        const u64 in = machine.upload(std::vector<T>{1});
        const u64 out = machine.allocate<T>(512);
        machine.run("test", {4}, {128}, {out, in});
        T greatest = 1;
        for (u32 i = 0; i < 512; i++) greatest = std::max(greatest, static_cast<T>(i * u64{2654435761}));
        EXPECT_EQ(machine.download<T>(in, 1)[0], greatest);
    });
    expectThreads(runThreads<u32>(R"(
    .shared .align 4 .b32 cell[64];
    mov.u64 %x0, cell; mad.wide.u32 %x0, %t, 4, %x0;
    st.shared.u32 [%x0], %t;
    atom.shared.cas.b32 %r0, [%x0], 5, 99;
    ld.shared.u32 %r1, [%x0];
    mad.lo.u32 %d, %r1, 1000, %r0;)",
                                  64),
                  [](u32 i) { return (i == 5 ? 99 : i) * 1000 + i; });
}

TEST(Atomic, CompareAndSwap16Bits) {
    Machine machine(threadKernel(R"(
    add.u64 %x0, %in, 2; mov.b16 %h0, 7; mov.b16 %h1, 9;
    atom.global.cas.b16 %h2, [%x0], %h0, %h1;
    mov.b16 %d, %h2;)",
                                 2));
    const u64 in = machine.upload(std::vector<u32>{0x00071234});
    const u64 out = machine.allocate<u16>(1);
    machine.run("test", {1}, {1}, {out, in});
    EXPECT_EQ(machine.download<u32>(in, 1)[0], 0x00091234u);
    EXPECT_EQ(machine.download<u16>(out, 1)[0], 7);
}

// One thread of each block takes its turn when all others have come: needs atomics that other blocks see.
TEST(Atomic, LastBlockSeesWhatTheOthersWrote) {
    Machine machine(R"(
.visible .entry test(.param .u64 parts, .param .u64 count, .param .u64 total) {
    .reg .b32 %b, %n, %r<4>, %k, %sum;
    .reg .b64 %x<5>;
    .reg .pred %p;
    mov.u32 %b, %ctaid.x; mov.u32 %n, %nctaid.x;
    ld.param.u64 %x0, [parts]; ld.param.u64 %x1, [count]; ld.param.u64 %x2, [total];
    mad.wide.u32 %x3, %b, 4, %x0;
    add.u32 %r0, %b, 1;
    st.global.u32 [%x3], %r0;
    membar.gl;
    atom.global.inc.u32 %r1, [%x1], %n;
    sub.u32 %r2, %n, 1;
    setp.ne.u32 %p, %r1, %r2;
    @%p ret;
    mov.u32 %k, 0; mov.u32 %sum, 0;
LOOP:
    mad.wide.u32 %x3, %k, 4, %x0;
    ld.volatile.global.u32 %r3, [%x3];
    add.u32 %sum, %sum, %r3;
    add.u32 %k, %k, 1;
    setp.lt.u32 %p, %k, %n;
    @%p bra LOOP;
    st.global.u32 [%x2], %sum;
    ret;
}
)");
    const u64 parts = machine.allocate<u32>(100), count = machine.upload(std::vector<u32>{0}),
              total = machine.allocate<u32>(1);
    machine.run("test", {100}, {1}, {parts, count, total});
    EXPECT_EQ(machine.download<u32>(total, 1)[0], 5050u);
}

}  // namespace
}  // namespace quern::emulator
