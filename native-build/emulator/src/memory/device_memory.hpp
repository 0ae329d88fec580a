// The memory of one presented device. A device address is the host address of the same byte, so that kernels and
// copies reach it directly; what no allocation covers is not part of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "memory/shadow.hpp"

namespace quern::emulator {

enum class AllocationKind : std::uint8_t {
    DEVICE,
    MANAGED,
    HOST_PINNED,      // allocated by us, for the host
    HOST_REGISTERED,  // the program's own memory, made known to the device
    MODULE_GLOBAL,
    MODULE_CONSTANT,
    DEVICE_HEAP  // by malloc of a kernel
};

/// One block of memory, live or freed. Records are kept for as long as their addresses are not given out again.
struct Allocation {
    std::uint64_t base = 0;
    std::uint64_t bytes = 0;
    std::uint64_t serial = 0;  // 1 for the first allocation of the device
    AllocationKind kind = AllocationKind::DEVICE;
    std::string label;  // the variable of a module, else empty
    std::atomic<bool> freed{false};

    std::uint64_t end() const { return base + bytes; }
    /// One for each word of four bytes that the block touches; null where there is no room. Only for who holds the
    /// shadow clock's mutex.
    ShadowCell* shadowCells() const;
    /// The same for each line of 128 bytes.
    ShadowLine* shadowLines() const;
    /// A bit for each byte: something has written it. Null where that is not followed: all counts as written.
    std::uint8_t* initialised() const {
        return initialised_ == nullptr || !followed_.load(std::memory_order_relaxed)
                   ? nullptr
                   : reinterpret_cast<std::uint8_t*>(initialised_->get());
    }
    bool contains(std::uint64_t address, std::uint64_t count) const {
        return address >= base && count <= bytes && address - base <= bytes - count;
    }

  private:
    friend class DeviceMemory;
    mutable std::unique_ptr<LazyMemory> cells_;
    mutable std::unique_ptr<LazyMemory> lines_;
    std::unique_ptr<LazyMemory> initialised_;
    std::atomic<bool> followed_{false};
};

enum class FreeStatus {
    FREED,
    NOT_ALLOCATED,  // no allocation begins there
    ALREADY_FREED,
};

/// All functions may be called by several threads at once.
class DeviceMemory {
  public:
    struct Limits {
        /// What allocate hands out at most, in sum; live allocations only.
        std::uint64_t totalBytes = std::uint64_t{80} << 30;
        /// Address space set aside; addresses are given out again only when all of it has been used.
        std::uint64_t addressBytes = std::uint64_t{16} << 40;
        /// New memory up to this size is filled with 0xff (NaN in every floating type), since a GPU's is not zero
        /// either; larger allocations stay untouched, so that they may be sparse.
        std::uint64_t fillBytes = std::uint64_t{1} << 20;
    };

    DeviceMemory() : DeviceMemory(Limits{}) {}
    explicit DeviceMemory(const Limits& limits);
    ~DeviceMemory();
    DeviceMemory(const DeviceMemory&) = delete;
    DeviceMemory& operator=(const DeviceMemory&) = delete;

    /// Aligned to 256 bytes, as the CUDA driver promises, and on purpose to no more. 0 where `bytes` is 0 or does not
    /// fit below totalBytes.
    std::uint64_t allocate(std::uint64_t bytes, AllocationKind kind = AllocationKind::DEVICE,
                           std::string label = {});
    /// Frees what allocate gave. The bytes go back to the system; the addresses stay known as freed.
    FreeStatus free(std::uint64_t base);

    /// Makes `bytes` of the program's own memory known to the device; false where they overlap memory known already.
    bool registerHost(std::uint64_t base, std::uint64_t bytes);
    /// False where no registered memory begins there.
    bool unregisterHost(std::uint64_t base);

    /// The allocation, live or freed, whose block holds the address, else null. Valid while this object lives.
    const Allocation* find(std::uint64_t address) const;
    /// The live allocation that holds all of [address, address + bytes), else null.
    const Allocation* findLive(std::uint64_t address, std::uint64_t bytes) const;
    /// The allocation, live or freed, that ends or begins nearest to an address that none holds; null when there is
    /// none. For reports; slow.
    const Allocation* nearest(std::uint64_t address) const;

    std::uint64_t totalBytes() const { return limits_.totalBytes; }
    std::uint64_t usedBytes() const;
    std::uint64_t freeBytes() const { return totalBytes() - usedBytes(); }
    /// Live allocations in order of address; of one kind or of all.
    std::vector<const Allocation*> live() const;
    std::vector<const Allocation*> live(AllocationKind kind) const;

    /// Whether it is followed which bytes have been written, in device memory that is allocated from now on. Ending it
    /// forgets: what was not followed all the time counts as written.
    void followInitialisation(bool on);
    /// A copy or a fill has written these bytes.
    void markInitialised(std::uint64_t address, std::uint64_t bytes) const;
    /// A copy within the device: what was not written at its source is not written at its destination.
    void copyInitialised(std::uint64_t to, std::uint64_t from, std::uint64_t bytes) const;
    /// The first of these bytes that nothing has written; address + bytes where all are.
    std::uint64_t firstUninitialised(std::uint64_t address, std::uint64_t bytes) const;

    /// For launches that are watched.
    ShadowClock& shadowClock() { return shadowClock_; }
    /// Forgets all that shadow cells and lines hold. Only for who holds the shadow clock's mutex.
    void clearShadow();

  private:
    // Each allocation begins in a granule of its own; the table gives the allocation of every granule.
    static constexpr int GRANULE_SHIFT = 16;
    static constexpr std::uint64_t GRANULE = std::uint64_t{1} << GRANULE_SHIFT;

    std::uint64_t granuleOf(std::uint64_t address) const { return (address - base_) >> GRANULE_SHIFT; }
    std::uint64_t takeGranules(std::uint64_t count);
    bool commit(std::uint64_t end);

    Limits limits_;
    std::uint64_t base_ = 0;   // of the address space
    std::uint64_t bytes_ = 0;  // of the address space
    std::uint64_t committed_ = 0;
    std::uint64_t nextGranule_ = 0;
    std::uint64_t usedBytes_ = 0;
    std::uint64_t serial_ = 0;
    std::atomic<Allocation*>* table_ = nullptr;
    std::uint64_t tableBytes_ = 0;
    mutable std::shared_mutex mutex_;
    std::map<std::uint64_t, std::unique_ptr<Allocation>> allocations_;  // by base; ours
    std::map<std::uint64_t, std::unique_ptr<Allocation>> registered_;   // by base; the program's
    std::map<std::uint64_t, std::uint64_t> reusable_;                   // freed granules: first to count
    ShadowClock shadowClock_;
    std::atomic<bool> follows_{false};
    std::vector<std::unique_ptr<Allocation>> retired_;  // records that pointers may still name
};

}  // namespace quern::emulator
