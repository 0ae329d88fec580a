// mma: every shape and type, with fragments as the PTX ISA lays them out, against sums that are exact, and against a
// scalar version of what tensor cores were found to do.
#include <functional>

#include "conformance/evaluate.hpp"
#include "conformance/rounding.hpp"
#include "exec/tensor_core.hpp"

namespace quern::emulator {
namespace {

// One matrix's elements in the registers of a warp: element i of lane l, of some bits, low to high.
struct Fragment {
    int registers;
    int bits;                                                   // of an element
    std::function<std::pair<int, int>(int lane, int i)> place;  // its row and column

    int elements() const { return bits == 64 ? registers : registers * 32 / bits; }
};

struct Shape {
    int m, n, k;
    std::string name() const {
        return "m" + std::to_string(m) + "n" + std::to_string(n) + "k" + std::to_string(k);
    }
};

// The formulas below each figure: groupID = lane >> 2, threadID_in_group = lane % 4.
Fragment fragmentA(Shape shape, int bits) {
    const int each = bits == 64 ? 1 : 32 / bits;
    return {shape.m / 8 * shape.k / (4 * each), bits, [=](int lane, int i) {
                const int r = i / each;
                const int row = lane / 4 + (shape.m == 16 && r % 2 == 1 ? 8 : 0);
                return std::pair{row, lane % 4 * each + i % each + r / (shape.m / 8) * 4 * each};
            }};
}
Fragment fragmentB(Shape shape, int bits) {
    const int each = bits == 64 ? 1 : 32 / bits;
    return {shape.k / (4 * each), bits, [=](int lane, int i) {
                return std::pair{lane % 4 * each + i % each + i / each * 4 * each, lane / 4};
            }};
}
Fragment fragmentC(Shape shape, int bits) {
    return {shape.m / 8 * (bits == 16 ? 1 : 2), bits, [](int lane, int i) {
                return std::pair{lane / 4 + (i >= 2 ? 8 : 0), lane % 4 * 2 + i % 2};
            }};
}

/// The registers of some warps: word r * 32 + lane of each, of 32 or 64 bits.
using Registers = std::vector<u64>;

u64 elementOf(const Registers& words, const Fragment& fragment, int first, int lane, int i) {
    if (fragment.bits >= 32) return words[(first + i) * 32 + lane];
    const int each = 32 / fragment.bits;
    return words[(first + i / each) * 32 + lane] >> i % each * fragment.bits &
           ((u64{1} << fragment.bits) - 1);
}

struct Instruction {
    std::string opcode;
    Fragment d, a, b, c;
    int target = 80;
    bool wide() const { return d.bits == 64; }
};

/// D of each warp for its A, B, C, register after register.
std::vector<Registers> execute(const Instruction& instruction, const std::vector<Registers>& inputs,
                               Machine& machine) {
    const int in = instruction.a.registers + instruction.b.registers + instruction.c.registers;
    const int out = instruction.d.registers;
    std::vector<u64> flat;
    for (const Registers& input : inputs) flat.insert(flat.end(), input.begin(), input.end());
    std::vector<u64> results(inputs.size() * out * 32);
    const u64 from = machine.upload(flat), to = machine.upload(results);
    machine.run("multiply", {static_cast<u32>(inputs.size())}, {32}, {from, to});
    results = machine.download<u64>(to, results.size());
    std::vector<Registers> outputs;
    for (std::size_t w = 0; w < inputs.size(); w++)
        outputs.emplace_back(results.begin() + w * out * 32, results.begin() + (w + 1) * out * 32);
    EXPECT_EQ(in * 32, static_cast<int>(inputs[0].size()));
    return outputs;
}

/// `inPlace`: D are the registers of C.
std::string kernel(const Instruction& instruction, bool inPlace = false) {
    const std::string width = instruction.wide() ? "64" : "32";
    const std::string type = instruction.wide() ? ".f64" : ".b32";
    std::string text =
        ".visible .entry multiply(.param .u64 in, .param .u64 out) {\n.reg .b32 %t, %w;\n.reg .b64 "
        "%in, %out, %x;\n.reg " +
        type +
        " %f<64>, %d<16>;\nmov.u32 %t, %tid.x; mov.u32 %w, %ctaid.x;\n"
        "ld.param.u64 %in, [in]; ld.param.u64 %out, [out];\n";
    const int count = instruction.a.registers + instruction.b.registers + instruction.c.registers;
    text += "mul.wide.u32 %x, %w, " + std::to_string(count * 256) + "; add.u64 %in, %in, %x;\n";
    text += "mul.wide.u32 %x, %w, " + std::to_string(instruction.d.registers * 256) +
            "; add.u64 %out, %out, %x;\n";
    text += "mul.wide.u32 %x, %t, 8; add.u64 %in, %in, %x; add.u64 %out, %out, %x;\n";
    for (int r = 0; r < count; r++) {
        text +=
            "ld.global.b" + width + " %f" + std::to_string(r) + ", [%in+" + std::to_string(256 * r) + "];\n";
    }
    int next = 0;
    const auto list = [&](int registers, const std::string& name, int first) {
        std::string vector = "{";
        for (int r = 0; r < registers; r++)
            vector += (r == 0 ? "%" : ", %") + name + std::to_string(first + r);
        return vector + "}";
    };
    const int firstC = instruction.a.registers + instruction.b.registers;
    text += instruction.opcode + " " +
            (inPlace ? list(instruction.d.registers, "f", firstC) : list(instruction.d.registers, "d", 0));
    for (const Fragment* fragment : {&instruction.a, &instruction.b, &instruction.c}) {
        text += ", " + list(fragment->registers, "f", next);
        next += fragment->registers;
    }
    text += ";\n";
    for (int r = 0; r < instruction.d.registers; r++) {
        const std::string name = inPlace ? "%f" + std::to_string(firstC + r) : "%d" + std::to_string(r);
        text += "st.global.b" + width + " [%out+" + std::to_string(256 * r) + "], " + name + ";\n";
    }
    return text + "ret;\n}\n";
}

/// Matrices of one warp by row and column, as `decode` reads the elements.
template <class T>
struct Matrices {
    std::vector<std::vector<T>> a, b, c;

    Matrices(const Instruction& instruction, Shape shape, const Registers& words,
             const std::function<T(u64, char)>& decode) {
        a.assign(shape.m, std::vector<T>(shape.k));
        b.assign(shape.k, std::vector<T>(shape.n));
        c.assign(shape.m, std::vector<T>(shape.n));
        int first = 0;
        for (auto [fragment, matrix, name] :
             {std::tuple{&instruction.a, &a, 'a'}, std::tuple{&instruction.b, &b, 'b'},
              std::tuple{&instruction.c, &c, 'c'}}) {
            for (int lane = 0; lane < 32; lane++) {
                for (int i = 0; i < fragment->elements(); i++) {
                    const auto [row, column] = fragment->place(lane, i);
                    (*matrix)[row][column] = decode(elementOf(words, *fragment, first, lane, i), name);
                }
            }
            first += fragment->registers;
        }
    }
};

// Floating types.

struct Format {
    std::string name;
    int bits;
    int precision;
    int leastExponent;  // of a normal number
    double (*decode)(u64);
};
double decodeF16(u64 bits) { return toDouble(f16{static_cast<u16>(bits)}); }
double decodeBf16(u64 bits) { return toDouble(bf16{static_cast<u16>(bits)}); }
double decodeTf32(u64 bits) { return std::bit_cast<float>(static_cast<u32>(bits) & 0xffffe000); }
double decodeF32(u64 bits) { return std::bit_cast<float>(static_cast<u32>(bits)); }
const Format F16{"f16", 16, 11, -14, decodeF16}, BF16{"bf16", 16, 8, -126, decodeBf16},
    TF32{"tf32", 32, 11, -126, decodeTf32}, F32{"f32", 32, 24, -126, decodeF32};

u64 encode(const Format& format, double value) {
    if (format.name == "f16") return narrow<f16>(value).bits;
    if (format.name == "bf16") return narrow<bf16>(value).bits;
    return std::bit_cast<u32>(static_cast<float>(value));
}

struct Case {
    Shape shape;
    Format d, a, c;
};
const Case CASES[] = {
    {{16, 8, 8}, F32, F16, F32},  {{16, 8, 16}, F32, F16, F32},  {{16, 8, 8}, F16, F16, F16},
    {{16, 8, 16}, F16, F16, F16}, {{16, 8, 16}, F32, F16, F16},  {{16, 8, 16}, F16, F16, F32},
    {{16, 8, 8}, F32, BF16, F32}, {{16, 8, 16}, F32, BF16, F32}, {{16, 8, 4}, F32, TF32, F32},
    {{16, 8, 8}, F32, TF32, F32},
};

Instruction instructionOf(const Case& c) {
    return {"mma.sync.aligned." + c.shape.name() + ".row.col." + c.d.name + "." + c.a.name + "." + c.a.name +
                "." + c.c.name,
            fragmentC(c.shape, c.d.bits), fragmentA(c.shape, c.a.bits), fragmentB(c.shape, c.a.bits),
            fragmentC(c.shape, c.c.bits)};
}

/// Registers for some warps, element by element.
std::vector<Registers> inputs(const Instruction& instruction, int warps,
                              const std::function<u64(char)>& element) {
    std::vector<Registers> result;
    for (int w = 0; w < warps; w++) {
        Registers words;
        for (auto [fragment, name] : {std::pair{&instruction.a, 'a'}, std::pair{&instruction.b, 'b'},
                                      std::pair{&instruction.c, 'c'}}) {
            const std::size_t first = words.size();
            words.resize(first + fragment->registers * 32);
            for (int lane = 0; lane < 32; lane++) {
                for (int i = 0; i < fragment->elements(); i++) {
                    const int each = fragment->bits >= 32 ? 1 : 32 / fragment->bits;
                    words[first + i / each * 32 + lane] |= element(name) << i % each * fragment->bits;
                }
            }
        }
        result.push_back(words);
    }
    return result;
}

/// Numbers with exponents in [-range, range], some of them zero.
std::function<u64(char)> numbers(const Case& c, int range, u64 seed) {
    auto random = std::make_shared<std::mt19937_64>(seed);
    return [=](char name) {
        const Format& format = name == 'c' ? c.c : c.a;
        std::mt19937_64& next = *random;
        if (next() % 16 == 0) return encode(format, next() % 2 == 0 ? 0.0 : -0.0);
        const double fraction = 1 + static_cast<double>(next() >> 12) * 0x1p-52;
        const double value = std::ldexp(fraction, static_cast<int>(next() % (2 * range + 1)) - range);
        return encode(format, next() % 2 == 0 ? value : -value);
    };
}

void expectProducts(const Case& c, const std::vector<Registers>& words, Machine& machine,
                    const std::function<double(const Matrices<double>&, int row, int column)>& reference,
                    const std::string& what) {
    const Instruction instruction = instructionOf(c);
    const std::vector<Registers> results = execute(instruction, words, machine);
    Mismatches mismatches(instruction.opcode + " " + what);
    for (std::size_t w = 0; w < words.size(); w++) {
        const Matrices<double> matrices(instruction, c.shape, words[w], [&](u64 bits, char name) {
            return name == 'c' ? c.c.decode(bits) : c.a.decode(bits);
        });
        for (int lane = 0; lane < 32; lane++) {
            for (int i = 0; i < instruction.d.elements(); i++) {
                const auto [row, column] = instruction.d.place(lane, i);
                const double expected = reference(matrices, row, column);
                const u64 actual = elementOf(results[w], instruction.d, 0, lane, i);
                const u64 wanted =
                    std::isnan(expected) ? (c.d.bits == 16 ? 0x7fff : 0x7fffffff) : encode(c.d, expected);
                mismatches.compare(static_cast<u32>(actual), static_cast<u32>(wanted), lane, i, row, column);
            }
        }
    }
}

/// Exact for terms whose places lie within 113 bits; given to the type of D rounded to odd.
double exactly(const Matrices<double>& m, int row, int column) {
    __float128 sum = m.c[row][column];
    bool negativeZero = std::signbit(m.c[row][column]);
    for (std::size_t k = 0; k < m.b.size(); k++) {
        const double product = m.a[row][k] * m.b[k][column];
        negativeZero = negativeZero && product == 0 && std::signbit(product);
        sum += product;
    }
    if (sum == 0) return negativeZero && m.c[row][column] == 0 ? -0.0 : 0.0;
    double result = static_cast<double>(sum);
    if (static_cast<__float128>(result) != sum) {
        // To the neighbour whose last bit is set.
        const bool above = static_cast<__float128>(std::abs(result)) > (sum < 0 ? -sum : sum);
        u64 bits = std::bit_cast<u64>(result);
        if (above) bits--;
        result = std::bit_cast<double>(bits | 1);
    }
    return result;
}

TEST(Mma, SumsAreExactAndRoundedOnce) {
    for (const Case& c : CASES) {
        Machine machine(kernel(instructionOf(c)));
        for (const int range : {1, 4, 7}) {
            expectProducts(c, inputs(instructionOf(c), 12, numbers(c, range, 100 + range)), machine, exactly,
                           "exponents to " + std::to_string(range));
        }
    }
}

// Sums that cancel, and sums half way between two results: what FP64 alone does not decide.
TEST(Mma, TiesAndCancellation) {
    for (const Case& c : CASES) {
        Machine machine(kernel(instructionOf(c)));
        std::mt19937_64 random(3);
        const int step = c.d.precision;  // 1 + 2^-step lies half way
        const auto element = [&](char name) {
            const int choice = static_cast<int>(random() % 6);
            if (name == 'c')
                return encode(c.c, choice < 3   ? 1.0
                                   : choice < 5 ? -1.0
                                                : 1 + std::ldexp(1.0, 1 - c.c.precision));
            // Products of these: 1, -1, half a place of D, and much less.
            const double values[] = {
                0, 0, 1, -1, std::ldexp(1.0, -step / 2), std::ldexp(-1.0, -(step + 1) / 2)};
            return encode(c.a, values[choice]);
        };
        expectProducts(c, inputs(instructionOf(c), 40, element), machine, exactly, "ties");
    }
}

// A tie that one product, a hundred places below the others, decides.
TEST(Mma, TiesThatTheLeastProductDecides) {
    const Case c = CASES[7];  // BF16
    const Instruction instruction = instructionOf(c);
    Machine machine(kernel(instruction));
    for (const double sign : {1.0, -1.0, 0.0}) {
        std::vector<Registers> words = inputs(instruction, 1, [](char) { return u64{0}; });
        // Row 0 of A and column 0 of B: k = 0, 1 in lane 0's first registers.
        words[0][0] = encode(BF16, 0x1p-12) | encode(BF16, sign * 0x1p-60) << 16;
        words[0][4 * 32] = encode(BF16, 0x1p-12) | encode(BF16, 0x1p-64) << 16;
        words[0][6 * 32] = encode(F32, 1.0);
        const std::vector<Registers> results = execute(instruction, words, machine);
        EXPECT_EQ(decodeF32(results[0][0]), sign > 0 ? 1 + 0x1p-23 : 1.0) << sign;
    }
}

TEST(Mma, InfinitiesAndNan) {
    for (const bool truncating : {false, true}) {
        for (const Case& c : CASES) {
            Machine machine(kernel(instructionOf(c)));
            machine.options.truncatingMatrix = truncating;
            std::mt19937_64 random(8);
            const auto element = [&](char name) {
                const Format& format = name == 'c' ? c.c : c.a;
                if (random() % 40 != 0) return encode(format, static_cast<double>(random() % 5));
                const double infinity = std::numeric_limits<double>::infinity();
                const double values[] = {infinity, -infinity, std::nan("")};
                return encode(format, values[random() % 3]);
            };
            const auto reference = [](const Matrices<double>& m, int row, int column) {
                double sum = m.c[row][column];
                for (std::size_t k = 0; k < m.b.size(); k++) sum += m.a[row][k] * m.b[k][column];
                return sum;
            };
            expectProducts(c, inputs(instructionOf(c), 20, element), machine, reference, "special values");
        }
    }
}

TEST(Mma, SubnormalNumbersCount) {
    const Case& f16 = CASES[1];
    Machine machine(kernel(instructionOf(f16)));
    std::mt19937_64 random(12);
    const auto element = [&](char name) {
        // Subnormal FP16 times FP16; c subnormal FP32 or zero.
        if (name == 'c') return random() % 2 == 0 ? u64{0} : random() % 1000;
        return random() % 0x400 | (random() % 2) << 15;
    };
    expectProducts(f16, inputs(instructionOf(f16), 10, element), machine, exactly, "subnormal");
}

// Truncation.

int exponentOf(double x, int least) { return x == 0 ? -10000 : std::max(std::ilogb(x), least); }

double truncatedSum(const Case& c, const TensorCore& core, const Matrices<double>& m, int row, int column) {
    const int block = c.a.name == "tf32" ? core.blockTf32 : core.block;
    double sum = m.c[row][column];
    for (int first = 0; first < c.shape.k; first += block) {
        const int end = std::min(first + block, c.shape.k);
        int most = exponentOf(sum, -126);
        for (int k = first; k < end; k++) {
            const double a = m.a[row][k], b = m.b[k][column];
            if (a != 0 && b != 0)
                most = std::max(most, exponentOf(a, c.a.leastExponent) + exponentOf(b, c.a.leastExponent));
        }
        if (most == -10000) {
            sum = 0;
            continue;
        }
        const int place = most - 23 - core.extraBits;
        s64 total = static_cast<s64>(std::ldexp(sum, -place));
        for (int k = first; k < end; k++)
            total += static_cast<s64>(std::ldexp(m.a[row][k] * m.b[k][column], -place));
        // To FP32 towards zero, or to FP16.
        const double exact = std::ldexp(static_cast<double>(total), place);
        sum = c.d.name == "f16" ? toDouble(narrow<f16>(exact))
                                : static_cast<double>(under(
                                      FE_TOWARDZERO, [](double x) { return static_cast<float>(x); }, exact));
    }
    return sum;
}

TEST(Mma, TruncatesAsTensorCoresDo) {
    for (const int capability : {75, 80, 90}) {
        const TensorCore core = TensorCore::of(capability, true);
        for (const Case& c : CASES) {
            if (capability == 75 && (c.a.name != "f16" || c.shape.k > 8)) continue;
            Machine machine(kernel(instructionOf(c)), capability);
            machine.options.truncatingMatrix = true;
            for (const int range : {0, 2, 6}) {
                expectProducts(
                    c, inputs(instructionOf(c), 12, numbers(c, range, 200 + range)), machine,
                    [&](const Matrices<double>& m, int row, int column) {
                        const double sum = truncatedSum(c, core, m, row, column);
                        return sum == 0 ? 0.0 : sum;
                    },
                    "truncating on sm_" + std::to_string(capability));
            }
        }
    }
}

// m8n8k4 of FP16: four products in one instruction.

TEST(Mma, QuadsOfLanes) {
    const Shape shape{8, 8, 4};
    for (const std::string types : {"f32.f32", "f16.f16", "f32.f16"}) {
        const Format d = types.substr(0, 3) == "f32" ? F32 : F16,
                     cType = types.substr(4) == "f32" ? F32 : F16;
        for (const std::string layouts : {"row.col", "row.row", "col.col", "col.row"}) {
            const bool aRow = layouts.substr(0, 3) == "row", bRow = layouts.substr(4) == "row";
            // Of the quad pair: low lanes and high lanes.
            const auto high = [](int lane) { return lane >= 16 ? 4 : 0; };
            const Fragment a{
                2, 16, [=](int lane, int i) {
                    return aRow ? std::pair{lane % 4 + high(lane), i} : std::pair{i + high(lane), lane % 4};
                }};
            const Fragment b{
                2, 16, [=](int lane, int i) {
                    return bRow ? std::pair{lane % 4, i + high(lane)} : std::pair{i, lane % 4 + high(lane)};
                }};
            const auto sums = [=](const Format& format) {
                if (format.bits == 16)
                    return Fragment{4, 16, [=](int lane, int i) {
                                        return std::pair{lane % 4 + high(lane), i};
                                    }};
                return Fragment{
                    8, 32, [=](int lane, int i) {
                        return std::pair{(lane & 1) + (i & 2) + high(lane), (i & 4) + (lane & 2) + (i & 1)};
                    }};
            };
            const Case c{shape, d, F16, cType};
            const Instruction instruction{
                "mma.sync.aligned.m8n8k4." + layouts + "." + d.name + ".f16.f16." + cType.name, sums(d), a, b,
                sums(cType)};
            Machine machine(kernel(instruction));
            const std::vector<Registers> words = inputs(instruction, 8, numbers(c, 3, 5));
            const std::vector<Registers> results = execute(instruction, words, machine);
            Mismatches mismatches(instruction.opcode);
            for (std::size_t w = 0; w < words.size(); w++) {
                for (int quad = 0; quad < 4; quad++) {
                    Matrices<double> m(instruction, shape, words[w], [](u64, char) { return 0.0; });
                    const auto lanes = [=](int i) { return 4 * quad + i % 4 + (i >= 4 ? 16 : 0); };
                    for (int l = 0; l < 8; l++) {
                        const int lane = lanes(l);
                        for (int i = 0; i < 4; i++) {
                            const auto [ar, ac] = a.place(lane, i);
                            m.a[ar][ac] = decodeF16(elementOf(words[w], a, 0, lane, i));
                            const auto [br, bc] = b.place(lane, i);
                            m.b[br][bc] = decodeF16(elementOf(words[w], b, 2, lane, i));
                        }
                        for (int i = 0; i < 8; i++) {
                            const auto [row, column] = instruction.c.place(lane, i);
                            m.c[row][column] = cType.decode(elementOf(words[w], instruction.c, 4, lane, i));
                        }
                    }
                    for (int l = 0; l < 8; l++) {
                        for (int i = 0; i < 8; i++) {
                            const auto [row, column] = instruction.d.place(lanes(l), i);
                            mismatches.compare(
                                static_cast<u32>(elementOf(results[w], instruction.d, 0, lanes(l), i)),
                                static_cast<u32>(encode(d, exactly(m, row, column))), quad, l, i);
                        }
                    }
                }
            }
        }
    }
}

// FP64: a chain of fma along k.

TEST(Mma, DoublesAreChainsOfFma) {
    for (const Shape shape : {Shape{8, 8, 4}, Shape{16, 8, 4}, Shape{16, 8, 8}, Shape{16, 8, 16}}) {
        for (const Rounding& rounding : ROUNDINGS) {
            const Instruction instruction{
                "mma.sync.aligned." + shape.name() + ".row.col." + rounding.name + ".f64.f64.f64.f64",
                fragmentC(shape, 64), fragmentA(shape, 64), fragmentB(shape, 64), fragmentC(shape, 64)};
            Machine machine(kernel(instruction), 90);
            std::mt19937_64 random(9);
            const std::vector<Registers> words = inputs(instruction, 6, [&](char) {
                return std::bit_cast<u64>(static_cast<double>(static_cast<s64>(random())) * 0x1p-62);
            });
            const std::vector<Registers> results = execute(instruction, words, machine);
            Mismatches mismatches(instruction.opcode);
            for (std::size_t w = 0; w < words.size(); w++) {
                const Matrices<double> m(instruction, shape, words[w],
                                         [](u64 bits, char) { return std::bit_cast<double>(bits); });
                for (int lane = 0; lane < 32; lane++) {
                    for (int i = 0; i < instruction.d.elements(); i++) {
                        const auto [row, column] = instruction.d.place(lane, i);
                        double sum = m.c[row][column];
                        for (int k = 0; k < shape.k; k++) {
                            sum = under(
                                rounding.mode, [](double x, double y, double z) { return std::fma(x, y, z); },
                                m.a[row][k], m.b[k][column], sum);
                        }
                        mismatches.compare(std::bit_cast<double>(results[w][i * 32 + lane]), sum, lane, i);
                    }
                }
            }
        }
    }
}

// Integers.

s64 integerOf(u64 bits, const std::string& type) {
    const int width = type[1] - '0';
    return type[0] == 's' && bits >> (width - 1) != 0 ? static_cast<s64>(bits) - (s64{1} << width)
                                                      : static_cast<s64>(bits);
}

TEST(Mma, Integers) {
    struct IntegerCase {
        Shape shape;
        int bits;
    };
    const IntegerCase cases[] = {{{8, 8, 16}, 8}, {{16, 8, 16}, 8}, {{16, 8, 32}, 8},
                                 {{8, 8, 32}, 4}, {{16, 8, 32}, 4}, {{16, 8, 64}, 4}};
    for (const auto& [shape, bits] : cases) {
        for (const std::string aSign : {"s", "u"}) {
            for (const std::string bSign : {"s", "u"}) {
                for (const bool clamps : {false, true}) {
                    const std::string aType = aSign + std::to_string(bits),
                                      bType = bSign + std::to_string(bits);
                    const Instruction instruction{"mma.sync.aligned." + shape.name() + ".row.col" +
                                                      (clamps ? ".satfinite" : "") + ".s32." + aType + "." +
                                                      bType + ".s32",
                                                  fragmentC(shape, 32), fragmentA(shape, bits),
                                                  fragmentB(shape, bits), fragmentC(shape, 32)};
                    Machine machine(kernel(instruction));
                    std::mt19937_64 random(10);
                    const std::vector<Registers> words = inputs(instruction, 6, [&](char name) {
                        if (name != 'c') return random() & ((u64{1} << bits) - 1);
                        const u64 value = random();
                        // Around both ends of the range, where sums leave it.
                        return (value % 3 == 0   ? value
                                : value % 3 == 1 ? 0x7fffffff - (value >> 8) % 2000
                                                 : 0x80000000 + (value >> 8) % 2000) &
                               0xffffffff;
                    });
                    const std::vector<Registers> results = execute(instruction, words, machine);
                    Mismatches mismatches(instruction.opcode);
                    for (std::size_t w = 0; w < words.size(); w++) {
                        const Matrices<s64> m(instruction, shape, words[w], [&](u64 value, char name) {
                            return name == 'a'   ? integerOf(value, aType)
                                   : name == 'b' ? integerOf(value, bType)
                                                 : static_cast<s64>(static_cast<s32>(value));
                        });
                        for (int lane = 0; lane < 32; lane++) {
                            for (int i = 0; i < instruction.d.elements(); i++) {
                                const auto [row, column] = instruction.d.place(lane, i);
                                s64 sum = m.c[row][column];
                                for (int k = 0; k < shape.k; k++) sum += m.a[row][k] * m.b[k][column];
                                if (clamps) sum = std::clamp<s64>(sum, INT32_MIN, INT32_MAX);
                                mismatches.compare(static_cast<u32>(results[w][i * 32 + lane]),
                                                   static_cast<u32>(sum), lane, i);
                            }
                        }
                    }
                }
            }
        }
    }
}

TEST(Mma, Bits) {
    for (const Shape shape : {Shape{8, 8, 128}, Shape{16, 8, 128}, Shape{16, 8, 256}}) {
        for (const std::string operation : {"xor", "and"}) {
            const Instruction instruction{
                "mma.sync.aligned." + shape.name() + ".row.col.s32.b1.b1.s32." + operation + ".popc",
                fragmentC(shape, 32), fragmentA(shape, 1), fragmentB(shape, 1), fragmentC(shape, 32)};
            Machine machine(kernel(instruction));
            std::mt19937_64 random(11);
            const std::vector<Registers> words = inputs(instruction, 4, [&](char name) {
                return name == 'c' ? random() & 0xffffffff : random() & 1;
            });
            const std::vector<Registers> results = execute(instruction, words, machine);
            Mismatches mismatches(instruction.opcode);
            for (std::size_t w = 0; w < words.size(); w++) {
                const Matrices<s64> m(instruction, shape, words[w],
                                      [](u64 value, char) { return static_cast<s64>(value); });
                for (int lane = 0; lane < 32; lane++) {
                    for (int i = 0; i < instruction.d.elements(); i++) {
                        const auto [row, column] = instruction.d.place(lane, i);
                        s64 sum = m.c[row][column];
                        for (int k = 0; k < shape.k; k++) {
                            const s64 a = m.a[row][k], b = m.b[k][column];
                            sum += operation == "xor" ? a ^ b : a & b;
                        }
                        mismatches.compare(static_cast<u32>(results[w][i * 32 + lane]), static_cast<u32>(sum),
                                           lane, i);
                    }
                }
            }
        }
    }
}

TEST(Mma, ResultsMayReplaceTheAccumulators) {
    for (const Case& c : {CASES[7], CASES[3]}) {
        const Instruction instruction = instructionOf(c);
        Machine apart(kernel(instruction)), inPlace(kernel(instruction, true));
        const auto words = inputs(instruction, 3, numbers(c, 3, 77));
        EXPECT_EQ(execute(instruction, words, apart), execute(instruction, words, inPlace));
    }
}

TEST(Mma, CountsItsFlop) {
    const Instruction instruction = instructionOf(CASES[7]);
    Machine machine(kernel(instruction));
    const auto words = inputs(instruction, 1, [](char) { return u64{0}; });
    const LaunchResult result = machine.launch(
        "multiply", {5}, {32}, {machine.upload(std::vector<u64>(5 * 320)), machine.allocate<u64>(5 * 128)});
    ASSERT_TRUE(result.ok()) << result.report;
    EXPECT_EQ(result.counters.matrixFlop, 5u * 2 * 16 * 8 * 16);
    EXPECT_EQ(result.counters.instructions(InstructionClass::MATRIX), 5u * 32);
}

TEST(Mma, PartOfAWarpIsReported) {
    std::string text = kernel(instructionOf(CASES[7]));
    text.replace(text.find("mma.sync"), 0, ".reg .pred %p; setp.lt.u32 %p, %t, 31;\n@%p ");
    Machine machine(text);
    const LaunchResult result = machine.launch(
        "multiply", {1}, {32}, {machine.upload(std::vector<u64>(320)), machine.allocate<u64>(128)});
    EXPECT_EQ(result.status, LaunchStatus::LAUNCH_FAILURE);
    EXPECT_NE(result.report.find("mma.sync"), std::string::npos) << result.report;
}

TEST(Mma, WrongFormsFailTheLoad) {
    const std::string good = kernel(instructionOf(CASES[7]));
    const std::string opcode = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
    ASSERT_NE(good.find(opcode), std::string::npos);
    for (const std::string wrong :
         {"mma.sync.aligned.m16n8k16.row.row.f32.bf16.bf16.f32",
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.f16.f32",
          "mma.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32",
          "mma.sync.aligned.m16n8k16.row.col.f16.bf16.bf16.f16",
          "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", "mma.sync.m16n8k16.row.col.f32.bf16.bf16.f32",
          "mma.sync.aligned.m16n16k16.row.col.f32.bf16.bf16.f32",
          "mma.sync.aligned.m16n8k16.row.col.s32.bf16.bf16.s32",
          "mma.sync.aligned.m16n8k16.row.col.satfinite.f32.bf16.bf16.f32",
          "mma.sync.aligned.m16n8k16.f32.bf16.bf16.f32"}) {
        std::string text = good;
        text.replace(text.find(opcode), opcode.size(), wrong);
        EXPECT_ANY_THROW(Machine{text}) << wrong;
    }
}

}  // namespace
}  // namespace quern::emulator
