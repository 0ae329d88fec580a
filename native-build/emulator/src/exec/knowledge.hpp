// What one thread knows of others: up to which time their accesses happen before its own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace quern::emulator {

/// A sparse vector clock over the threads of a grid: for a block the time up to which all its threads are known, and
/// for some threads a later one. Values are shared and copied before they are changed.
class Knowledge {
  public:
    static constexpr std::uint32_t ALL_THREADS = 0xffffffff;

    /// The time up to which the thread's accesses are known; 0: nothing.
    std::uint32_t of(std::uint32_t block, std::uint32_t thread) const;
    /// Thread ALL_THREADS: all of the block. In order of block, ALL_THREADS last.
    void add(std::uint32_t block, std::uint32_t thread, std::uint32_t time) {
        items_.push_back({block, thread, time});
    }
    /// Brings what add was given into order.
    void sort();
    void join(const Knowledge& other);

    /// Calls use(thread, time) for what is known of a block.
    template <typename Use>
    void forBlock(std::uint32_t block, Use use) const {
        for (std::size_t i = lowerBound(block, 0); i < items_.size() && items_[i].block == block; i++)
            use(items_[i].thread, items_[i].time);
    }

  private:
    struct Item {
        std::uint32_t block;
        std::uint32_t thread;
        std::uint32_t time;
    };
    static bool before(const Item& a, const Item& b) {
        return a.block != b.block ? a.block < b.block : a.thread < b.thread;
    }
    std::size_t lowerBound(std::uint32_t block, std::uint32_t thread) const;
    std::uint32_t exactly(std::uint32_t block, std::uint32_t thread) const;

    std::vector<Item> items_;
};

using SharedKnowledge = std::shared_ptr<Knowledge>;

/// to := what either knows.
void join(SharedKnowledge& to, const SharedKnowledge& from);

}  // namespace quern::emulator
