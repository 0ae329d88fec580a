#include "ptx/token_reader.hpp"

#include <cerrno>
#include <cstdlib>

#include "module/load_error.hpp"

namespace quern::emulator::ptx {

void TokenReader::expect(char punctuation) {
    if (!accept(punctuation)) refuse(peek(), std::string("expected '") + punctuation + "'");
}

const Token& TokenReader::expectWord(const char* what) {
    if (peek().kind != TokenKind::WORD) refuse(peek(), std::string("expected ") + what);
    return next();
}

std::uint64_t TokenReader::number(const Token& token) const {
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

std::uint32_t TokenReader::smallNumber() {
    if (peek().kind != TokenKind::NUMBER) refuse(peek(), "expected a number");
    const std::uint64_t value = number(peek());
    if (value > 0x7fffffff) refuse(peek(), "number too large here");
    next();
    return static_cast<std::uint32_t>(value);
}

void TokenReader::refuse(const Token& token, const std::string& message) const {
    std::string found = token.kind == TokenKind::END ? "the end" : "'" + std::string(token.text) + "'";
    const char* position = token.kind == TokenKind::END ? source_.data() + source_.size() : token.text.data();
    throw LoadError(LoadErrorKind::INVALID_PTX, token.line, token.column,
                    std::string(lineAround(source_, position)), message + ", found " + found);
}

void TokenReader::skipLine() {
    for (const int line = peek().line; peek().line == line && peek().kind != TokenKind::END;) next();
}

}  // namespace quern::emulator::ptx
