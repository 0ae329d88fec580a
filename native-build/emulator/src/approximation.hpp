// Where the results of functions that hardware approximates (PTX's .approx and .full) lie.
//
// PTX bounds their error and leaves the bits to the device, so a kernel must give good results wherever they lie:
//   exact  the function's value, rounded once, to nearest.
//   low    the smallest value that the documented error admits.
//   high   the largest.
// What PTX fixes (results of zeros, infinities and NaN) is the same in all three; so are ex2 of whole numbers, on which
// CUDA's own functions rely, and what PTX leaves without any bound: sin and cos beyond 100 pi, rsqrt.approx.f64 and the FP64 forms of 20 bits.
#pragma once

#include <cstdint>

namespace quern::emulator {

enum class Approximation : std::uint8_t { EXACT, LOW, HIGH };

}  // namespace quern::emulator
