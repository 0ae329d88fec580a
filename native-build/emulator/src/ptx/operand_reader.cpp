#include "ptx/operand_reader.hpp"

#include <bit>
#include <cstdlib>

#include "ptx/constant_expression.hpp"

namespace quern::emulator::ptx {

Operand OperandReader::operand(bool inCall) {
    const Token& token = peek();
    Operand result;
    result.place = placeOf(token);
    if (accept('{')) {
        result.kind = OperandKind::VECTOR;
        elements(result, '}');
    } else if (inCall && accept('(')) {
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

void OperandReader::elements(Operand& list, char close) {
    while (!peek().is(close)) {
        if (!list.elements.empty()) expect(',');
        list.elements.push_back(scalar());
    }
    expect(close);
}

Operand OperandReader::scalar() {
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
        operand.value = constantExpression(*this);
        expect(']');
    }
    operand.offset = displacement();
    return operand;
}

Operand OperandReader::numberOperand(bool minus) {
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

std::uint64_t OperandReader::hexadecimal(const Token& token, const std::string& text) const {
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(text.c_str() + 2, &end, 16);
    if (*end != '\0') refuse(token, "not a floating point constant");
    return value;
}

Operand OperandReader::expressionOperand() {
    Operand operand;
    operand.kind = OperandKind::INTEGER;
    operand.place = placeOf(peek());
    operand.value = constantExpression(*this);
    return operand;
}

std::int64_t OperandReader::displacement() {
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

}  // namespace quern::emulator::ptx
