// Functions that the CUDA runtime gives to kernels: printf, assert, malloc and free. Their arguments are the registers of
// op.more.
#include <cstring>
#include <string>

#include "exec/access.hpp"
#include "exec/fault.hpp"
#include "exec/print.hpp"
#include "exec/table.hpp"

namespace quern::emulator {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

template <typename T>
T argument(const Warp& warp, const Op& op, int i, int lane) {
    return lanesOf<T>(warp, op.more[i])[lane];
}

// A text of a kernel that is longer has lost its end.
constexpr std::size_t LONGEST_TEXT = std::size_t{1} << 16;

std::string textAt(Warp& warp, const Op& op, int lane, u64 address) {
    std::string text;
    while (text.size() < LONGEST_TEXT) {
        const auto c = static_cast<char>(*resolveLane(warp, op, lane, Space::GENERIC, address++));
        if (c == '\0') break;
        text += c;
    }
    return text;
}

/// int vprintf(const char* format, void* arguments): each argument is aligned to its size.
void print(Warp& warp, const Op& op) {
    u32* d = lanesOf<u32>(warp, op.dst);
    forEachLane(warp.mask, [&](int lane) {
        u64 at = argument<u64>(warp, op, 1, lane);
        PrintArguments arguments;
        arguments.next = [&](int bytes) {
            const auto size = static_cast<u64>(bytes);
            at = (at + size - 1) & ~(size - 1);
            u64 value = 0;
            for (u64 k = 0; k < size; k++)
                value |= static_cast<u64>(*resolveLane(warp, op, lane, Space::GENERIC, at + k)) << 8 * k;
            at += size;
            return value;
        };
        arguments.text = [&](u64 address) { return textAt(warp, op, lane, address); };
        Printed printed = formatPrint(textAt(warp, op, lane, argument<u64>(warp, op, 0, lane)), arguments);
        d[lane] = static_cast<u32>(printed.arguments);
        if (warp.worker->printer != nullptr) warp.worker->printer->add(std::move(printed.text));
    });
}

/// void __assertfail(const char* condition, const char* file, unsigned line, const char* function, size_t charSize)
void assertionFailed(Warp& warp, const Op& op) {
    const int lane = __builtin_ctz(warp.mask);
    const auto text = [&](int i) { return textAt(warp, op, lane, argument<u64>(warp, op, i, lane)); };
    raise(FaultKind::ASSERT, op, lane,
          text(1) + ":" + std::to_string(argument<u32>(warp, op, 2, lane)) + ": " + text(3) +
              ": Assertion `" + text(0) + "` failed.");
}

void allocate(Warp& warp, const Op& op) {
    u64* d = lanesOf<u64>(warp, op.dst);
    forEachLane(warp.mask, [&](int lane) {
        const u64 bytes = argument<u64>(warp, op, 0, lane);
        d[lane] = bytes == 0 ? 0 : warp.worker->heap->allocate(bytes, AllocationKind::DEVICE_HEAP);
    });
}

void release(Warp& warp, const Op& op) {
    forEachLane(warp.mask, [&](int lane) {
        const u64 address = argument<u64>(warp, op, 0, lane);
        if (address == 0) return;
        const Allocation* allocation = warp.worker->heap->find(address);
        const bool ours = allocation != nullptr && allocation->kind == AllocationKind::DEVICE_HEAP;
        if (!ours || warp.worker->heap->free(address) != FreeStatus::FREED)
            raise(FaultKind::OUT_OF_BOUNDS, op, lane,
                  "free of " + std::to_string(address) +
                      (ours ? ": freed already, or not the begin of an allocation"
                            : ": not from malloc of a kernel"));
    });
}

constexpr Entry RUNTIME_CALLS[] = {
    {"runtime.vprintf", nullptr, print, InstructionClass::CONTROL},
    {"runtime.__assertfail", nullptr, assertionFailed, InstructionClass::CONTROL},
    {"runtime.malloc", nullptr, allocate, InstructionClass::CONTROL},
    {"runtime.free", nullptr, release, InstructionClass::CONTROL},
};

}  // namespace

Entries runtimeTable() { return {RUNTIME_CALLS, sizeof RUNTIME_CALLS / sizeof RUNTIME_CALLS[0]}; }

}  // namespace quern::emulator
