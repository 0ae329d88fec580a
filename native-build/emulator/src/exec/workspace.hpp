// Where a launch keeps the address of what its blocks meet at.
#pragma once

#include <cstdint>

namespace quern::emulator {

/// Behind the parameters: 8 bytes, zero in launches that are not cooperative. %envreg1 and 2 read them.
constexpr std::uint32_t workspaceOffset(std::uint32_t parameterBytes) { return (parameterBytes + 7) & ~7U; }

}  // namespace quern::emulator
