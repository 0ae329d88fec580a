#include "conformance/evaluate.hpp"

#include <iostream>

namespace quern::emulator {
namespace {

constexpr u32 BLOCK = 128;

std::string number(int value) { return std::to_string(value); }

int registerBits(int bytes) { return bytes == 1 ? 16 : 8 * bytes; }

std::string kernelOf(const std::string& body, int resultBytes, const std::vector<Column>& operands) {
    static const char* const NAMES[] = {"%a", "%b", "%c", "%e"};
    std::string parameters = ".param .u64 out, .param .u32 rows";
    std::string declarations = "    .reg .b" + number(registerBits(resultBytes)) + " %d;\n";
    std::string loads;
    for (std::size_t i = 0; i < operands.size(); i++) {
        const std::string name = NAMES[i];
        const std::string at = number(static_cast<int>(i));
        parameters += ", .param .u64 in" + at;
        declarations += "    .reg .b" + number(registerBits(operands[i].bytes)) + " " + name + ";\n";
        loads += "    ld.param.u64 %at, [in" + at + "];\n    mad.wide.u32 %at, %i, " +
                 number(operands[i].bytes) + ", %at;\n    ld.global.b" + number(8 * operands[i].bytes) + " " +
                 name + ", [%at];\n";
    }
    return ".visible .entry test(" + parameters + ") {\n" + declarations + R"(
    .reg .b16 %h<16>;
    .reg .b32 %i, %rows, %z<3>, %r<32>;
    .reg .b64 %at, %x<32>;
    .reg .pred %p<8>, %beyond;
    mov.u32 %z0, %ctaid.x;
    mov.u32 %z1, %ntid.x;
    mov.u32 %z2, %tid.x;
    mad.lo.u32 %i, %z0, %z1, %z2;
    ld.param.u32 %rows, [rows];
    setp.ge.u32 %beyond, %i, %rows;
    @%beyond ret;
)" + loads +
           "    " + body + R"(
    ld.param.u64 %at, [out];
    mad.wide.u32 %at, %i, )" +
           number(resultBytes) + R"(, %at;
    st.global.b)" +
           number(8 * resultBytes) + R"( [%at], %d;
    ret;
}
)";
}

/// The total is the suite's size, which no count of tests tells.
class ComparedValues : public ::testing::Environment {
    void TearDown() override { std::cout << "values compared: " << comparedValues << std::endl; }
};
const auto* const ENVIRONMENT = ::testing::AddGlobalTestEnvironment(new ComparedValues);

}  // namespace

Mismatches::~Mismatches() {
    if (count_ > SHOWN) ADD_FAILURE() << instruction_ << ": " << count_ << " of " << compared_ << " differ";
}

void Mismatches::report(const std::string& operands, const std::string& actual,
                        const std::string& expected) const {
    ADD_FAILURE() << instruction_ << "\n  of " << operands << "\n  is " << actual << "\n  not " << expected;
}

std::vector<u64> evaluate(const std::string& body, int resultBytes, const std::vector<Column>& operands,
                          int target) {
    std::vector<u64> results;
    try {
        Machine machine(kernelOf(body, resultBytes, operands), target);
        machine.options.approximation = approximation;
        const std::size_t rows = operands.front().rows.size();
        results.resize(rows);
        const std::uint64_t out = machine.allocate<u8>(rows * resultBytes);
        std::vector<Argument> arguments{out, static_cast<u32>(rows)};
        for (const Column& column : operands) {
            std::vector<u8> packed(rows * column.bytes);
            for (std::size_t i = 0; i < rows; i++) {
                std::memcpy(packed.data() + i * column.bytes, &column.rows[i], column.bytes);
            }
            arguments.push_back(machine.upload(packed));
        }
        machine.run("test", {static_cast<u32>((rows + BLOCK - 1) / BLOCK)}, {BLOCK}, arguments);
        const std::vector<u8> bytes = machine.download<u8>(out, rows * resultBytes);
        for (std::size_t i = 0; i < rows; i++)
            std::memcpy(&results[i], bytes.data() + i * resultBytes, resultBytes);
    } catch (const LoadError& error) {
        [&] { FAIL() << body << "\n  does not load: " << error.what(); }();
    }
    return results;
}

}  // namespace quern::emulator
