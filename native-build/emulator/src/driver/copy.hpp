// Copies and fills of memory, all forms brought to one.
#pragma once

#include <cstdint>

#include "driver/allocations.hpp"
#include "driver/operation.hpp"

namespace quern::driver {

/// `depth` slices of `height` rows of `width` bytes.
struct Extent {
    std::size_t width = 0;
    std::size_t height = 1;
    std::size_t depth = 1;

    bool empty() const { return width == 0 || height == 0 || depth == 0; }
};

/// One end of a copy: the address of the first byte, and the bytes from one row and slice to the next.
struct CopySide {
    enum class Space { HOST, DEVICE };

    Space space = Space::DEVICE;
    std::uint64_t address = 0;
    std::size_t rowPitch = 0;
    std::size_t slicePitch = 0;

    /// Bytes from the first byte to behind the last; throws CUDA_ERROR_INVALID_VALUE where that overflows.
    std::size_t span(const Extent& extent) const;
};

struct Copy {
    CopySide destination;
    CopySide source;
    Extent extent;

    /// A plain copy of `bytes`.
    static Copy linear(CopySide::Space to, std::uint64_t destination, CopySide::Space from,
                       std::uint64_t source, std::size_t bytes);

    /// Throws CUDA_ERROR_INVALID_VALUE unless both ends lie within one allocation each.
    void check(const AllocationTable& allocations) const;
};

class CopyOperation final : public Operation {
  public:
    explicit CopyOperation(Copy copy) : copy_(copy) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_MEMCPY; }
    void perform(Context& context) const override;
    const Copy& copy() const { return copy_; }

  private:
    Copy copy_;
};

/// Fills `extent` (width in elements) with a value of 1, 2 or 4 bytes.
struct Fill {
    CUdeviceptr destination = 0;
    std::size_t pitch = 0;
    unsigned value = 0;
    unsigned elementBytes = 1;
    std::size_t width = 0;
    std::size_t height = 1;

    void check(const AllocationTable& allocations) const;
};

class FillOperation final : public Operation {
  public:
    explicit FillOperation(Fill fill) : fill_(fill) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_MEMSET; }
    void perform(Context& context) const override;
    const Fill& fill() const { return fill_; }

  private:
    Fill fill_;
};

}  // namespace quern::driver
