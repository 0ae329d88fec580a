// What the checks that watch a launch remember of device memory, beside the memory itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace quern::emulator {

/// One access: by which thread of which block, at which time (ShadowClock), and how. Time 0: none.
struct Epoch {
    std::uint32_t block = 0;
    std::uint32_t time = 0;
    std::uint32_t who =
        0;  // bits 0-9 thread, 10 strong, 11 of a scope beyond the block, 12 atomic, 13-31 instruction

    static constexpr std::uint32_t THREADS = 1024;
    static constexpr std::uint32_t STRONG = 1 << 10;
    static constexpr std::uint32_t WIDE = 1 << 11;
    static constexpr std::uint32_t ATOMIC = 1 << 12;
    static constexpr int INSTRUCTION_SHIFT = 13;

    std::uint32_t thread() const { return who & (THREADS - 1); }
    std::uint32_t instruction() const { return who >> INSTRUCTION_SHIFT; }
    bool strong() const { return (who & STRONG) != 0; }
};

/// The last accesses of four bytes. Of many readers two are kept.
struct ShadowCell {
    Epoch write;
    Epoch reads[2];
    std::uint32_t parted = 0;  // since this time the four bytes have cells of their own
};

/// The last accesses of a line of 128 bytes that whole warps touched alike, each thread so many words in a row, as most
/// memory is touched. Its words then need no cells, which together are thirty times as large.
struct ShadowLine {
    static constexpr std::uint64_t BYTES = 128;

    Epoch write;                  // its thread: of the first word
    Epoch reads[2];               // likewise
    std::uint32_t parted = 0;     // since this time the words have cells
    std::uint8_t writeWords = 1;  // of each thread
    std::uint8_t readWords[2] = {1, 1};

    /// That of a word of the line.
    static Epoch at(Epoch epoch, std::uint32_t words, std::uint32_t word) {
        epoch.who += word / words;
        return epoch;
    }
};

/// Time passes at each event that orders threads. It goes on from launch to launch, so that what an earlier launch left
/// is recognised by its age. One watched launch at a time holds the mutex.
struct ShadowClock {
    std::mutex mutex;
    std::uint32_t now = 1;
};

/// Zeroed memory that costs nothing until it is touched.
class LazyMemory {
  public:
    /// Empty where the system has not that much address space.
    explicit LazyMemory(std::size_t bytes);
    ~LazyMemory();
    LazyMemory(const LazyMemory&) = delete;
    LazyMemory& operator=(const LazyMemory&) = delete;

    std::byte* get() const { return bytes_; }
    std::size_t size() const { return size_; }
    /// Zero again.
    void clear();

  private:
    std::byte* bytes_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace quern::emulator
