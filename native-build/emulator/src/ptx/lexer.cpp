#include "ptx/lexer.hpp"

#include <string>

#include "module/load_error.hpp"

namespace quern::emulator::ptx {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }
bool beginsWord(char c) { return isLetter(c) || c == '_' || c == '$' || c == '%' || c == '.'; }
bool continuesWord(char c) { return isLetter(c) || isDigit(c) || c == '_' || c == '$' || c == '.'; }
bool isPunctuation(char c) {
    return std::string_view("{}[]()<>,;:@!|=+-*/~&^?").find(c) != std::string_view::npos;
}

class Lexer {
  public:
    explicit Lexer(std::string_view source) : source_(source) { tokens_.reserve(source.size() / 4); }

    std::vector<Token> all() {
        for (;;) {
            skipBlanks();
            if (at_ == source_.size()) break;
            next();
        }
        add(TokenKind::END, 0, 0);
        return std::move(tokens_);
    }

  private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }

    [[noreturn]] void refuse(const std::string& message) const {
        throw LoadError(LoadErrorKind::INVALID_PTX, line_, column(),
                        std::string(lineAround(source_, source_.data() + at_)), message);
    }

    int column() const { return static_cast<int>(at_ - lineBegin_) + 1; }

    void advance() {
        if (source_[at_] == '\n') {
            line_++;
            lineBegin_ = at_ + 1;
        }
        at_++;
    }

    void skipBlanks() {
        while (at_ < source_.size()) {
            if (isBlank(peek()) || peek() == '\0') {
                advance();
            } else if (peek() == '/' && peek(1) == '/') {
                while (at_ < source_.size() && peek() != '\n') at_++;
            } else if (peek() == '/' && peek(1) == '*') {
                skipBlockComment();
            } else {
                return;
            }
        }
    }

    void skipBlockComment() {
        while (at_ < source_.size() && !(peek() == '*' && peek(1) == '/')) advance();
        if (at_ == source_.size()) refuse("comment without an end");
        at_ += 2;
    }

    void next() {
        const char c = peek();
        if (isDigit(c)) {
            add(TokenKind::NUMBER, 0, numberLength());
        } else if (beginsWord(c)) {
            add(TokenKind::WORD, 0, wordLength());
        } else if (c == '"') {
            std::size_t length = 1;
            while (peek(length) != '"') {
                if (peek(length) == '\n' || peek(length) == '\0') refuse("string without an end");
                length++;
            }
            add(TokenKind::STRING, 1, length - 1);
            at_ += 2;
        } else if (isPunctuation(c)) {
            add(TokenKind::PUNCTUATION, 0, 1);
        } else {
            refuse(std::string("unexpected character '") + c + "'");
        }
    }

    // Directives may follow each other without a blank (.reg.b32), the modifiers of an instruction are part of its word.
    // A double colon belongs to a modifier (.shared::cta, .L2::128B), a single one ends a label.
    std::size_t wordLength() const {
        const bool directive = peek() == '.';
        std::size_t length = 1;
        for (;;) {
            if (directive && peek(length) == '.') return length;
            if (continuesWord(peek(length))) {
                length++;
            } else if (peek(length) == ':' && peek(length + 1) == ':' && continuesWord(peek(length + 2))) {
                length += 2;
            } else {
                return length;
            }
        }
    }

    // A sign belongs to the exponent of a decimal fraction (2.5e-3) and to no other number.
    std::size_t numberLength() const {
        std::size_t length = 1;
        bool fraction = false;
        for (;; length++) {
            const char c = peek(length);
            const char before = peek(length - 1);
            const bool sign = (c == '-' || c == '+') && fraction && (before == 'e' || before == 'E');
            if (!isDigit(c) && !isLetter(c) && c != '.' && !sign) return length;
            fraction = fraction || c == '.';
        }
    }

    void add(TokenKind kind, std::size_t skip, std::size_t length) {
        tokens_.push_back({kind, source_.substr(at_ + skip, length), line_, column()});
        at_ += length;
    }

    std::string_view source_;
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    std::size_t lineBegin_ = 0;
    int line_ = 1;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).all(); }

std::string_view lineAround(std::string_view source, const char* position) {
    std::size_t begin = static_cast<std::size_t>(position - source.data());
    std::size_t end = source.find('\n', begin);
    if (end == std::string_view::npos) end = source.size();
    while (begin > 0 && source[begin - 1] != '\n') begin--;
    while (begin < end && isBlank(source[begin])) begin++;
    while (end > begin && isBlank(source[end - 1])) end--;
    return source.substr(begin, end - begin);
}

}  // namespace quern::emulator::ptx
