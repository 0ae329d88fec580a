// wmma: matrices in memory in, matrices in memory out. The fragments between are nobody's business but elementwise.
#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"

namespace quern::emulator {
namespace {

struct Form {
    int m, n, k;
    std::string a, c, d;         // types
    int aRegisters, bRegisters;  // as the tables of the PTX ISA say
    std::string shape() const {
        return ".m" + std::to_string(m) + "n" + std::to_string(n) + "k" + std::to_string(k);
    }
    int registersOf(const std::string& type) const { return m * n / (type == "f16" ? 64 : 32); }
};
const Form FORMS[] = {
    {16, 16, 16, "f16", "f32", "f32", 8, 8},  {8, 32, 16, "f16", "f32", "f32", 8, 8},
    {32, 8, 16, "f16", "f32", "f32", 8, 8},   {16, 16, 16, "f16", "f16", "f16", 8, 8},
    {32, 8, 16, "f16", "f16", "f16", 8, 8},   {8, 32, 16, "f16", "f16", "f32", 8, 8},
    {16, 16, 16, "bf16", "f32", "f32", 4, 4}, {8, 32, 16, "bf16", "f32", "f32", 2, 8},
    {32, 8, 16, "bf16", "f32", "f32", 8, 2},  {16, 16, 8, "tf32", "f32", "f32", 4, 4},
    {8, 8, 4, "f64", "f64", "f64", 1, 1},     {16, 16, 16, "s8", "s32", "s32", 2, 2},
    {8, 32, 16, "u8", "s32", "s32", 1, 4},    {32, 8, 16, "s8", "s32", "s32", 4, 1},
};

int bytesOf(const std::string& type) {
    return type == "f64" ? 8 : type == "f16" || type == "bf16" ? 2 : type == "s8" || type == "u8" ? 1 : 4;
}

void put(std::vector<u8>& bytes, std::size_t i, const std::string& type, int value) {
    const auto as = [&](auto x) { std::memcpy(&bytes[i * sizeof x], &x, sizeof x); };
    if (type == "f64") as(static_cast<double>(value));
    if (type == "f32" || type == "tf32") as(static_cast<float>(value));
    if (type == "s32") as(value);
    if (type == "f16") as(narrow<f16>(value).bits);
    if (type == "bf16") as(narrow<bf16>(value).bits);
    if (type == "s8" || type == "u8") as(static_cast<s8>(value));
}
double get(const std::vector<u8>& bytes, std::size_t i, const std::string& type) {
    const auto as = [&](auto x) {
        std::memcpy(&x, &bytes[i * sizeof x], sizeof x);
        return x;
    };
    if (type == "f64") return as(0.0);
    if (type == "f32") return as(0.0F);
    if (type == "s32") return as(0);
    return toDouble(f16{as(u16{0})});
}

std::string registers(const std::string& name, int count) {
    std::string list = "{";
    for (int i = 0; i < count; i++) list += (i == 0 ? "%" : ", %") + name + std::to_string(i);
    return list + "}";
}

/// One warp multiplies; `shared`: by way of shared memory.
std::string kernel(const Form& form, bool aRow, bool bRow, bool dRow, int strideA, int strideB, int strideD) {
    const std::string reg = form.a == "f64" ? ".reg .f64" : ".reg .b32";
    const std::string sumReg = form.c == "f64"                      ? ".reg .f64"
                               : form.c == "f32" && form.d == "f32" ? ".reg .f32"
                                                                    : ".reg .b32";
    const auto layout = [](bool row) { return std::string(row ? ".row" : ".col"); };
    const std::string types = form.a == "f16" ? "." + form.d + "." + form.c
                                              : "." + form.d + "." + form.a + "." + form.a + "." + form.c +
                                                    // as nvcc writes it; PTX's own place is before the types
                                                    (form.a == "f64" && dRow ? ".rn" : "");
    const int cCount = form.registersOf(form.c), dCount = form.registersOf(form.d);
    return ".visible .entry multiply(.param .u64 a, .param .u64 b, .param .u64 c, .param .u64 d) {\n"
           ".reg .b64 %pa, %pb, %pc, %pd; .reg .b32 %stride;\n" +
           reg + " %a<8>, %b<8>;\n" + sumReg + " %c<8>, %d<8>;\n" +
           "ld.param.u64 %pa, [a]; ld.param.u64 %pb, [b]; ld.param.u64 %pc, [c]; ld.param.u64 %pd, [d];\n"
           "mov.u32 %stride, " +
           std::to_string(strideB) + ";\n" + "wmma.load.a.sync.aligned" + layout(aRow) + form.shape() +
           ".global." + form.a + " " + registers("a", form.aRegisters) + ", [%pa], " +
           std::to_string(strideA) + ";\n" + "wmma.load.b.sync.aligned" + layout(bRow) + form.shape() + "." +
           form.a + " " + registers("b", form.bRegisters) + ", [%pb], %stride;\n" +
           // C without a stride: as wide as the matrix.
           "wmma.load.c.sync.aligned.row" + form.shape() + ".global." + form.c + " " +
           registers("c", cCount) + ", [%pc];\n" + "wmma.mma.sync.aligned" + layout(aRow) + layout(bRow) +
           form.shape() + types + " " + registers("d", dCount) + ", " + registers("a", form.aRegisters) +
           ", " + registers("b", form.bRegisters) + ", " + registers("c", cCount) + ";\n" +
           "wmma.store.d.sync.aligned" + layout(dRow) + form.shape() + ".global." + form.d + " [%pd], " +
           registers("d", dCount) + ", " + std::to_string(strideD) + ";\nret;\n}\n";
}

TEST(Wmma, EveryShapeTypeAndLayout) {
    for (const Form& form : FORMS) {
        for (int layouts = 0; layouts < 8; layouts++) {
            const bool aRow = (layouts & 1) != 0, bRow = (layouts & 2) != 0, dRow = (layouts & 4) != 0;
            // Leading dimensions beyond the matrix, whole 16 bytes.
            const int strideA = (aRow ? form.k : form.m) + 16, strideB = (bRow ? form.n : form.k) + 32;
            const int strideD = (dRow ? form.n : form.m) + 8;
            const std::string text = kernel(form, aRow, bRow, dRow, strideA, strideB, strideD);
            SCOPED_TRACE(text);
            Machine machine(text);
            std::mt19937 random(layouts);
            const auto small = [&] { return static_cast<int>(random() % 9) - (form.a == "u8" ? 0 : 4); };
            std::vector<u8> a(64 * 64 * 8), b(64 * 64 * 8), c(64 * 64 * 8);
            std::vector<std::vector<int>> left(form.m, std::vector<int>(form.k)),
                right(form.k, std::vector<int>(form.n));
            std::vector<std::vector<int>> expected(form.m, std::vector<int>(form.n));
            for (int i = 0; i < form.m; i++) {
                for (int k = 0; k < form.k; k++)
                    put(a, aRow ? i * strideA + k : k * strideA + i, form.a, left[i][k] = small());
            }
            for (int k = 0; k < form.k; k++) {
                for (int j = 0; j < form.n; j++)
                    put(b, bRow ? k * strideB + j : j * strideB + k, form.a, right[k][j] = small());
            }
            for (int i = 0; i < form.m; i++) {
                for (int j = 0; j < form.n; j++) {
                    put(c, i * form.n + j, form.c, expected[i][j] = small());
                    for (int k = 0; k < form.k; k++) expected[i][j] += left[i][k] * right[k][j];
                }
            }
            const u64 out = machine.upload(std::vector<u8>(64 * 64 * 8, 0xcd));
            machine.run("multiply", {1}, {32},
                        {machine.upload(a), machine.upload(b), machine.upload(c), out});
            const std::vector<u8> actual = machine.download<u8>(out, 64 * 64 * 8);
            Mismatches mismatches("wmma" + form.shape() + "." + form.a);
            std::vector<bool> written(actual.size());
            for (int i = 0; i < form.m; i++) {
                for (int j = 0; j < form.n; j++) {
                    const int at = dRow ? i * strideD + j : j * strideD + i;
                    mismatches.compare(get(actual, at, form.d), static_cast<double>(expected[i][j]), i, j);
                    for (int byte = 0; byte < bytesOf(form.d); byte++)
                        written[at * bytesOf(form.d) + byte] = true;
                }
            }
            // Nothing beside the matrix is touched.
            for (std::size_t i = 0; i < actual.size(); i++) {
                if (!written[i]) mismatches.compare(actual[i], u8{0xcd}, static_cast<u32>(i));
            }
        }
    }
}

TEST(Wmma, OutOfBoundsIsReported) {
    const Form& form = FORMS[0];
    Machine machine(kernel(form, true, true, true, 16, 16, 16));
    const u64 good = machine.upload(std::vector<u8>(1024)), small = machine.upload(std::vector<u8>(510));
    EXPECT_EQ(machine.launch("multiply", {1}, {32}, {good, small, good, good}).status,
              LaunchStatus::ILLEGAL_ADDRESS);
}

TEST(Wmma, WrongFormsFailTheLoad) {
    for (const std::string text :
         {"wmma.load.a.sync.aligned.row.m16n8k16.global.f16 {%r0}, [%in];",
          "wmma.load.a.sync.aligned.row.m16n16k16.global.bf16 {%r0, %r1}, [%in];",
          "wmma.load.d.sync.aligned.row.m16n16k16.global.f16 {%r0, %r1, %r2, %r3}, [%in];",
          "wmma.load.a.sync.aligned.m16n16k16.global.bf16 {%r0, %r1, %r2, %r3}, [%in];",
          "wmma.load.b.sync.aligned.row.m8n8k32.global.s4 {%r0}, [%in];"}) {
        EXPECT_ANY_THROW(Machine(threadKernel(text, 4))) << text;
    }
}

}  // namespace
}  // namespace quern::emulator
