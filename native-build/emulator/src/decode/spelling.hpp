// An opcode with its modifiers, taken apart. A decoder takes the modifiers it knows; what is left over fails the load.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace quern::emulator {

class Spelling {
  public:
    explicit Spelling(std::string_view opcode) {
        while (true) {
            const std::size_t dot = opcode.find('.');
            parts_.push_back(opcode.substr(0, dot));
            if (dot == std::string_view::npos) break;
            opcode.remove_prefix(dot + 1);
        }
    }

    std::string_view base() const { return parts_.front(); }

    bool has(std::string_view modifier) const { return find(modifier) != 0; }

    /// Takes the modifier if it is there.
    bool take(std::string_view modifier) {
        const std::size_t at = find(modifier);
        if (at == 0) return false;
        parts_.erase(parts_.begin() + static_cast<std::ptrdiff_t>(at));
        return true;
    }

    /// Takes the first of these that is there; empty if none is.
    std::string_view takeOneOf(std::initializer_list<std::string_view> modifiers) {
        for (std::string_view modifier : modifiers) {
            if (take(modifier)) return modifier;
        }
        return {};
    }

    /// Takes the last modifier: the type. Empty if there is none.
    std::string_view takeLast() {
        if (parts_.size() < 2) return {};
        const std::string_view last = parts_.back();
        parts_.pop_back();
        return last;
    }
    /// Takes the modifier after the opcode.
    std::string_view takeFirst() {
        if (parts_.size() < 2) return {};
        const std::string_view first = parts_[1];
        parts_.erase(parts_.begin() + 1);
        return first;
    }

    /// What was not taken.
    std::vector<std::string_view> rest() const { return {parts_.begin() + 1, parts_.end()}; }

  private:
    // 0: not there, since the opcode itself is part 0.
    std::size_t find(std::string_view modifier) const {
        for (std::size_t i = 1; i < parts_.size(); i++) {
            if (parts_[i] == modifier) return i;
        }
        return 0;
    }

    std::vector<std::string_view> parts_;
};

}  // namespace quern::emulator
