#include "exec/knowledge.hpp"

#include <algorithm>

namespace quern::emulator {

std::size_t Knowledge::lowerBound(std::uint32_t block, std::uint32_t thread) const {
    const auto found = std::lower_bound(items_.begin(), items_.end(), Item{block, thread, 0}, before);
    return static_cast<std::size_t>(found - items_.begin());
}

std::uint32_t Knowledge::exactly(std::uint32_t block, std::uint32_t thread) const {
    const std::size_t at = lowerBound(block, thread);
    const bool found = at < items_.size() && items_[at].block == block && items_[at].thread == thread;
    return found ? items_[at].time : 0;
}

std::uint32_t Knowledge::of(std::uint32_t block, std::uint32_t thread) const {
    return std::max(exactly(block, ALL_THREADS), exactly(block, thread));
}

void Knowledge::sort() {
    std::sort(items_.begin(), items_.end(), before);
    std::size_t kept = 0;
    for (const Item& item : items_) {
        if (kept > 0 && !before(items_[kept - 1], item)) {
            items_[kept - 1].time = std::max(items_[kept - 1].time, item.time);
        } else {
            items_[kept++] = item;
        }
    }
    items_.resize(kept);
}

void Knowledge::join(const Knowledge& other) {
    std::vector<Item> both;
    both.reserve(items_.size() + other.items_.size());
    std::size_t a = 0;
    std::size_t b = 0;
    while (a < items_.size() && b < other.items_.size()) {
        if (before(items_[a], other.items_[b])) {
            both.push_back(items_[a++]);
        } else if (before(other.items_[b], items_[a])) {
            both.push_back(other.items_[b++]);
        } else {
            both.push_back(items_[a++]);
            both.back().time = std::max(both.back().time, other.items_[b++].time);
        }
    }
    both.insert(both.end(), items_.begin() + static_cast<std::ptrdiff_t>(a), items_.end());
    both.insert(both.end(), other.items_.begin() + static_cast<std::ptrdiff_t>(b), other.items_.end());
    items_ = std::move(both);
}

void join(SharedKnowledge& to, const SharedKnowledge& from) {
    if (from == nullptr || to == from) return;
    if (to == nullptr) {
        to = from;
        return;
    }
    if (to.use_count() > 1) to = std::make_shared<Knowledge>(*to);
    to->join(*from);
}

}  // namespace quern::emulator
