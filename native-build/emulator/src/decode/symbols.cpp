#include "decode/symbols.hpp"

namespace quern::emulator {

const Symbol* Scope::findInRange(std::string_view name) const {
    const auto known = ranged_.find(name);
    if (known != ranged_.end()) return &known->second;
    std::size_t digits = name.size();
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') digits--;
    if (digits == name.size() || name.size() - digits > 8) return nullptr;
    const auto range = ranges_.find(name.substr(0, digits));
    if (range == ranges_.end()) return nullptr;
    if (name[digits] == '0' && name.size() - digits > 1) return nullptr;  // %r01 is not %r1
    std::uint32_t index = 0;
    for (char c : name.substr(digits)) index = 10 * index + static_cast<std::uint32_t>(c - '0');
    if (index >= range->second.count) return nullptr;
    Symbol symbol = range->second.first;
    symbol.place += static_cast<std::uint64_t>(index) * range->second.stride;
    return &ranged_.emplace(name, symbol).first->second;
}

const Symbol* Scope::find(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
        const auto found = scope->symbols_.find(name);
        if (found != scope->symbols_.end()) return &found->second;
        if (const Symbol* ranged = scope->findInRange(name)) return ranged;
    }
    return nullptr;
}

const std::uint32_t* Scope::findLabel(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
        const auto found = scope->labels_.find(name);
        if (found != scope->labels_.end()) return &found->second;
    }
    return nullptr;
}

}  // namespace quern::emulator
