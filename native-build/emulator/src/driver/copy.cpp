#include "driver/copy.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "driver/driver.hpp"
#include "driver/failure.hpp"

namespace quern::driver {

namespace {

std::size_t checkedProduct(std::size_t a, std::size_t b) {
    std::size_t product = 0;
    require(!__builtin_mul_overflow(a, b, &product), CUDA_ERROR_INVALID_VALUE,
            "the extent of a copy overflows 64 bits");
    return product;
}

std::size_t checkedSum(std::size_t a, std::size_t b) {
    std::size_t sum = 0;
    require(!__builtin_add_overflow(a, b, &sum), CUDA_ERROR_INVALID_VALUE,
            "the extent of a copy overflows 64 bits");
    return sum;
}

// What was allocated when the copy was queued may have been freed before it runs. By then there is no call to refuse:
// it is what a device reports as an illegal address.
template <class Transfer>
void recheck(const Transfer& transfer, const char* what) {
    Driver& driver = Driver::instance();
    const std::lock_guard<std::mutex> guard(driver.mutex);
    try {
        transfer.check(driver.allocations());
    } catch (const Failure& gone) {
        throw Failure(CUDA_ERROR_ILLEGAL_ADDRESS,
                      std::string(what) + ", when its turn came: " + gone.message());
    }
}

// What a copy of one row does to the knowledge which bytes have been written. Copying bytes out that nothing has written
// does no harm on a device either, and may be meant (a structure's padding): it is reported, and goes on.
void followRow(const Copy& copy, std::uint64_t to, std::uint64_t from, std::size_t bytes) {
    Driver& driver = Driver::instance();
    const emulator::DeviceMemory& memory = driver.memory();
    const bool fromDevice = copy.source.space == CopySide::Space::DEVICE;
    if (copy.destination.space == CopySide::Space::DEVICE) {
        if (fromDevice) return memory.copyInitialised(to, from, bytes);
        return memory.markInitialised(to, bytes);
    }
    if (!fromDevice) return;
    const std::uint64_t first = memory.firstUninitialised(from, bytes);
    if (first == from + bytes) return;
    const std::lock_guard<std::mutex> guard(driver.mutex);
    driver.keepReport("uninitialised: byte " + std::to_string(first - from) + " of " + std::to_string(bytes) +
                      " that are copied to the host, which nothing has written");
}

template <class Element>
void fillRow(void* row, unsigned value, std::size_t count) {
    std::fill_n(static_cast<Element*>(row), count, static_cast<Element>(value));
}

}  // namespace

std::size_t CopySide::span(const Extent& extent) const {
    if (extent.empty()) return 0;
    const std::size_t slices = checkedProduct(extent.depth - 1, slicePitch);
    const std::size_t rows = checkedProduct(extent.height - 1, rowPitch);
    return checkedSum(checkedSum(slices, rows), extent.width);
}

Copy Copy::linear(CopySide::Space to, std::uint64_t destination, CopySide::Space from, std::uint64_t source,
                  std::size_t bytes) {
    return {{to, destination, bytes, bytes}, {from, source, bytes, bytes}, {bytes, 1, 1}};
}

void Copy::check(const AllocationTable& allocations) const {
    const auto checkSide = [&](const CopySide& side, const char* role) {
        const std::size_t bytes = side.span(extent);
        if (side.space == CopySide::Space::DEVICE) {
            allocations.requireRange(side.address, bytes, role);
        } else {
            allocations.requireHostRange(reinterpret_cast<const void*>(side.address), bytes, role);
        }
    };
    checkSide(destination, "destination of a copy");
    checkSide(source, "source of a copy");
}

void CopyOperation::perform(Context&) const {
    recheck(copy_, "a copy");
    const Extent& extent = copy_.extent;
    if (extent.width == 0) return;
    for (std::size_t z = 0; z < extent.depth; ++z) {
        for (std::size_t y = 0; y < extent.height; ++y) {
            auto* const to =
                reinterpret_cast<void*>(copy_.destination.address + z * copy_.destination.slicePitch +
                                        y * copy_.destination.rowPitch);
            const auto* const from = reinterpret_cast<const void*>(
                copy_.source.address + z * copy_.source.slicePitch + y * copy_.source.rowPitch);
            std::memmove(to, from, extent.width);
            followRow(copy_, reinterpret_cast<std::uint64_t>(to), reinterpret_cast<std::uint64_t>(from),
                      extent.width);
        }
    }
}

void Fill::check(const AllocationTable& allocations) const {
    require(elementBytes == 1 || elementBytes == 2 || elementBytes == 4, CUDA_ERROR_INVALID_VALUE,
            "the element of a fill must have 1, 2 or 4 bytes");
    require(destination % elementBytes == 0 && (height <= 1 || pitch % elementBytes == 0),
            CUDA_ERROR_INVALID_VALUE, "the destination of a fill is not aligned to its element");
    const std::size_t rowBytes = checkedProduct(width, elementBytes);
    require(height <= 1 || pitch >= rowBytes, CUDA_ERROR_INVALID_VALUE,
            "the pitch of a fill is less than its width");
    const CopySide side{CopySide::Space::DEVICE, destination, pitch, 0};
    allocations.requireRange(destination, side.span({rowBytes, height, 1}), "destination of a fill");
}

void FillOperation::perform(Context&) const {
    recheck(fill_, "a fill");
    for (std::size_t y = 0; y < fill_.height; ++y) {
        auto* const row = reinterpret_cast<void*>(fill_.destination + y * fill_.pitch);
        switch (fill_.elementBytes) {
            case 1: fillRow<std::uint8_t>(row, fill_.value, fill_.width); break;
            case 2: fillRow<std::uint16_t>(row, fill_.value, fill_.width); break;
            default: fillRow<std::uint32_t>(row, fill_.value, fill_.width); break;
        }
        Driver::instance().memory().markInitialised(fill_.destination + y * fill_.pitch,
                                                    fill_.width * fill_.elementBytes);
    }
}

}  // namespace quern::driver
