// Stores to global memory that other blocks see late: each block keeps its own to itself, in pieces of 32 bytes, until a
// fence of the device, an atomic operation on the place, or its end. PTX promises no more, and a GPU's caches do it.
//
// The block itself sees them at once. Of the strong stores (volatile, relaxed) a random half is kept too, those of a warp
// together, but for some of the block's turns only, since whoever waits for one may wait without a fence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "exec/warp.hpp"

namespace quern::emulator {

class LateStores {
  public:
    explicit LateStores(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15 | 1) {}

    /// Before lanes of a warp touch global memory: where their bytes are for this block.
    void access(const Op& op, std::uint32_t lanes, const std::uint64_t* address, std::byte** place);
    /// Makes all stores visible.
    void drain();
    /// Now and then makes those visible that may not wait for a fence.
    void endTurn();
    /// The block's bytes at an address, where it keeps them to itself.
    const std::byte* find(std::uint64_t address) const;

  private:
    static constexpr std::uint64_t PIECE = 32;
    static constexpr std::uint32_t MOST_TURNS = 8;
    struct Piece {
        alignas(PIECE) std::byte bytes[PIECE];
        std::uint32_t written = 0;  // a bit for each byte
    };

    std::byte* keep(const Op& op, std::uint64_t address);
    void drain(std::uint64_t piece);
    bool keepsStrong();

    std::unordered_map<std::uint64_t, Piece> pieces_;  // by address / PIECE
    bool strong_ = false;                              // some of them were strong
    std::uint32_t turns_ = 0;
    std::uint64_t random_;
};

}  // namespace quern::emulator
