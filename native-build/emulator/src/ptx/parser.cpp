#include "ptx/parser.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <tuple>

#include "ptx/operand_reader.hpp"

namespace quern::emulator::ptx {

namespace {

class Parser : OperandReader {
  public:
    explicit Parser(std::string_view source) : OperandReader(source), begin_(peek()) {}

    Module module() {
        Module& module = module_;
        while (peek().kind != TokenKind::END) topLevel(module);
        if (module.version.empty()) refuse(begin_, "no .version directive");
        if (module.target.empty()) refuse(begin_, "no .target directive");
        return std::move(module_);
    }

  private:
    // Directives.

    void topLevel(Module& module) {
        const Token& token = peek();
        if (accept(';')) return;
        if (token.isWord(".version")) {
            next();
            module.version = next().text;
        } else if (token.isWord(".target")) {
            next();
            module.target = expectWord("a target such as sm_80").text;
            while (accept(',')) expectWord("a target option");
        } else if (token.isWord(".address_size")) {
            next();
            if (smallNumber() != 64) refuse(token, "only 64-bit addresses are supported");
        } else if (accept(".file")) {
            file();
        } else if (accept(".loc")) {
            location();
        } else if (accept(".alias")) {
            const std::string_view name = expectWord("a function").text;
            expect(',');
            module_.aliases[name] = expectWord("a function").text;
            expect(';');
        } else if (token.isWord(".section")) {
            skipSection();
        } else if (token.isWord(".pragma")) {
            skipLine();
        } else {
            linkedItem(module);
        }
    }

    // .file 1 "kernel.cu" {, time, size}
    void file() {
        const std::uint32_t number = smallNumber();
        if (peek().kind != TokenKind::STRING) refuse(peek(), "expected the name of a file");
        module_.files[number] = next().text;
        while (accept(',')) smallNumber();
    }

    // .loc file line column {, function_name label {+ offset}, inlined_at file line column}
    void location() {
        SourceLocation location = sourceLocation();
        if (accept(',')) {
            if (!accept("function_name")) refuse(peek(), "expected function_name");
            expectWord("a label");
            if (accept('+')) smallNumber();
            expect(',');
            if (!accept("inlined_at")) refuse(peek(), "expected inlined_at");
            // The call's own .loc came before: where that was inlined in turn is known from it.
            const SourceLocation call = sourceLocation();
            const auto known = locationOf_.find(std::tuple(call.file, call.line, call.column));
            location.inlinedAt = known != locationOf_.end() ? known->second : addLocation(call);
        }
        location_ = addLocation(location);
    }
    SourceLocation sourceLocation() {
        SourceLocation location;
        location.file = smallNumber();
        location.line = static_cast<int>(smallNumber());
        location.column = static_cast<int>(smallNumber());
        return location;
    }
    std::uint32_t addLocation(const SourceLocation& location) {
        const std::uint32_t number = static_cast<std::uint32_t>(module_.locations.size());
        module_.locations.push_back(location);
        return locationOf_[std::tuple(location.file, location.line, location.column)] = number;
    }

    void skipSection() {
        while (!peek().is('{') && peek().kind != TokenKind::END) next();
        expect('{');
        while (!peek().is('}') && peek().kind != TokenKind::END) next();
        expect('}');
    }

    void linkedItem(Module& module) {
        bool external = false;
        for (;;) {
            if (accept(".extern")) {
                external = true;
            } else if (!accept(".visible") && !accept(".weak") && !accept(".common")) {
                break;
            }
        }
        const Token& token = peek();
        if (token.isWord(".entry") || token.isWord(".func")) {
            module.functions.push_back(function());
        } else if (spaceOf(token) != StateSpace::NONE) {
            for (Variable& variable : declaration(external)) module.variables.push_back(std::move(variable));
            expect(';');
        } else {
            refuse(token, "unknown directive");
        }
    }

    Function function() {
        Function function;
        function.entry = next().text == ".entry";
        while (!function.entry && peek().kind == TokenKind::WORD && peek().text[0] == '.')
            attribute(function);
        if (!function.entry && peek().is('(')) function.results = formals();
        const Token& name = expectWord("the name of a function");
        function.name = name.text;
        function.place = placeOf(name);
        if (peek().is('(')) function.parameters = formals();
        while (peek().kind == TokenKind::WORD && peek().text[0] == '.') attribute(function);
        if (accept(';')) return function;
        function.defined = true;
        location_ = 0;
        body(function.body);
        return function;
    }

    void attribute(Function& function) {
        const Token& token = next();
        if (token.text == ".maxntid") {
            threeNumbers(function.maxThreads);
        } else if (token.text == ".reqntid") {
            threeNumbers(function.requiredThreads);
        } else if (token.text == ".minnctapersm") {
            function.minBlocks = smallNumber();
        } else if (token.text == ".maxnreg") {
            smallNumber();
        } else if (token.text == ".pragma") {
            next();
            expect(';');
        } else if (token.text == ".abi_preserve" || token.text == ".abi_preserve_control") {
            smallNumber();
        } else if (token.text != ".noreturn") {
            refuse(token, "unknown attribute of a function");
        }
    }

    void threeNumbers(std::uint32_t (&numbers)[3]) {
        numbers[1] = numbers[2] = 1;
        numbers[0] = smallNumber();
        for (int i = 1; i < 3 && accept(','); i++) numbers[i] = smallNumber();
    }

    std::vector<Variable> formals() {
        std::vector<Variable> variables;
        expect('(');
        while (!peek().is(')')) {
            if (!variables.empty()) expect(',');
            for (Variable& variable : declaration(false, true)) variables.push_back(std::move(variable));
        }
        expect(')');
        return variables;
    }

    static StateSpace spaceOf(const Token& token) {
        if (token.isWord(".reg")) return StateSpace::REGISTER;
        if (token.isWord(".global")) return StateSpace::GLOBAL;
        if (token.isWord(".const")) return StateSpace::CONSTANT;
        if (token.isWord(".shared")) return StateSpace::SHARED;
        if (token.isWord(".local")) return StateSpace::LOCAL;
        if (token.isWord(".param")) return StateSpace::PARAMETER;
        return StateSpace::NONE;
    }

    Type typeOf(const Token& token) const {
        std::string_view text = token.text;
        if (text == ".pred") return {'p', 1};
        if (text.size() >= 3 && text[0] == '.' &&
            std::string_view("busf").find(text[1]) != std::string_view::npos) {
            int bits = 0;
            for (char c : text.substr(2))
                bits = c >= '0' && c <= '9' && bits < 100 ? 10 * bits + (c - '0') : 1000;
            for (int known : {8, 16, 32, 64, 128}) {
                if (bits == known) return {text[1], bits};
            }
        }
        refuse(token, "unknown type");
    }

    /// A declaration up to its ';' (not taken). One formal declares one name: a comma ends it.
    std::vector<Variable> declaration(bool external, bool formal = false) {
        Variable common;
        common.external = external;
        common.place = placeOf(peek());
        common.space = spaceOf(peek());
        if (common.space == StateSpace::NONE) refuse(peek(), "expected a state space such as .reg");
        next();
        while (common.type.bits == 0) {
            const Token& token = expectWord("a type such as .b32");
            if (token.text == ".align") {
                common.align = static_cast<int>(smallNumber());
                if (!std::has_single_bit(static_cast<unsigned>(common.align)))
                    refuse(token, "alignment not a power of two");
            } else if (token.text == ".v2" || token.text == ".v4") {
                common.vectorLength = token.text[2] - '0';
            } else if (token.text.starts_with(".v2.") || token.text.starts_with(".v4.")) {
                common.vectorLength = token.text[2] - '0';
                Token type = token;
                type.text.remove_prefix(3);
                common.type = typeOf(type);
            } else if (token.text == ".ptr") {
                pointerAttribute();
            } else if (token.text == ".attribute") {
                variableAttributes();
            } else {
                common.type = typeOf(token);
            }
        }
        if (accept(".ptr")) pointerAttribute();
        std::vector<Variable> variables;
        do {
            variables.push_back(declarator(common));
        } while (!formal && accept(','));
        return variables;
    }

    // .attribute(.managed, .unified(1, 2)): where a variable lies, which is one place here.
    void variableAttributes() {
        expect('(');
        do {
            const Token& token = expectWord("an attribute");
            if (token.text == ".unified") {
                expect('(');
                number(next());
                expect(',');
                number(next());
                expect(')');
            } else if (token.text != ".managed") {
                refuse(token, "unknown attribute of a variable");
            }
        } while (accept(','));
        expect(')');
    }

    // .ptr .global .align 16: what the compiler knows about a pointer parameter; nothing that running it needs.
    void pointerAttribute() {
        if (spaceOf(peek()) != StateSpace::NONE) next();
        if (accept(".align")) smallNumber();
    }

    Variable declarator(const Variable& common) {
        Variable variable = common;
        const Token& name = expectWord("a name");
        variable.name = name.text;
        variable.place = placeOf(name);
        if (accept('<')) {
            variable.rangeCount = smallNumber();
            if (variable.rangeCount == 0 || variable.rangeCount > 10'000'000)
                refuse(name, "unusual number of registers");
            expect('>');
        }
        std::vector<std::uint64_t> rows;  // lengths, of all dimensions but the first
        bool first = true;
        while (accept('[')) {
            if (peek().is(']')) {
                if (!first) refuse(peek(), "only the first dimension may be without a length");
                variable.unsized = true;
            } else {
                const std::uint64_t length = smallNumber();
                if (variable.count * length > std::uint64_t{1} << 40) refuse(name, "array too large");
                variable.count *= length;
                if (!first) rows.push_back(length);
            }
            first = false;
            expect(']');
        }
        if (accept('=')) {
            if (variable.vectorLength > 1) rows.push_back(static_cast<std::uint64_t>(variable.vectorLength));
            // What a row that is braced holds: the elements of all dimensions within it.
            std::uint64_t size = 1;
            for (std::size_t i = rows.size(); i > 0; i--) rows[i - 1] = size *= rows[i - 1];
            std::uint64_t next = 0;
            initialiser(variable.initial, rows, 0, next);
            if (variable.unsized) {
                // Without the first dimension, count has the product of the others.
                variable.count = (next + std::max<std::uint64_t>(size, 1) - 1) /
                                 std::max<std::uint64_t>(size, 1) * variable.count;
                variable.unsized = false;
            }
        }
        return variable;
    }

    /// A value, or a row in braces, of which what is not given is zero. `next`: the element that comes next.
    void initialiser(std::vector<InitialValue>& values, const std::vector<std::uint64_t>& rows,
                     std::size_t depth, std::uint64_t& next) {
        if (depth > 8) refuse(peek(), "initialiser nested too deeply");
        if (!accept('{')) {
            values.push_back(initialValue());
            values.back().at = next++;
            return;
        }
        const std::uint64_t begin = next;
        while (!peek().is('}')) {
            initialiser(values, rows, depth + 1, next);
            if (!accept(',')) break;
        }
        // The outermost braces hold the whole variable, those within it a row; a number may have braces of its own.
        if (depth > 0 && depth <= rows.size()) {
            if (next - begin > rows[depth - 1]) refuse(peek(), "more initial values than a row has");
            next = begin + rows[depth - 1];
        }
        expect('}');
    }

    InitialValue initialValue() {
        InitialValue value;
        if (peek().isWord("generic") && peek(1).is('(')) {
            next();
            next();
            value.generic = true;
            value.operand = scalar();
            expect(')');
            value.operand.offset += displacement();
        } else {
            value.operand = scalar();
        }
        return value;
    }

    // Statements.

    void body(std::vector<Statement>& statements) {
        expect('{');
        for (int depth = 1; depth > 0;) {
            const Token& token = peek();
            if (token.kind == TokenKind::END) refuse(token, "function without an end");
            if (accept('{')) {
                statements.emplace_back(OpenScope{});
                depth++;
            } else if (accept('}')) {
                depth--;
                if (depth > 0) statements.emplace_back(CloseScope{});
            } else if (!accept(';')) {
                statement(statements);
            }
        }
    }

    void statement(std::vector<Statement>& statements) {
        const Token& token = peek();
        if (accept(".loc")) {
            location();
        } else if (accept(".file")) {
            file();
        } else if (token.isWord(".pragma")) {
            next();
            next();
            expect(';');
        } else if (token.isWord(".extern") || spaceOf(token) != StateSpace::NONE) {
            const bool external = accept(".extern");
            for (Variable& variable : declaration(external)) statements.emplace_back(std::move(variable));
            expect(';');
        } else if (token.kind == TokenKind::WORD && token.text[0] != '.' && peek(1).is(':')) {
            next();
            next();
            if (accept(".callprototype")) {
                statements.emplace_back(callPrototype(token.text));
            } else if (accept(".calltargets")) {
                // Who is called shows when the call is executed: what counts is how.
                CallPrototype targets;
                targets.name = token.text;
                targets.like = labelList().front();
                module_.callsIndirectly = true;
                statements.emplace_back(std::move(targets));
            } else if (accept(".branchtargets")) {
                statements.emplace_back(branchTargets(token.text));
            } else {
                statements.emplace_back(Label{token.text});
            }
        } else {
            statements.emplace_back(instruction());
        }
    }

    BranchTargets branchTargets(std::string_view name) {
        BranchTargets targets;
        targets.name = name;
        targets.labels = labelList();
        return targets;
    }

    std::vector<std::string_view> labelList() {
        std::vector<std::string_view> labels;
        do {
            labels.push_back(expectWord("a label").text);
        } while (accept(','));
        expect(';');
        return labels;
    }

    CallPrototype callPrototype(std::string_view name) {
        CallPrototype prototype;
        prototype.name = name;
        module_.callsIndirectly = true;
        if (peek().is('(')) prototype.results = formals();
        expectWord("the place of a name");
        if (peek().is('(')) prototype.parameters = formals();
        Function ignored;
        while (peek().kind == TokenKind::WORD) attribute(ignored);
        expect(';');
        return prototype;
    }

    Instruction instruction() {
        Instruction instruction;
        instruction.place = placeOf(peek());
        if (accept('@')) {
            instruction.guardNegated = accept('!');
            instruction.guard = expectWord("a predicate").text;
        }
        const Token& opcode = expectWord("an instruction");
        if (opcode.text[0] == '.') refuse(opcode, "unknown directive");
        instruction.opcode = opcode.text;
        instruction.location = location_;
        const bool inCall = opcode.text == "call" || opcode.text.starts_with("call.");
        while (!peek().is(';')) {
            if (!instruction.operands.empty()) expect(',');
            instruction.operands.push_back(operand(inCall));
        }
        expect(';');
        return instruction;
    }

    const Token begin_;
    Module module_;
    std::uint32_t location_ = 0;  // of the instructions that follow
    std::map<std::tuple<std::uint32_t, int, int>, std::uint32_t>
        locationOf_;  // the latest with that file, line, column
};

}  // namespace

Module parse(std::string_view source) { return Parser(source).module(); }

}  // namespace quern::emulator::ptx
