#include "exec/late_stores.hpp"

#include <cstring>

namespace quern::emulator {

bool LateStores::keepsStrong() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return (random_ >> 32 & 1) != 0;
}

void LateStores::access(const Op& op, std::uint32_t lanes, const std::uint64_t* address, std::byte** place) {
    const bool atomic = op.kind == InstructionClass::ATOMIC;
    const bool releases = op.order == Order::RELEASE || op.order == Order::ACQ_REL;
    const bool strong = op.store && op.order != Order::WEAK;
    if (releases) {
        drain();
    } else if (atomic || (strong && !keepsStrong())) {
        forEachLane(lanes, [&](int lane) { drain(address[lane] / PIECE); });
    } else {
        strong_ = strong_ || strong;
        forEachLane(lanes, [&](int lane) {
            if (std::byte* const kept = keep(op, address[lane])) place[lane] = kept;
        });
    }
}

/// The block's own bytes at an address; nullptr where it has none and memory's are to be read.
std::byte* LateStores::keep(const Op& op, std::uint64_t address) {
    const std::uint64_t piece = address / PIECE;
    const std::uint64_t offset = address % PIECE;
    auto found = pieces_.find(piece);
    if (found == pieces_.end()) {
        if (!op.store) return nullptr;
        found = pieces_.try_emplace(piece).first;
    }
    Piece& mine = found->second;
    if (op.store) {
        const std::uint32_t all = op.bytes >= PIECE ? ~0U : (1U << op.bytes) - 1;
        mine.written |= all << offset;
    }
    // Bytes that this block has not written are those of memory now.
    const auto* memory = reinterpret_cast<const std::byte*>(address);
    for (std::uint32_t i = 0; i < op.bytes; i++) {
        if ((mine.written >> (offset + i) & 1) == 0) mine.bytes[offset + i] = memory[i];
    }
    return mine.bytes + offset;
}

void LateStores::drain(std::uint64_t piece) {
    const auto found = pieces_.find(piece);
    if (found == pieces_.end()) return;
    auto* memory = reinterpret_cast<std::byte*>(piece * PIECE);
    for (std::uint32_t i = 0; i < PIECE; i++) {
        if ((found->second.written >> i & 1) != 0) memory[i] = found->second.bytes[i];
    }
    pieces_.erase(found);
}

void LateStores::drain() {
    while (!pieces_.empty()) drain(pieces_.begin()->first);
    strong_ = false;
}

void LateStores::endTurn() {
    if (strong_ && ++turns_ % MOST_TURNS == 0) drain();
}

const std::byte* LateStores::find(std::uint64_t address) const {
    const auto found = pieces_.find(address / PIECE);
    const std::uint64_t offset = address % PIECE;
    if (found == pieces_.end() || (found->second.written >> offset & 1) == 0) return nullptr;
    return found->second.bytes + offset;
}

}  // namespace quern::emulator
