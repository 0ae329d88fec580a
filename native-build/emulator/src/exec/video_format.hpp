// How a video instruction is written into Op::more, between its decoder and its handler.
#pragma once

#include <cstdint>

namespace quern::emulator {

enum class VideoOperation : std::uint32_t { ADD, SUB, AVERAGE, ABSOLUTE_DIFFERENCE, MIN, MAX, SET };
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
    bool merges = false;  // one result into the part `to` of c
    std::uint32_t to = 0;
    std::uint32_t from[2][4] =
        {};  // parts of a and b for each result; b's own are counted behind a's where count > 1
};

}  // namespace quern::emulator
