#include "ptx/constant_expression.hpp"

#include <string_view>
#include <utility>

namespace quern::emulator::ptx {

namespace {

struct Number {
    std::uint64_t bits = 0;
    bool isUnsigned = false;
};

class Expression {
  public:
    explicit Expression(TokenReader& tokens) : tokens_(tokens) {}

    Number conditional(int depth) {
        const Number condition = binary(0, depth);
        if (!tokens_.accept('?')) return condition;
        const Number yes = conditional(depth + 1);
        tokens_.expect(':');
        const Number no = conditional(depth + 1);
        return {condition.bits != 0 ? yes.bits : no.bits, yes.isUnsigned || no.isUnsigned};
    }

  private:
    /// The operator that stands here, of the lowest precedence first; empty where there is none.
    std::string_view operatorAt(std::size_t& level) const {
        static constexpr std::pair<std::string_view, std::size_t> OPERATORS[] = {
            {"||", 0}, {"&&", 1}, {"==", 5}, {"!=", 5}, {"<=", 6}, {">=", 6}, {"<<", 7}, {">>", 7}, {"|", 2},
            {"^", 3},  {"&", 4},  {"<", 6},  {">", 6},  {"+", 8},  {"-", 8},  {"*", 9},  {"/", 9},  {"%", 9},
        };
        for (const auto& [text, its] : OPERATORS) {
            if (!tokens_.peek().is(text[0]) || (text.size() == 2 && !tokens_.peek(1).is(text[1]))) continue;
            level = its;
            return text;
        }
        return {};
    }

    Number binary(std::size_t least, int depth) {
        if (depth > 64) tokens_.refuse(tokens_.peek(), "expression nested too deeply");
        Number left = unary(depth + 1);
        for (;;) {
            const Token& token = tokens_.peek();
            std::size_t level = 0;
            const std::string_view sign = operatorAt(level);
            if (sign.empty() || level < least) return left;
            for (std::size_t i = 0; i < sign.size(); i++) tokens_.next();
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
            if (b.bits > 63) tokens_.refuse(token, "shift by more than 63");
            if (sign == "<<") return {a.bits << b.bits, a.isUnsigned};
            return {a.isUnsigned ? a.bits >> b.bits : static_cast<std::uint64_t>(x >> b.bits), a.isUnsigned};
        }
        if (b.bits == 0) tokens_.refuse(token, "division by zero");
        if (isUnsigned) return {sign == "/" ? a.bits / b.bits : a.bits % b.bits, true};
        if (y == -1) return {sign == "/" ? 0 - a.bits : 0, false};
        return {static_cast<std::uint64_t>(sign == "/" ? x / y : x % y), false};
    }

    Number unary(int depth) {
        if (depth > 64) tokens_.refuse(tokens_.peek(), "expression nested too deeply");
        if (tokens_.accept('-')) {
            const Number number = unary(depth + 1);
            return {0 - number.bits, number.isUnsigned};
        }
        if (tokens_.accept('~')) {
            const Number number = unary(depth + 1);
            return {~number.bits, number.isUnsigned};
        }
        if (tokens_.accept('!')) return {unary(depth + 1).bits == 0 ? 1U : 0U, false};
        if (tokens_.accept('(')) {
            if (tokens_.peek().isWord(".s64") || tokens_.peek().isWord(".u64")) {
                const bool isUnsigned = tokens_.next().text == ".u64";
                tokens_.expect(')');
                return {unary(depth + 1).bits, isUnsigned};
            }
            const Number number = conditional(depth + 1);
            tokens_.expect(')');
            return number;
        }
        if (tokens_.accept("WARP_SZ")) return {32, false};
        const Token& token = tokens_.peek();
        if (token.kind != TokenKind::NUMBER) tokens_.refuse(token, "expected a number");
        tokens_.next();
        const std::uint64_t bits = tokens_.number(token);
        return {bits, token.text.ends_with('U') || bits >> 63 != 0};
    }

    TokenReader& tokens_;
};

}  // namespace

std::uint64_t constantExpression(TokenReader& tokens) { return Expression(tokens).conditional(0).bits; }

bool isOperator(const Token& token) {
    return token.kind == TokenKind::PUNCTUATION &&
           std::string_view("+-*/%&|^<>=!?").find(token.text[0]) != std::string_view::npos;
}

}  // namespace quern::emulator::ptx
