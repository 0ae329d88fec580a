// How an instruction ends a launch.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "exec/warp.hpp"
#include "memory/shadow.hpp"

namespace quern::emulator {

enum class FaultKind {
    OUT_OF_BOUNDS,
    FREED,
    MISALIGNED,
    TRAP,
    ILLEGAL,
    NOT_CONVERGED,
    RACE,
    UNINITIALISED,
    DIVERGENT_BARRIER,
    DEADLOCK,
    STACK_OVERFLOW,
    ASSERT,
    TIMEOUT
};

/// Thrown through the warp's loop to the launch, which adds kernel, block and thread.
struct Fault : std::exception {
    FaultKind kind = FaultKind::TRAP;
    std::uint32_t pc = 0;
    int lane = -1;  // -1: the warp as a whole
    std::uint64_t address = 0;
    std::string message;
    const Op* op = nullptr;
    Epoch other;  // of a race: the access before this one
    const Op* otherOp = nullptr;

    const char* what() const noexcept override { return message.c_str(); }
};

[[noreturn]] void raise(FaultKind kind, const Op& op, int lane, std::string message);

/// The lane's access [address, address + op.bytes) to `space` fails its bounds; tells why.
[[noreturn]] void raiseBounds(const Warp& warp, const Op& op, int lane, Space space, std::uint64_t address);
[[noreturn]] void raiseRace(const Op& op, int lane, Space space, std::uint64_t address, const Epoch& other,
                            const Op& otherOp, bool otherStores, const DeviceMemory& memory);
[[noreturn]] void raiseMisaligned(const Op& op, int lane, Space space, std::uint64_t address);

/// "lanes 0-3, 7"
std::string describeLanes(std::uint32_t mask);

}  // namespace quern::emulator
