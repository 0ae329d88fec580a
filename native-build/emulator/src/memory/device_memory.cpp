#include "memory/device_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace quern::emulator {

namespace {

// Every allocation begins this far into its granule: aligned to 256 bytes and not to 512, so that a kernel that
// silently relies on more than the driver promises is found out. It also parts an allocation from the one before it.
constexpr std::uint64_t LEAD = 256;
constexpr std::uint64_t COMMIT_STEP = std::uint64_t{64} << 20;
constexpr std::uint64_t SMALLEST_SPACE = std::uint64_t{1} << 30;

void* reserve(std::uint64_t bytes, int protection) {
    void* place = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return place == MAP_FAILED ? nullptr : place;
}

}  // namespace

DeviceMemory::DeviceMemory(const Limits& limits) : limits_(limits) {
    // Sanitizers and containers leave less room than a bare process: take what there is.
    void* place = nullptr;
    for (bytes_ = std::max(limits.addressBytes, SMALLEST_SPACE); place == nullptr; bytes_ /= 2) {
        if (bytes_ < SMALLEST_SPACE) throw std::bad_alloc();
        place = reserve(bytes_, PROT_NONE);
        if (place != nullptr) break;
    }
    base_ = (reinterpret_cast<std::uint64_t>(place) + GRANULE - 1) & ~(GRANULE - 1);
    bytes_ = (bytes_ - (base_ - reinterpret_cast<std::uint64_t>(place))) & ~(GRANULE - 1);
    committed_ = base_;
    tableBytes_ = (bytes_ >> GRANULE_SHIFT) * sizeof(*table_);
    table_ = static_cast<std::atomic<Allocation*>*>(reserve(tableBytes_, PROT_READ | PROT_WRITE));
    if (table_ == nullptr) {
        munmap(reinterpret_cast<void*>(base_), bytes_);
        throw std::bad_alloc();
    }
}

DeviceMemory::~DeviceMemory() {
    munmap(table_, tableBytes_);
    munmap(reinterpret_cast<void*>(base_), bytes_);
}

bool DeviceMemory::commit(std::uint64_t end) {
    if (end <= committed_) return true;
    // In steps, so that thousands of small allocations do not become as many mappings.
    const std::uint64_t target = std::min(std::max(end, committed_ + COMMIT_STEP), base_ + bytes_);
    if (mprotect(reinterpret_cast<void*>(committed_), target - committed_, PROT_READ | PROT_WRITE) != 0) {
        return false;
    }
    committed_ = target;
    return true;
}

std::uint64_t DeviceMemory::takeGranules(std::uint64_t count) {
    constexpr std::uint64_t none = ~std::uint64_t{0};
    const std::uint64_t all = bytes_ >> GRANULE_SHIFT;
    if (count <= all - nextGranule_) {
        const std::uint64_t first = nextGranule_;
        if (!commit(base_ + ((first + count) << GRANULE_SHIFT))) return none;
        nextGranule_ += count;
        return first;
    }
    // The address space is used up: what was freed is given out again, and its past forgotten.
    for (auto span = reusable_.begin(); span != reusable_.end(); ++span) {
        const auto [first, length] = *span;
        if (length < count) continue;
        reusable_.erase(span);
        if (length > count) reusable_.emplace(first + count, length - count);
        const std::uint64_t begin = base_ + (first << GRANULE_SHIFT);
        const std::uint64_t end = begin + (count << GRANULE_SHIFT);
        for (auto old = allocations_.lower_bound(begin); old != allocations_.end() && old->first < end;) {
            for (std::uint64_t g = granuleOf(old->first); g <= granuleOf(old->second->end() - 1); g++) {
                table_[g].store(nullptr, std::memory_order_release);
            }
            retired_.push_back(std::move(old->second));
            old = allocations_.erase(old);
        }
        return first;
    }
    return none;
}

std::uint64_t DeviceMemory::allocate(std::uint64_t bytes, AllocationKind kind, std::string label) {
    std::unique_lock lock(mutex_);
    if (bytes == 0 || bytes > limits_.totalBytes - usedBytes_ || bytes > bytes_ - LEAD) return 0;
    const std::uint64_t granules = (LEAD + bytes + GRANULE - 1) >> GRANULE_SHIFT;
    const std::uint64_t first = takeGranules(granules);
    if (first == ~std::uint64_t{0}) return 0;

    auto allocation = std::make_unique<Allocation>();
    allocation->base = base_ + (first << GRANULE_SHIFT) + LEAD;
    allocation->bytes = bytes;
    allocation->serial = ++serial_;
    allocation->kind = kind;
    allocation->label = std::move(label);
    if (follows_ && kind == AllocationKind::DEVICE) {
        allocation->initialised_ = std::make_unique<LazyMemory>(bytes / 8 + 16);
        allocation->followed_ = allocation->initialised_->get() != nullptr;
    }
    if (bytes <= limits_.fillBytes) std::memset(reinterpret_cast<void*>(allocation->base), 0xff, bytes);
    for (std::uint64_t g = first; g < first + granules; g++) {
        table_[g].store(allocation.get(), std::memory_order_release);
    }
    usedBytes_ += bytes;
    const std::uint64_t base = allocation->base;
    allocations_.emplace(base, std::move(allocation));
    return base;
}

FreeStatus DeviceMemory::free(std::uint64_t base) {
    std::unique_lock lock(mutex_);
    const auto found = allocations_.find(base);
    if (found == allocations_.end()) return FreeStatus::NOT_ALLOCATED;
    Allocation& allocation = *found->second;
    if (allocation.freed.exchange(true)) return FreeStatus::ALREADY_FREED;
    usedBytes_ -= allocation.bytes;

    std::uint64_t first = granuleOf(base);
    std::uint64_t count = granuleOf(allocation.end() - 1) - first + 1;
    madvise(reinterpret_cast<void*>(base_ + (first << GRANULE_SHIFT)), count << GRANULE_SHIFT, MADV_DONTNEED);
    const auto next = reusable_.lower_bound(first);
    if (next != reusable_.end() && next->first == first + count) {
        count += next->second;
        reusable_.erase(next);
    }
    const auto after = reusable_.lower_bound(first);
    if (after != reusable_.begin()) {
        const auto before = std::prev(after);
        if (before->first + before->second == first) {
            before->second += count;
            return FreeStatus::FREED;
        }
    }
    reusable_.emplace(first, count);
    return FreeStatus::FREED;
}

bool DeviceMemory::registerHost(std::uint64_t base, std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    if (bytes == 0 || base + bytes < base || (base < base_ + bytes_ && base_ < base + bytes)) return false;
    const auto next = registered_.lower_bound(base);
    if (next != registered_.end() && !next->second->freed && next->first < base + bytes) return false;
    if (next != registered_.begin()) {
        const Allocation& before = *std::prev(next)->second;
        if (!before.freed && before.end() > base) return false;
    }
    auto allocation = std::make_unique<Allocation>();
    allocation->base = base;
    allocation->bytes = bytes;
    allocation->serial = ++serial_;
    allocation->kind = AllocationKind::HOST_REGISTERED;
    std::unique_ptr<Allocation>& place = registered_[base];
    if (place != nullptr) retired_.push_back(std::move(place));
    place = std::move(allocation);
    return true;
}

bool DeviceMemory::unregisterHost(std::uint64_t base) {
    std::unique_lock lock(mutex_);
    const auto found = registered_.find(base);
    return found != registered_.end() && !found->second->freed.exchange(true);
}

const Allocation* DeviceMemory::find(std::uint64_t address) const {
    if (address - base_ < bytes_) {
        const Allocation* allocation = table_[granuleOf(address)].load(std::memory_order_acquire);
        return allocation != nullptr && allocation->contains(address, 1) ? allocation : nullptr;
    }
    std::shared_lock lock(mutex_);
    // Registered blocks that are live do not overlap, but a freed one may lie over a live one: look a little further.
    const Allocation* freed = nullptr;
    auto next = registered_.upper_bound(address);
    for (int tries = 0; next != registered_.begin() && tries < 16; tries++) {
        --next;
        const Allocation& candidate = *next->second;
        if (!candidate.contains(address, 1)) continue;
        if (!candidate.freed) return &candidate;
        if (freed == nullptr) freed = &candidate;
    }
    return freed;
}

const Allocation* DeviceMemory::findLive(std::uint64_t address, std::uint64_t bytes) const {
    const Allocation* allocation = find(address);
    const bool usable = allocation != nullptr && !allocation->freed && allocation->contains(address, bytes);
    return usable ? allocation : nullptr;
}

const Allocation* DeviceMemory::nearest(std::uint64_t address) const {
    std::shared_lock lock(mutex_);
    const Allocation* best = nullptr;
    std::uint64_t bestDistance = 0;
    for (const auto* blocks : {&allocations_, &registered_}) {
        for (const auto& [base, allocation] : *blocks) {
            const std::uint64_t distance =
                address < base ? base - address : address - std::min(address, allocation->end());
            if (best == nullptr || distance < bestDistance) {
                best = allocation.get();
                bestDistance = distance;
            }
        }
    }
    return best;
}

ShadowCell* Allocation::shadowCells() const {
    if (cells_ == nullptr) {
        const std::uint64_t words = (end() + 3) / 4 - base / 4;
        cells_ = std::make_unique<LazyMemory>(words * sizeof(ShadowCell));
    }
    return reinterpret_cast<ShadowCell*>(cells_->get());
}

ShadowLine* Allocation::shadowLines() const {
    if (lines_ == nullptr) {
        const std::uint64_t lines =
            (end() + ShadowLine::BYTES - 1) / ShadowLine::BYTES - base / ShadowLine::BYTES;
        lines_ = std::make_unique<LazyMemory>(lines * sizeof(ShadowLine));
    }
    return reinterpret_cast<ShadowLine*>(lines_->get());
}

void DeviceMemory::followInitialisation(bool on) {
    if (follows_.exchange(on) == on || on) return;
    std::unique_lock lock(mutex_);
    for (auto& [base, allocation] : allocations_) allocation->followed_ = false;
}

namespace {

/// Sets the bits [first, end).
void setBits(std::uint8_t* bits, std::uint64_t first, std::uint64_t end) {
    for (; first < end && first % 8 != 0; first++)
        std::atomic_ref(bits[first / 8]).fetch_or(static_cast<std::uint8_t>(1U << first % 8));
    if (end > first) std::memset(bits + first / 8, 0xff, (end - first) / 8);
    for (first += (end - first) / 8 * 8; first < end; first++)
        std::atomic_ref(bits[first / 8]).fetch_or(static_cast<std::uint8_t>(1U << first % 8));
}

bool isSet(const std::uint8_t* bits, std::uint64_t bit) { return (bits[bit / 8] >> bit % 8 & 1) != 0; }

}  // namespace

void DeviceMemory::markInitialised(std::uint64_t address, std::uint64_t bytes) const {
    if (!follows_ || bytes == 0) return;
    const Allocation* allocation = findLive(address, bytes);
    std::uint8_t* bits = allocation == nullptr ? nullptr : allocation->initialised();
    if (bits != nullptr) setBits(bits, address - allocation->base, address - allocation->base + bytes);
}

void DeviceMemory::copyInitialised(std::uint64_t to, std::uint64_t from, std::uint64_t bytes) const {
    if (!follows_ || bytes == 0) return;
    const Allocation* source = findLive(from, bytes);
    const Allocation* target = findLive(to, bytes);
    std::uint8_t* bits = target == nullptr ? nullptr : target->initialised();
    if (bits == nullptr) return;
    const std::uint8_t* fromBits = source == nullptr ? nullptr : source->initialised();
    if (fromBits == nullptr) return markInitialised(to, bytes);
    for (std::uint64_t i = 0; i < bytes; i++) {
        const std::uint64_t bit = to - target->base + i;
        const auto mask = static_cast<std::uint8_t>(1U << bit % 8);
        std::uint8_t& byte = bits[bit / 8];
        byte =
            isSet(fromBits, from - source->base + i) ? byte | mask : byte & static_cast<std::uint8_t>(~mask);
    }
}

std::uint64_t DeviceMemory::firstUninitialised(std::uint64_t address, std::uint64_t bytes) const {
    const Allocation* allocation = follows_ && bytes != 0 ? findLive(address, bytes) : nullptr;
    const std::uint8_t* bits = allocation == nullptr ? nullptr : allocation->initialised();
    if (bits == nullptr) return address + bytes;
    std::uint64_t bit = address - allocation->base;
    const std::uint64_t end = bit + bytes;
    while (bit < end && (bits[bit / 8] == 0xff || isSet(bits, bit))) {
        bit = bits[bit / 8] == 0xff ? (bit / 8 + 1) * 8 : bit + 1;
    }
    return allocation->base + std::min(bit, end);
}

void DeviceMemory::clearShadow() {
    std::unique_lock lock(mutex_);
    for (auto* blocks : {&allocations_, &registered_}) {
        for (auto& [base, allocation] : *blocks) {
            if (allocation->cells_ != nullptr) allocation->cells_->clear();
            if (allocation->lines_ != nullptr) allocation->lines_->clear();
        }
    }
}

std::uint64_t DeviceMemory::usedBytes() const {
    std::shared_lock lock(mutex_);
    return usedBytes_;
}

std::vector<const Allocation*> DeviceMemory::live() const {
    std::shared_lock lock(mutex_);
    std::vector<const Allocation*> found;
    for (const auto* blocks : {&allocations_, &registered_}) {
        for (const auto& [base, allocation] : *blocks) {
            if (!allocation->freed) found.push_back(allocation.get());
        }
    }
    std::sort(found.begin(), found.end(), [](auto* a, auto* b) { return a->base < b->base; });
    return found;
}

std::vector<const Allocation*> DeviceMemory::live(AllocationKind kind) const {
    std::vector<const Allocation*> found = live();
    std::erase_if(found, [kind](const Allocation* allocation) { return allocation->kind != kind; });
    return found;
}

}  // namespace quern::emulator
