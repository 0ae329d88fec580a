// Constant expressions: those of C on integers of 64 bits, signed unless an operand is unsigned.
#pragma once

#include <cstdint>

#include "ptx/token_reader.hpp"

namespace quern::emulator::ptx {

/// The value of the expression that begins at the next token, all of which is taken. Throws LoadError.
std::uint64_t constantExpression(TokenReader& tokens);

/// Whether a token may stand between two operands of an expression.
bool isOperator(const Token& token);

}  // namespace quern::emulator::ptx
