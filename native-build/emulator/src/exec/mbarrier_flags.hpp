// What the decoder tells the handlers of mbarrier, in Op::flags.
#pragma once

#include <cstdint>

namespace quern::emulator {

constexpr std::uint16_t MBARRIER_DROP = 1;         // .arrive_drop: later phases expect fewer
constexpr std::uint16_t MBARRIER_NO_COMPLETE = 2;  // the arrival must not complete the phase
constexpr std::uint16_t MBARRIER_EXPECT = 4;       // .expect_tx: op.c is a number of bytes
constexpr std::uint16_t MBARRIER_PARITY = 8;       // waits for a phase by its parity, else by a state
constexpr std::uint16_t MBARRIER_NO_INCREMENT = 16;

}  // namespace quern::emulator
