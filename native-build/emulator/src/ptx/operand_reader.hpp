// Operands of instructions, and values of initialisers.
#pragma once

#include <cstdint>
#include <string>

#include "ptx/token_reader.hpp"

namespace quern::emulator::ptx {

class OperandReader : public TokenReader {
  public:
    using TokenReader::TokenReader;

    /// Any operand; those of a call may be lists in ( ).
    Operand operand(bool inCall);
    /// A number, a constant expression, or a name with what may follow it.
    Operand scalar();
    /// "+4", "+-4", "-4" or nothing.
    std::int64_t displacement();

  private:
    void elements(Operand& list, char close);
    Operand numberOperand(bool minus);
    Operand expressionOperand();
    std::uint64_t hexadecimal(const Token& token, const std::string& text) const;
};

}  // namespace quern::emulator::ptx
