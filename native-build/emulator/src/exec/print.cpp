#include "exec/print.hpp"

#include <bit>
#include <cstdio>

namespace quern::emulator {

namespace {

bool isFlag(char c) { return std::string_view("-+ #0").find(c) != std::string_view::npos; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

// A width or a precision beyond this is a mistake, and would fill the host's memory.
constexpr int MOST_WIDE = 4096;

template <typename T>
std::string convert(const std::string& conversion, T value) {
    const int length = std::snprintf(nullptr, 0, conversion.c_str(), value);
    if (length < 0) return {};
    std::string text(static_cast<std::size_t>(length) + 1, '\0');
    std::snprintf(text.data(), text.size(), conversion.c_str(), value);
    text.pop_back();
    return text;
}

/// One conversion from its '%' on. What a kernel pushed is 4 bytes wide, or 8 for long, pointers and floating point.
class PrintConversion {
  public:
    PrintConversion(std::string_view format, const PrintArguments& arguments)
        : rest_(format), arguments_(arguments) {}

    Printed print() {
        rest_.remove_prefix(1);
        while (!rest_.empty() && isFlag(rest_[0])) take();
        number();
        if (!rest_.empty() && rest_[0] == '.') {
            take();
            number();
        }
        int longs = 0;
        while (!rest_.empty() && std::string_view("hlLqjzt").find(rest_[0]) != std::string_view::npos) {
            longs += rest_[0] != 'h' ? 1 : 0;
            if (rest_[0] == 'h') halves_++;
            rest_.remove_prefix(1);
        }
        if (rest_.empty()) return {std::string(whole_), taken_};
        const char letter = rest_[0];
        rest_.remove_prefix(1);
        return {value(letter, longs > 0), taken_};
    }
    std::string_view rest() const { return rest_; }

  private:
    void take() {
        spelling_ += rest_[0];
        rest_.remove_prefix(1);
    }
    std::uint64_t next(int bytes) {
        taken_++;
        return arguments_.next(bytes);
    }
    void number() {
        if (!rest_.empty() && rest_[0] == '*') {
            rest_.remove_prefix(1);
            const auto value = static_cast<std::int32_t>(next(4));
            spelling_ += std::to_string(value > MOST_WIDE    ? MOST_WIDE
                                        : value < -MOST_WIDE ? -MOST_WIDE
                                                             : value);
            return;
        }
        int value = 0;
        bool any = false;
        for (; !rest_.empty() && isDigit(rest_[0]); rest_.remove_prefix(1)) {
            value = value > MOST_WIDE ? MOST_WIDE : 10 * value + (rest_[0] - '0');
            any = true;
        }
        if (any) spelling_ += std::to_string(value > MOST_WIDE ? MOST_WIDE : value);
    }

    std::string value(char letter, bool isLong) {
        switch (letter) {
            case '%': return "%";
            case 'd':
            case 'i': {
                auto value = isLong ? static_cast<std::int64_t>(next(8)) : static_cast<std::int32_t>(next(4));
                if (halves_ == 1) value = static_cast<std::int16_t>(value);
                if (halves_ > 1) value = static_cast<std::int8_t>(value);
                return convert(spelling_ + "ll" + letter, static_cast<long long>(value));
            }
            case 'u':
            case 'o':
            case 'x':
            case 'X': {
                std::uint64_t value = isLong ? next(8) : static_cast<std::uint32_t>(next(4));
                if (halves_ == 1) value = static_cast<std::uint16_t>(value);
                if (halves_ > 1) value = static_cast<std::uint8_t>(value);
                return convert(spelling_ + "ll" + letter, static_cast<unsigned long long>(value));
            }
            case 'c':
                return convert(spelling_ + letter, static_cast<int>(static_cast<unsigned char>(next(4))));
            case 'a':
            case 'A':
            case 'e':
            case 'E':
            case 'f':
            case 'F':
            case 'g':
            case 'G': return convert(spelling_ + letter, std::bit_cast<double>(next(8)));
            case 'p': return convert(spelling_ + letter, reinterpret_cast<void*>(next(8)));
            case 's': {
                const std::uint64_t address = next(8);
                return convert(spelling_ + letter,
                               (address == 0 ? "(null)" : arguments_.text(address)).c_str());
            }
            default: return std::string(whole_.substr(0, whole_.size() - rest_.size()));
        }
    }

    std::string_view rest_;
    const std::string_view whole_ = rest_;
    const PrintArguments& arguments_;
    std::string spelling_ = "%";
    int taken_ = 0;
    int halves_ = 0;
};

}  // namespace

Printed formatPrint(std::string_view format, const PrintArguments& arguments) {
    Printed result;
    while (!format.empty()) {
        const std::size_t percent = std::min(format.find('%'), format.size());
        result.text += format.substr(0, percent);
        format.remove_prefix(percent);
        if (format.empty()) break;
        PrintConversion conversion(format, arguments);
        const Printed printed = conversion.print();
        result.text += printed.text;
        result.arguments += printed.arguments;
        format = conversion.rest();
    }
    return result;
}

void Printer::add(std::string text) {
    const std::lock_guard lock(mutex_);
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    while (bytes_ > limit_ && texts_.size() > 1) {
        bytes_ -= texts_.front().size();
        texts_.pop_front();
    }
}

std::string Printer::take() {
    const std::lock_guard lock(mutex_);
    std::string all;
    all.reserve(bytes_);
    for (const std::string& text : texts_) all += text;
    texts_.clear();
    bytes_ = 0;
    return all;
}

}  // namespace quern::emulator
