#include "ptx/parser.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>

#include "module/load_error.hpp"
#include "ptx/lexer.hpp"

namespace quern::emulator::ptx {

namespace {

class Parser {
  public:
    explicit Parser(std::string_view source) : source_(source), tokens_(tokenize(source)) {}

    Module module() {
        Module& module = module_;
        while (peek().kind != TokenKind::END) topLevel(module);
        if (module.version.empty()) refuse(tokens_.front(), "no .version directive");
        if (module.target.empty()) refuse(tokens_.front(), "no .target directive");
        return std::move(module_);
    }

  private:
    // Tokens.

    const Token& peek(std::size_t ahead = 0) const {
        return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
    }
    const Token& next() {
        const Token& token = peek();
        if (at_ + 1 < tokens_.size()) at_++;
        return token;
    }
    bool accept(char punctuation) {
        if (!peek().is(punctuation)) return false;
        next();
        return true;
    }
    bool accept(std::string_view word) {
        if (!peek().isWord(word)) return false;
        next();
        return true;
    }
    void expect(char punctuation) {
        if (!accept(punctuation)) refuse(peek(), std::string("expected '") + punctuation + "'");
    }
    const Token& expectWord(const char* what) {
        if (peek().kind != TokenKind::WORD) refuse(peek(), std::string("expected ") + what);
        return next();
    }
    [[noreturn]] void refuse(const Token& token, const std::string& message) const {
        std::string found = token.kind == TokenKind::END ? "the end" : "'" + std::string(token.text) + "'";
        const char* position =
            token.kind == TokenKind::END ? source_.data() + source_.size() : token.text.data();
        throw LoadError(LoadErrorKind::INVALID_PTX, token.line, token.column,
                        std::string(lineAround(source_, position)), message + ", found " + found);
    }
    static Place placeOf(const Token& token) { return {token.line, token.column}; }
    void skipLine() {
        for (const int line = peek().line; peek().line == line && peek().kind != TokenKind::END;) next();
    }

    // Numbers.

    std::uint64_t number(const Token& token) const {
        const std::string text(token.text);
        const std::size_t digits = text.find_last_not_of('U') + 1;  // 12U is 12
        char* end = nullptr;
        errno = 0;
        const bool binary = text.starts_with("0b") || text.starts_with("0B");
        const std::uint64_t value =
            binary ? std::strtoull(text.c_str() + 2, &end, 2) : std::strtoull(text.c_str(), &end, 0);
        if (end != text.c_str() + digits || errno != 0) refuse(token, "not a whole number of 64 bits");
        return value;
    }
    std::uint32_t smallNumber() {
        if (peek().kind != TokenKind::NUMBER) refuse(peek(), "expected a number");
        const std::uint64_t value = number(peek());
        if (value > 0x7fffffff) refuse(peek(), "number too large here");
        next();
        return static_cast<std::uint32_t>(value);
    }
    Operand numberOperand(bool minus) {
        const Token& token = next();
        if (token.kind != TokenKind::NUMBER) refuse(token, "expected a number");
        Operand operand;
        operand.place = placeOf(token);
        const std::string text(token.text);
        const bool prefixed = text.size() > 2 && text[0] == '0';
        if (prefixed && (text[1] == 'f' || text[1] == 'F') && text.size() == 10) {
            operand.kind = OperandKind::FLOAT32;
            operand.value = hexadecimal(token, text) ^ (minus ? 0x80000000U : 0U);
        } else if (prefixed && (text[1] == 'd' || text[1] == 'D') && text.size() == 18) {
            operand.kind = OperandKind::FLOAT64;
            operand.value = hexadecimal(token, text) ^ (minus ? std::uint64_t{1} << 63 : 0U);
        } else if (text.find('.') != std::string::npos) {
            char* end = nullptr;
            const double value = std::strtod(text.c_str(), &end);
            if (*end != '\0') refuse(token, "not a number");
            operand.kind = OperandKind::FLOAT64;
            operand.value = std::bit_cast<std::uint64_t>(minus ? -value : value);
        } else {
            operand.kind = OperandKind::INTEGER;
            operand.value = minus ? 0 - number(token) : number(token);
        }
        return operand;
    }
    std::uint64_t hexadecimal(const Token& token, const std::string& text) const {
        char* end = nullptr;
        const std::uint64_t value = std::strtoull(text.c_str() + 2, &end, 16);
        if (*end != '\0') refuse(token, "not a floating point constant");
        return value;
    }

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
        inCall_ = opcode.text == "call" || opcode.text.starts_with("call.");
        while (!peek().is(';')) {
            if (!instruction.operands.empty()) expect(',');
            instruction.operands.push_back(operand());
        }
        expect(';');
        return instruction;
    }

    // Operands.

    Operand operand() {
        const Token& token = peek();
        Operand result;
        result.place = placeOf(token);
        if (accept('{')) {
            result.kind = OperandKind::VECTOR;
            elements(result, '}');
        } else if (inCall_ && accept('(')) {
            result.kind = OperandKind::LIST;
            elements(result, ')');
        } else if (accept('[')) {
            result = scalar();
            result.kind = OperandKind::ADDRESS;
            if (peek().is(','))
                refuse(peek(), "textures and surfaces, whose addresses have two parts, are not supported");
            expect(']');
        } else if (accept('!')) {
            result = scalar();
            result.negated = true;
        } else {
            result = scalar();
        }
        if (accept('|')) {
            Operand pair;
            pair.kind = OperandKind::PAIR;
            pair.place = result.place;
            pair.elements.push_back(std::move(result));
            pair.elements.push_back(scalar());
            return pair;
        }
        return result;
    }

    void elements(Operand& list, char close) {
        while (!peek().is(close)) {
            if (!list.elements.empty()) expect(',');
            list.elements.push_back(scalar());
        }
        expect(close);
    }

    Operand scalar() {
        const bool minus = peek().is('-');
        if (minus && peek(1).kind == TokenKind::WORD && !peek(1).isWord("WARP_SZ")) {
            next();
            Operand operand = scalar();
            operand.negated = true;
            return operand;
        }
        if (minus || peek().kind == TokenKind::NUMBER || peek().is('(') || peek().is('~')) {
            const Token& after = peek(minus ? 2 : 1);
            const bool plain = (!minus || peek(1).kind == TokenKind::NUMBER) && !peek().is('(') &&
                               !peek().is('~') && !isOperator(after);
            if (!plain) return expressionOperand();
            accept('-');
            return numberOperand(minus);
        }
        const Token& name = expectWord("an operand");
        Operand operand;
        operand.kind = OperandKind::NAME;
        operand.name = name.text;
        operand.place = placeOf(name);
        if (accept('[')) {
            operand.indexed = true;
            operand.value = conditional(0).bits;
            expect(']');
        }
        operand.offset = displacement();
        return operand;
    }

    // Constant expressions: those of C on integers of 64 bits, signed unless an operand is unsigned.

    static bool isOperator(const Token& token) {
        return token.kind == TokenKind::PUNCTUATION &&
               std::string_view("+-*/%&|^<>=!?").find(token.text[0]) != std::string_view::npos;
    }

    struct Number {
        std::uint64_t bits = 0;
        bool isUnsigned = false;
    };

    Operand expressionOperand() {
        Operand operand;
        operand.kind = OperandKind::INTEGER;
        operand.place = placeOf(peek());
        operand.value = conditional(0).bits;
        return operand;
    }

    Number conditional(int depth) {
        const Number condition = binary(0, depth);
        if (!accept('?')) return condition;
        const Number yes = conditional(depth + 1);
        expect(':');
        const Number no = conditional(depth + 1);
        return {condition.bits != 0 ? yes.bits : no.bits, yes.isUnsigned || no.isUnsigned};
    }

    /// The operator that stands here, of the lowest precedence first; empty where there is none.
    std::string_view operatorAt(std::size_t& level) const {
        static constexpr std::pair<std::string_view, std::size_t> OPERATORS[] = {
            {"||", 0}, {"&&", 1}, {"==", 5}, {"!=", 5}, {"<=", 6}, {">=", 6}, {"<<", 7}, {">>", 7}, {"|", 2},
            {"^", 3},  {"&", 4},  {"<", 6},  {">", 6},  {"+", 8},  {"-", 8},  {"*", 9},  {"/", 9},  {"%", 9},
        };
        for (const auto& [text, its] : OPERATORS) {
            if (!peek().is(text[0]) || (text.size() == 2 && !peek(1).is(text[1]))) continue;
            level = its;
            return text;
        }
        return {};
    }

    Number binary(std::size_t least, int depth) {
        if (depth > 64) refuse(peek(), "expression nested too deeply");
        Number left = unary(depth + 1);
        for (;;) {
            const Token& token = peek();
            std::size_t level = 0;
            const std::string_view sign = operatorAt(level);
            if (sign.empty() || level < least) return left;
            for (std::size_t i = 0; i < sign.size(); i++) next();
            left = apply(token, sign, left, binary(level + 1, depth + 1));
        }
    }

    Number apply(const Token& token, std::string_view sign, Number a, Number b) const {
        const bool isUnsigned = a.isUnsigned || b.isUnsigned;
        const auto x = static_cast<std::int64_t>(a.bits);
        const auto y = static_cast<std::int64_t>(b.bits);
        const auto truth = [](bool holds) { return Number{holds ? 1U : 0U, false}; };
        if (sign == "||") return truth(a.bits != 0 || b.bits != 0);
        if (sign == "&&") return truth(a.bits != 0 && b.bits != 0);
        if (sign == "==") return truth(a.bits == b.bits);
        if (sign == "!=") return truth(a.bits != b.bits);
        if (sign == "<") return truth(isUnsigned ? a.bits < b.bits : x < y);
        if (sign == ">") return truth(isUnsigned ? a.bits > b.bits : x > y);
        if (sign == "<=") return truth(isUnsigned ? a.bits <= b.bits : x <= y);
        if (sign == ">=") return truth(isUnsigned ? a.bits >= b.bits : x >= y);
        if (sign == "|") return {a.bits | b.bits, isUnsigned};
        if (sign == "^") return {a.bits ^ b.bits, isUnsigned};
        if (sign == "&") return {a.bits & b.bits, isUnsigned};
        if (sign == "+") return {a.bits + b.bits, isUnsigned};
        if (sign == "-") return {a.bits - b.bits, isUnsigned};
        if (sign == "*") return {a.bits * b.bits, isUnsigned};
        if (sign == "<<" || sign == ">>") {
            if (b.bits > 63) refuse(token, "shift by more than 63");
            if (sign == "<<") return {a.bits << b.bits, a.isUnsigned};
            return {a.isUnsigned ? a.bits >> b.bits : static_cast<std::uint64_t>(x >> b.bits), a.isUnsigned};
        }
        if (b.bits == 0) refuse(token, "division by zero");
        if (isUnsigned) return {sign == "/" ? a.bits / b.bits : a.bits % b.bits, true};
        if (y == -1) return {sign == "/" ? 0 - a.bits : 0, false};
        return {static_cast<std::uint64_t>(sign == "/" ? x / y : x % y), false};
    }

    Number unary(int depth) {
        if (depth > 64) refuse(peek(), "expression nested too deeply");
        if (accept('-')) {
            const Number number = unary(depth + 1);
            return {0 - number.bits, number.isUnsigned};
        }
        if (accept('~')) {
            const Number number = unary(depth + 1);
            return {~number.bits, number.isUnsigned};
        }
        if (accept('!')) return {unary(depth + 1).bits == 0 ? 1U : 0U, false};
        if (accept('(')) {
            if (peek().isWord(".s64") || peek().isWord(".u64")) {
                const bool isUnsigned = next().text == ".u64";
                expect(')');
                return {unary(depth + 1).bits, isUnsigned};
            }
            const Number number = conditional(depth + 1);
            expect(')');
            return number;
        }
        if (accept("WARP_SZ")) return {32, false};
        const Token& token = peek();
        if (token.kind != TokenKind::NUMBER) refuse(token, "expected a number");
        next();
        const std::uint64_t bits = number(token);
        return {bits, token.text.ends_with('U') || bits >> 63 != 0};
    }

    // "+4", "+-4", "-4" or nothing.
    std::int64_t displacement() {
        bool minus = false;
        if (accept('+')) {
            minus = accept('-');
        } else if (accept('-')) {
            minus = true;
        } else {
            return 0;
        }
        if (peek().kind != TokenKind::NUMBER) refuse(peek(), "expected a number");
        const std::uint64_t value = number(next());
        return static_cast<std::int64_t>(minus ? 0 - value : value);
    }

    std::string_view source_;
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    Module module_;
    bool inCall_ = false;
    std::uint32_t location_ = 0;  // of the instructions that follow
    std::map<std::tuple<std::uint32_t, int, int>, std::uint32_t>
        locationOf_;  // the latest with that file, line, column
};

}  // namespace

Module parse(std::string_view source) { return Parser(source).module(); }

}  // namespace quern::emulator::ptx
