// How a conversion is written into an Op, between its decoder and its handler.
#pragma once

#include <cstdint>

namespace quern::emulator {

enum class Format : std::uint8_t { U8, S8, U16, S16, U32, S32, U64, S64, F16, BF16, F32, F64 };

constexpr bool isFloat(Format format) { return format >= Format::F16; }
constexpr bool isSigned(Format format) { return !isFloat(format) && (static_cast<int>(format) & 1) != 0; }
constexpr int bytesOf(Format format) {
    switch (format) {
        case Format::U8:
        case Format::S8: return 1;
        case Format::U16:
        case Format::S16:
        case Format::F16:
        case Format::BF16: return 2;
        case Format::U32:
        case Format::S32:
        case Format::F32: return 4;
        default: return 8;
    }
}

/// Op::imm of a general conversion. Modifiers are in Op::flags, the register's sizes here: they may be wider.
struct Conversion {
    Format to;
    Format from;
    std::uint8_t toBytes;
    std::uint8_t fromBytes;
    bool integral;  // a float rounded to a whole number that stays a float: .rni and such

    std::int64_t pack() const {
        return static_cast<std::int64_t>(to) | static_cast<std::int64_t>(from) << 8 |
               std::int64_t{toBytes} << 16 | std::int64_t{fromBytes} << 24 | std::int64_t{integral} << 32;
    }
    static Conversion unpack(std::int64_t imm) {
        return {static_cast<Format>(imm & 255), static_cast<Format>(imm >> 8 & 255),
                static_cast<std::uint8_t>(imm >> 16 & 255), static_cast<std::uint8_t>(imm >> 24 & 255),
                (imm >> 32 & 1) != 0};
    }
};

}  // namespace quern::emulator
