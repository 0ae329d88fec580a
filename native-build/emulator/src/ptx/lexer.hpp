// PTX text as tokens.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace quern::emulator::ptx {

enum class TokenKind {
    WORD,    // directives, opcodes with their modifiers, names: .reg  ld.global.v4.f32  %tid.x  $L__BB0_1
    NUMBER,  // 12  0x1F  3.5  0f3F800000  0d3FF0000000000000  7.8
    STRING,  // without its quotes
    PUNCTUATION,  // one character
    END
};

struct Token {
    TokenKind kind = TokenKind::END;
    std::string_view text;
    int line = 1;
    int column = 1;

    bool is(char punctuation) const { return kind == TokenKind::PUNCTUATION && text[0] == punctuation; }
    bool isWord(std::string_view word) const { return kind == TokenKind::WORD && text == word; }
};

/// All tokens of `source`, an END last. Texts point into `source`. Throws LoadError where no token can begin.
std::vector<Token> tokenize(std::string_view source);

/// The line of `source` that holds `position`, without blanks around it: for messages.
std::string_view lineAround(std::string_view source, const char* position);

}  // namespace quern::emulator::ptx
