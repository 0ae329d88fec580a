// Who owns which memory, and whether a range that a program names lies within one block of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "driver/cuda_types.hpp"
#include "memory/device_memory.hpp"

namespace quern::driver {

class Context;
class MemoryPool;

std::string hex(std::uint64_t value);

/// What the driver knows of a block beyond what the device's memory does.
struct Block {
    enum class Kind { DEVICE, POOLED, MANAGED, PINNED_HOST, REGISTERED_HOST };

    CUdeviceptr address = 0;
    std::size_t bytes = 0;
    Kind kind = Kind::DEVICE;
    Context* context = nullptr;
    unsigned flags = 0;                // as given to cuMemHostAlloc or cuMemHostRegister
    std::shared_ptr<MemoryPool> pool;  // where a POOLED one came from
    bool freeQueued = false;           // cuMemFreeAsync has been called and has not run yet
    std::uint64_t id = 0;              // never reused, unlike the address

    bool onHost() const { return kind == Kind::PINNED_HOST || kind == Kind::REGISTERED_HOST; }

    /// "pooled allocation #7 (4096 bytes at 0x7f...)".
    std::string describe() const;
};

/// All blocks of the process by address. Guarded by the driver's mutex; the memory below has its own.
class AllocationTable {
  public:
    explicit AllocationTable(emulator::DeviceMemory& memory) : memory_(memory) {}

    void add(Block block);

    /// Takes the block that starts at `address` out of the table and gives its memory back.
    void release(CUdeviceptr address);

    /// The block that contains `address`, or nullptr.
    const Block* find(std::uint64_t address) const;

    /// The block that starts at `address`; throws CUDA_ERROR_INVALID_VALUE, saying what is there instead.
    Block& startingAt(CUdeviceptr address);

    /// Throws CUDA_ERROR_INVALID_VALUE unless [address, address + bytes) lies within one live block or module global.
    void requireRange(CUdeviceptr address, std::size_t bytes, const char* role) const;

    /// A range that a program calls host memory: refused if it is the device's or runs over the end of a pinned block.
    void requireHostRange(const void* address, std::size_t bytes, const char* role) const;

    std::vector<Block> ownedBy(const Context& context) const;

  private:
    emulator::DeviceMemory& memory_;
    std::map<std::uint64_t, Block> blocks_;
    std::uint64_t lastId_ = 0;
};

}  // namespace quern::driver
