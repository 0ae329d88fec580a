// How a video instruction is written into Op::more, between its decoder and its handler.
#pragma once

#include <cstdint>

namespace quern::emulator {

enum class VideoOperation : std::uint32_t {
    ADD,
    SUB,
    AVERAGE,
    ABSOLUTE_DIFFERENCE,
    MIN,
    MAX,
    SET,
    SHIFT_LEFT,
    SHIFT_RIGHT,
};
enum class VideoSecond : std::uint32_t { NONE, ADD, MIN, MAX };
enum class VideoComparison : std::uint32_t { EQ, NE, LT, LE, GT, GE };

/// Parts of 8, 16 or 32 bits, counted from the lowest: of a, and of b behind it.
struct Video {
    VideoOperation operation = VideoOperation::ADD;
    VideoSecond second = VideoSecond::NONE;
    VideoComparison comparison = VideoComparison::EQ;
    std::uint32_t count = 1;               // results: 1, 2 or 4
    std::uint32_t mask = 1;                // which of them are wanted
    std::uint32_t bits[3] = {32, 32, 32};  // of a part of a, of b, of the result
    bool isSigned[3] = {};                 // likewise
    bool saturates = false;
    bool wraps = false;   // shifts: by the lowest five bits of b, else by 32 at most
    bool merges = false;  // one result into the part `to` of c
    std::uint32_t to = 0;
    std::uint32_t from[2][4] =
        {};  // parts of a and b for each result; b's own are counted behind a's where count > 1
};

/// vmad: a part of a times a part of b, plus c.
struct VideoProduct {
    std::uint32_t bits[2] = {32, 32};  // of the part of a and of b
    std::uint32_t from[2] = {};        // which it is
    std::uint32_t shift = 0;           // .shr7, .shr15
    bool isSigned[2] = {};
    bool negatesProduct = false;
    bool negatesC = false;
    bool plusOne = false;  // .po
    bool saturates = false;
    bool isSignedC = false;
    bool unused = false;
};

}  // namespace quern::emulator
