// Values that nobody has written: bytes of shared memory that no thread has stored to, bytes of device memory that no
// copy, fill or kernel has. Reading them is allowed, as padding is read with what lies around it. They are followed bit
// by bit through registers and memory, and reported where they decide an address, a branch or whether an instruction is
// executed.
//
// Each register has a shadow of the same layout behind the warp's registers, whose set bits are undefined. Copies,
// shifts and permutations of bits run their own handler on shadows; other instructions make all of a result undefined
// where any of an operand is. While a warp has no undefined bit, nothing of this runs.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "exec/warp.hpp"

namespace quern::emulator {

struct MatrixForm;

class BlockDefinedness {
  public:
    /// distance: from a register to its shadow, which is as many bytes as a warp's registers have.
    BlockDefinedness(const DeviceMemory& memory, const Program& program, std::uint32_t warps,
                     std::uint32_t sharedBytes, std::uint32_t distance);

    void start();

    /// Before the instruction touches memory. Throws Fault where an address is undefined.
    void access(const Warp& warp, const Op& op, std::uint32_t global, std::uint32_t shared,
                const std::uint64_t* address);
    /// The same for all lanes at once, which load or store side by side. False where a closer look is needed.
    bool accessTogether(const Warp& warp, const Op& op, std::uint64_t first) {
        return !isTainted(warp) && isWhole(op, first);
    }
    bool isTainted(const Warp& warp) const { return tainted_[warp.index] != nullptr; }
    /// Whether the guard of an instruction decides for the lanes of the mask. Throws Fault where it is undefined.
    void checkGuard(const Warp& warp, const Op& op, std::uint32_t mask) const;
    /// Before the instruction is executed for warp.mask: what of its results is undefined.
    void propagate(Warp& warp, const Op& op);
    static bool isShuffle(const Op& op);
    /// A shuffle: what comes from lanes that take no part is undefined.
    void shuffle(Warp& warp, const Op& op);

  private:
    /// Where a warp first met an undefined value.
    struct Origin {
        const Op* op = nullptr;
        std::uint32_t thread = 0;
    };

    std::uint8_t* bitsOf(std::uint64_t address, std::uint64_t& bit);
    bool isWhole(const Op& op, std::uint64_t first);
    std::uint32_t undefinedLanes(const Warp& warp, std::uint32_t offset) const;
    void setLanes(const Warp& warp, std::uint32_t offset, std::uint32_t undefined) const;
    void taint(const Warp& warp, const Op& op, int lane);
    void load(const Warp& warp, const Op& op, const std::uint32_t* undefined);
    void propagateMatrix(Warp& warp, const Op& op);
    void multiplyTiles(Warp& warp, const Op& op, const MatrixForm& form);
    void accessMatrix(const Warp& warp, const Op& op, std::uint32_t global, std::uint32_t shared,
                      const std::uint64_t* address);
    std::uint32_t localLanes(const Warp& warp, const Op& op, std::uint64_t* address) const;
    std::uint8_t* localOf(const Warp& warp, int lane);
    void accessLocal(const Warp& warp, const Op& op);
    void copyLocal(const Warp& warp, const Op& op);
    void saveFrame(const Warp& warp, const Op& op);
    void restoreFrame(const Warp& warp, const Op& op);
    std::uint32_t undefinedSource(const Warp& warp, const Op& op, int lane) const;
    void runOnShadows(Warp& warp, const Op& op, bool b) const;
    [[noreturn]] void raise(const Warp& warp, const Op& op, int lane, const char* what) const;

    const DeviceMemory& memory_;
    const Program& program_;
    std::uint32_t distance_;
    const Allocation* last_ = nullptr;
    std::vector<std::uint8_t> shared_;  // a bit for each byte: it has been written
    std::vector<std::byte*> tainted_;   // of each warp: its registers, where some shadow is not zero
    std::vector<Origin> origins_;       // of each warp
    std::vector<std::vector<std::uint8_t>>
        local_;  // of each warp that has stored undefined bytes there: a byte for each
    std::vector<std::array<std::vector<std::byte>, LANES>> saved_;  // shadows of SavedFrames, of each warp
    std::array<std::uint32_t, LANES>
        copied_{};  // undefined bytes of an asynchronous copy between load and store
};

}  // namespace quern::emulator
