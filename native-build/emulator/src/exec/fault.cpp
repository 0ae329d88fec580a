#include "exec/fault.hpp"

#include <cstdio>

namespace quern::emulator {

namespace {

std::string hex(std::uint64_t value) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

const char* nameOf(Space space) {
    switch (space) {
        case Space::SHARED: return "shared";
        case Space::LOCAL: return "local";
        case Space::PARAMETER: return "parameter";
        default: return "global";
    }
}

const char* nameOf(AllocationKind kind) {
    switch (kind) {
        case AllocationKind::MANAGED: return "managed memory";
        case AllocationKind::HOST_PINNED: return "pinned host memory";
        case AllocationKind::HOST_REGISTERED: return "registered host memory";
        case AllocationKind::MODULE_GLOBAL: return "variable";
        case AllocationKind::MODULE_CONSTANT: return "constant variable";
        case AllocationKind::DEVICE_HEAP: return "memory from a kernel's malloc";
        default: return "device memory";
    }
}

std::string accessOf(const Op& op) {
    const char* what = op.kind == InstructionClass::ATOMIC ? "atomic access" : op.store ? "store" : "load";
    return std::string(what) + " of " + std::to_string(op.bytes) + (op.bytes == 1 ? " byte" : " bytes");
}

std::string describe(const Allocation& allocation) {
    std::string text = std::string(allocation.freed ? "freed " : "") + nameOf(allocation.kind);
    if (!allocation.label.empty()) text += " " + allocation.label;
    return text + " #" + std::to_string(allocation.serial) + " of " + std::to_string(allocation.bytes) +
           " bytes at " + hex(allocation.base);
}

/// Where an address lies beside the nearest allocation: off-by-one errors are recognised by it.
std::string whereabouts(const DeviceMemory& memory, std::uint64_t address, std::uint64_t bytes) {
    const Allocation* allocation = memory.find(address);
    if (allocation == nullptr) allocation = memory.nearest(address);
    if (allocation == nullptr) return "nothing is allocated";
    if (address < allocation->base) {
        return std::to_string(allocation->base - address) + " bytes before " + describe(*allocation);
    }
    if (allocation->contains(address, bytes)) {
        return std::to_string(address - allocation->base) + " bytes into " + describe(*allocation);
    }
    if (address < allocation->end()) {
        return "it reaches " + std::to_string(address + bytes - allocation->end()) + " bytes beyond " +
               describe(*allocation);
    }
    return std::to_string(address - allocation->end()) + " bytes behind the end of " + describe(*allocation);
}

[[noreturn]] void raiseAt(FaultKind kind, const Op& op, int lane, std::uint64_t address,
                          std::string message) {
    Fault fault;
    fault.kind = kind;
    fault.op = &op;
    fault.lane = lane;
    fault.address = address;
    fault.message = std::move(message);
    throw fault;
}

}  // namespace

void raise(FaultKind kind, const Op& op, int lane, std::string message) {
    raiseAt(kind, op, lane, 0, std::move(message));
}

void raiseBounds(const Warp& warp, const Op& op, int lane, Space space, std::uint64_t address) {
    if (space == Space::GLOBAL || space == Space::GENERIC) {
        const Allocation* allocation = warp.worker->memory->find(address);
        const bool freed = allocation != nullptr && allocation->freed;
        raiseAt(freed ? FaultKind::FREED : FaultKind::OUT_OF_BOUNDS, op, lane, address,
                "global " + accessOf(op) + " at " + hex(address) +
                    (freed ? ": freed memory, " : ": out of bounds, ") +
                    whereabouts(*warp.worker->memory, address, op.bytes));
    }
    const std::uint64_t size = space == Space::SHARED  ? warp.shared.size
                               : space == Space::LOCAL ? warp.localBytes
                                                       : warp.worker->parameterBytes;
    raiseAt(FaultKind::OUT_OF_BOUNDS, op, lane, address,
            std::string(nameOf(space)) + " " + accessOf(op) + " at offset " + hex(address) +
                ": out of bounds, there are " + std::to_string(size) + " bytes");
}

void raiseMisaligned(const Op& op, int lane, Space space, std::uint64_t address) {
    raiseAt(FaultKind::MISALIGNED, op, lane, address,
            std::string(nameOf(space)) + " " + accessOf(op) + " at " + hex(address) +
                ": misaligned, not a multiple of " + std::to_string(op.bytes));
}

void raiseRace(const Op& op, int lane, Space space, std::uint64_t address, const Epoch& other,
               const Op& otherOp, bool otherStores, const DeviceMemory& memory) {
    Fault fault;
    fault.kind = FaultKind::RACE;
    fault.op = &op;
    fault.lane = lane;
    fault.address = address;
    fault.other = other;
    fault.otherOp = &otherOp;
    const bool shared = space == Space::SHARED;
    fault.message =
        std::string("data race: ") + nameOf(space) + " " + accessOf(op) + " at " + (shared ? "offset " : "") +
        hex(address) + (shared ? "" : ", " + whereabouts(memory, address, 1)) +
        ", which nothing orders after the " +
        (otherStores ? otherOp.kind == InstructionClass::ATOMIC ? "atomic access" : "store" : "load");
    throw fault;
}

std::string describeLanes(std::uint32_t mask) {
    std::string text;
    for (int lane = 0; lane < LANES; lane++) {
        if ((mask >> lane & 1) == 0) continue;
        int last = lane;
        while (last + 1 < LANES && (mask >> (last + 1) & 1) != 0) last++;
        if (!text.empty()) text += ", ";
        text += std::to_string(lane);
        if (last > lane) text += "-" + std::to_string(last);
        lane = last;
    }
    return (__builtin_popcount(mask) == 1 ? "lane " : "lanes ") + text;
}

}  // namespace quern::emulator
