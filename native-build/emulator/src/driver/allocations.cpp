#include "driver/allocations.hpp"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "driver/failure.hpp"

namespace quern::driver {

namespace {

const char* nameOf(Block::Kind kind) {
    switch (kind) {
        case Block::Kind::DEVICE: return "device allocation";
        case Block::Kind::POOLED: return "pooled allocation";
        case Block::Kind::MANAGED: return "managed allocation";
        case Block::Kind::PINNED_HOST: return "pinned host allocation";
        case Block::Kind::REGISTERED_HOST: return "registered host range";
    }
    return "allocation";
}

std::string describeRange(const char* role, std::uint64_t address, std::size_t bytes) {
    return std::string(role) + ": " + std::to_string(bytes) + " bytes at " + hex(address);
}

}  // namespace

std::string hex(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

std::string Block::describe() const {
    return std::string(nameOf(kind)) + " #" + std::to_string(id) + " (" + std::to_string(bytes) +
           " bytes at " + hex(address) + ")";
}

void AllocationTable::add(Block block) {
    block.id = ++lastId_;
    blocks_.insert_or_assign(block.address, std::move(block));
}

void AllocationTable::release(CUdeviceptr address) {
    const auto found = blocks_.find(address);
    if (found == blocks_.end()) return;
    if (found->second.onHost()) {
        memory_.unregisterHost(address);
    } else {
        memory_.free(address);
    }
    if (found->second.kind == Block::Kind::PINNED_HOST) std::free(reinterpret_cast<void*>(address));
    blocks_.erase(found);
}

const Block* AllocationTable::find(std::uint64_t address) const {
    const auto next = blocks_.upper_bound(address);
    if (next == blocks_.begin()) return nullptr;
    const Block& candidate = std::prev(next)->second;
    return address - candidate.address < candidate.bytes ? &candidate : nullptr;
}

Block& AllocationTable::startingAt(CUdeviceptr address) {
    const auto found = blocks_.find(address);
    if (found != blocks_.end()) return found->second;
    std::string why = " is not allocated";
    if (const Block* const around = find(address)) {
        why = " lies inside " + around->describe() + ", not at its start";
    } else if (const auto* const record = memory_.find(address)) {
        why = record->freed ? " was freed already" : " belongs to a module, not to the program";
    }
    throw Failure(CUDA_ERROR_INVALID_VALUE, hex(address) + why);
}

void AllocationTable::requireRange(CUdeviceptr address, std::size_t bytes, const char* role) const {
    if (bytes == 0 || memory_.findLive(address, bytes) != nullptr) return;
    const auto* const record = memory_.find(address);
    const std::string range = describeRange(role, address, bytes);
    if (record == nullptr) throw Failure(CUDA_ERROR_INVALID_VALUE, range + " are not device memory");
    if (record->freed) throw Failure(CUDA_ERROR_INVALID_VALUE, range + " were freed");
    throw Failure(CUDA_ERROR_INVALID_VALUE, range + " run over the end of an allocation of " +
                                                std::to_string(record->bytes) + " bytes at " +
                                                hex(record->base));
}

void AllocationTable::requireHostRange(const void* address, std::size_t bytes, const char* role) const {
    if (bytes == 0) return;
    requireNotNull(address, role);
    const auto value = reinterpret_cast<std::uintptr_t>(address);
    const auto* const record = memory_.find(value);
    // Memory the driver has never seen is the program's own affair; so is what it unregistered.
    if (record == nullptr || (record->kind == emulator::AllocationKind::HOST_REGISTERED && record->freed))
        return;
    const std::string range = describeRange(role, value, bytes);
    const bool hostMayTouch = record->kind == emulator::AllocationKind::HOST_REGISTERED ||
                              record->kind == emulator::AllocationKind::MANAGED;
    if (!hostMayTouch)
        throw Failure(CUDA_ERROR_INVALID_VALUE, range + " should be host memory but are the device's");
    if (record->freed) throw Failure(CUDA_ERROR_INVALID_VALUE, range + " were freed");
    if (!record->contains(value, bytes)) {
        throw Failure(CUDA_ERROR_INVALID_VALUE, range + " run over the end of a block of " +
                                                    std::to_string(record->bytes) + " bytes at " +
                                                    hex(record->base));
    }
}

std::vector<Block> AllocationTable::ownedBy(const Context& context) const {
    std::vector<Block> owned;
    for (const auto& [address, block] : blocks_) {
        if (block.context == &context) owned.push_back(block);
    }
    return owned;
}

}  // namespace quern::driver
