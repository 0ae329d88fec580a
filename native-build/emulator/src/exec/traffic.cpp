#include "exec/traffic.hpp"

#include <algorithm>

namespace quern::emulator {

namespace {

constexpr int SECTOR_SHIFT = 5;
constexpr std::uint32_t SECTOR_WORDS = 8;
constexpr std::uint32_t WORD_BYTES = 4;
constexpr std::uint32_t BANKS = 32;

std::uint64_t lanesIn(std::uint32_t mask) { return static_cast<unsigned>(__builtin_popcount(mask)); }

std::uint32_t distinct(std::uint64_t* values, int count) {
    std::sort(values, values + count);
    return static_cast<std::uint32_t>(std::unique(values, values + count) - values);
}

/// Passes for the lanes of one group, whose words fill the banks at most once: a bank gives one word a pass, and lanes
/// that ask for the same word share it.
std::uint32_t passes(std::uint32_t members, const std::uint64_t* offset, std::uint32_t words) {
    std::uint64_t word[BANKS];
    int count = 0;
    forEachLane(members, [&](int lane) {
        for (std::uint32_t k = 0; k < words; k++) word[count++] = offset[lane] / WORD_BYTES + k;
    });
    count = static_cast<int>(distinct(word, count));
    std::uint32_t ofBank[BANKS] = {};
    std::uint32_t most = 0;
    for (int w = 0; w < count; w++) most = std::max(most, ++ofBank[word[w] % BANKS]);
    return most;
}

}  // namespace

std::uint32_t countSectors(std::uint32_t mask, const std::uint64_t* address) {
    std::uint64_t sector[LANES];
    int lanes = 0;
    bool ascending = true;
    forEachLane(mask, [&](int lane) {
        sector[lanes] = address[lane] >> SECTOR_SHIFT;
        if (lanes > 0 && sector[lanes] < sector[lanes - 1]) ascending = false;
        lanes++;
    });
    if (!ascending) return distinct(sector, lanes);
    return static_cast<std::uint32_t>(std::unique(sector, sector + lanes) - sector);
}

void countGlobal(SectorTraffic& traffic, std::uint32_t mask, const std::uint64_t* address,
                 std::uint32_t bytes) {
    traffic.requests++;
    traffic.sectors += countSectors(mask, address);
    traffic.bytes += bytes * lanesIn(mask);
}

void countLocal(SectorTraffic& traffic, std::uint32_t mask, const std::uint64_t* offset,
                std::uint32_t bytes) {
    const std::uint32_t words = std::max(bytes / WORD_BYTES, 1U);
    traffic.requests++;
    traffic.bytes += bytes * lanesIn(mask);
    for (std::uint32_t k = 0; k < words; k++) {
        std::uint64_t sector[LANES];
        int lanes = 0;
        forEachLane(mask, [&](int lane) {
            const std::uint64_t word = offset[lane] / WORD_BYTES + k;
            sector[lanes++] = (word * LANES + static_cast<unsigned>(lane)) / SECTOR_WORDS;
        });
        traffic.sectors += distinct(sector, lanes);
    }
}

void countShared(SharedTraffic& traffic, std::uint32_t mask, const std::uint64_t* offset,
                 std::uint32_t bytes) {
    traffic.requests++;
    traffic.bytes += bytes * lanesIn(mask);
    // Lanes are served in groups that together ask for 128 bytes: all 32 of them up to 4 bytes, then 16, then 8.
    const std::uint32_t words = std::max(bytes / WORD_BYTES, 1U);
    const int group = LANES / static_cast<int>(words);
    for (int first = 0; first < LANES; first += group) {
        const std::uint32_t members = mask & (group == 32 ? ALL_LANES : ((1U << group) - 1) << first);
        if (members == 0) continue;
        traffic.wavefronts += passes(members, offset, words);
        traffic.idealWavefronts++;
    }
}

void countAtomics(AtomicTraffic& traffic, std::uint32_t mask, const std::uint64_t* address) {
    std::uint64_t of[LANES];
    int lanes = 0;
    forEachLane(mask, [&](int lane) { of[lanes++] = address[lane]; });
    std::sort(of, of + lanes);
    std::uint64_t most = 0;
    std::uint64_t run = 0;
    for (int i = 0; i < lanes; i++) {
        run = i > 0 && of[i] == of[i - 1] ? run + 1 : 1;
        most = std::max(most, run);
    }
    traffic.requests++;
    traffic.operations += lanesIn(mask);
    traffic.sectors += countSectors(mask, address);
    traffic.turns += most;
}

}  // namespace quern::emulator
