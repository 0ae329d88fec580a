// Failures on order: the n-th call of a kind fails with a chosen result, before it does anything. With it a program
// tests what it does when a device runs out of memory in the middle, without a device that does.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "driver/cuda_types.hpp"

namespace quern::driver {

/// Calls that can be made to fail. The names are those of io.quern.emulator.CallKind.
enum class CallKind {
    ALLOCATION,   // device, managed, pooled, pinned and registered memory
    LAUNCH,       // of kernels and of graphs, and of the stand-in for cuBLAS
    COPY,         // copies and fills
    MODULE_LOAD,  // and linking
    SYNCHRONIZE,  // waiting for a context, a stream or an event
    CREATION,     // of streams, events and graphs, captured ones too
};
inline constexpr std::size_t CALL_KINDS = 6;

const char* nameOf(CallKind kind);

/// Guarded by the driver's mutex.
class FaultInjection {
  public:
    /// The n-th call of `kind` from now on, 1 being the next one, fails with `result`. Orders add up.
    void failNext(CallKind kind, std::uint64_t n, CUresult result);

    /// As failNext for each of "KIND:N:RESULT, ...", RESULT being a name (CUDA_ERROR_OUT_OF_MEMORY) or a number; in
    /// place of all orders there are. Throws std::invalid_argument for any other text, and changes nothing then.
    void order(const std::string& text);

    /// Counts a call. CUDA_SUCCESS, or what it shall fail with.
    CUresult pass(CallKind kind);

    /// Calls of `kind` since the last reset, those that failed on order included.
    std::uint64_t calls(CallKind kind) const { return calls_[static_cast<std::size_t>(kind)]; }

    /// Forgets orders and counts.
    void reset();

  private:
    struct Order {
        CallKind kind;
        std::uint64_t call;  // by number among the calls of its kind
        CUresult result;
    };

    std::array<std::uint64_t, CALL_KINDS> calls_{};
    std::vector<Order> orders_;
};

/// Whether a device that reports `result` is lost to its context until that is destroyed.
bool isSticky(CUresult result);

}  // namespace quern::driver
