// The tokens of a text, one after the other, and what is asked of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ptx/ast.hpp"
#include "ptx/lexer.hpp"

namespace quern::emulator::ptx {

class TokenReader {
  public:
    explicit TokenReader(std::string_view source) : source_(source), tokens_(tokenize(source)) {}

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

    // What must stand here; these throw LoadError, which shows what does.

    void expect(char punctuation);
    const Token& expectWord(const char* what);
    /// A number that a token stands for.
    std::uint64_t number(const Token& token) const;
    /// One of 31 bits.
    std::uint32_t smallNumber();
    [[noreturn]] void refuse(const Token& token, const std::string& message) const;

    void skipLine();

    static Place placeOf(const Token& token) { return {token.line, token.column}; }

  private:
    std::string_view source_;
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
};

}  // namespace quern::emulator::ptx
