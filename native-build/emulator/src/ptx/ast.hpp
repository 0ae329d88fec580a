// A PTX module as its grammar has it, before any name or instruction is given a meaning. Texts point into the source.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <variant>
#include <vector>

namespace quern::emulator::ptx {

/// Where something stands, for messages.
struct Place {
    int line = 0;
    int column = 0;
};

enum class StateSpace { NONE, REGISTER, GLOBAL, CONSTANT, SHARED, LOCAL, PARAMETER };

enum class OperandKind {
    NAME,     // register, variable, label, function; maybe plus an offset
    INTEGER,  // value
    FLOAT32,  // value holds the bits
    FLOAT64,  // value holds the bits
    ADDRESS,  // [name + offset] or [value]
    VECTOR,   // {a, b}
    PAIR,     // d|p
    LIST,     // (a, b): arguments of a call
};

struct Operand {
    OperandKind kind = OperandKind::NAME;
    std::string_view name;
    std::uint64_t value = 0;
    std::int64_t offset = 0;
    bool negated = false;  // !p, and -r of vmad
    bool indexed = false;  // name[value]: an element of an array
    std::vector<Operand> elements;
    Place place;
};

/// A scalar type: its letter (b, u, s, f, p) and its size; bf16, f16x2 and such are modifiers of instructions only.
struct Type {
    char letter = 'b';
    int bits = 0;  // 1 of a predicate

    int bytes() const { return bits < 8 ? 1 : bits / 8; }
};

/// A value of an initialiser: a number, or the address of a variable plus a number.
struct InitialValue {
    Operand operand;
    std::uint64_t at = 0;  // which element it is for, vectors taken apart
    bool generic = false;  // generic(name): the address in generic space
};

struct Variable {
    StateSpace space = StateSpace::NONE;
    Type type;
    int vectorLength = 1;  // .v2, .v4
    int align = 0;         // 0: that of its type
    std::string_view name;
    std::uint64_t count = 1;  // elements, of all dimensions
    bool unsized = false;     // name[]
    bool external = false;
    std::uint32_t rangeCount = 0;  // %r<4>: names %r0 to %r3; 0: no range
    std::vector<InitialValue> initial;
    Place place;
};

/// Where in a CUDA source an instruction came from: what .loc says, which nvcc -lineinfo writes.
struct SourceLocation {
    std::uint32_t file = 0;  // number of a .file directive
    int line = 0;
    int column = 0;
    std::uint32_t inlinedAt = 0;  // in Module::locations: the call that was inlined; 0: none
};

struct Instruction {
    std::string_view opcode;  // with all its modifiers
    std::string_view guard;   // register of @p, else empty
    bool guardNegated = false;
    std::vector<Operand> operands;
    Place place;
    std::uint32_t location = 0;  // in Module::locations; 0: not said
};

struct Label {
    std::string_view name;
};
/// name: .branchtargets label, label ...; where brx.idx may go
struct BranchTargets {
    std::string_view name;
    std::vector<std::string_view> labels;
};
/// name: .callprototype (results) _ (parameters); or name: .calltargets function, function ...;
/// What an indirect call passes and gets.
struct CallPrototype {
    std::string_view name;
    std::vector<Variable> results;
    std::vector<Variable> parameters;
    std::string_view like;  // of .calltargets: a function that is called so; else empty
};
struct OpenScope {};
struct CloseScope {};

using Statement =
    std::variant<Instruction, Label, Variable, BranchTargets, CallPrototype, OpenScope, CloseScope>;

struct Function {
    bool entry = false;
    bool defined = false;  // has a body
    std::string_view name;
    std::vector<Variable> results;
    std::vector<Variable> parameters;
    std::uint32_t maxThreads[3] = {};
    std::uint32_t requiredThreads[3] = {};
    std::uint32_t minBlocks = 0;
    std::vector<Statement> body;
    Place place;
};

struct Module {
    std::string_view version;
    std::string_view target;  // sm_80
    std::vector<Variable> variables;
    std::vector<Function> functions;
    std::map<std::string_view, std::string_view> aliases;  // .alias: another name of a function
    bool callsIndirectly = false;
    std::map<std::uint32_t, std::string_view> files;  // of .file, by number
    std::vector<SourceLocation> locations{1};         // of .loc; the first stands for "not said"
};

}  // namespace quern::emulator::ptx
