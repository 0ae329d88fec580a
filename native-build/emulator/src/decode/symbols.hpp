// What names of a module mean, and the layout of what a kernel's program has to itself: registers, shared and local
// memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exec/program.hpp"
#include "ptx/ast.hpp"

namespace quern::emulator {

enum class SymbolKind {
    REGISTER,
    GLOBAL,
    CONSTANT,
    SHARED,
    DYNAMIC_SHARED,
    LOCAL,
    FRAME,  // local memory of a framed function: from the lane's frame pointer on
    KERNEL_PARAMETER,
    FUNCTION
};

struct Symbol {
    SymbolKind kind = SymbolKind::REGISTER;
    std::uint64_t place = 0;  // offset of a register or in its space; address of a global
    std::uint32_t bytes = 0;  // of a register (0: predicate) or a variable
    const ptx::Function* function = nullptr;
    std::uint32_t element = 0;  // bytes of one element of a variable
};

/// One level of `{ }`, within a function or, at the top, the module.
class Scope {
  public:
    explicit Scope(const Scope* parent) : parent_(parent) {}

    /// False where the scope has the name already.
    bool add(std::string_view name, const Symbol& symbol) { return symbols_.emplace(name, symbol).second; }
    void replace(std::string_view name, const Symbol& symbol) { symbols_[name] = symbol; }
    /// Registers name0 to name(count-1), each `stride` bytes of the register block.
    void addRange(std::string_view name, std::uint32_t count, const Symbol& first, std::uint32_t stride) {
        ranges_[name] = {count, stride, first};
    }
    bool addLabel(std::string_view name, std::uint32_t target) {
        return labels_.emplace(name, target).second;
    }

    /// In this scope or one around it; null where nothing has the name.
    const Symbol* find(std::string_view name) const;
    const std::uint32_t* findLabel(std::string_view name) const;

  private:
    struct Range {
        std::uint32_t count = 0;
        std::uint32_t stride = 0;
        Symbol first;
    };

    const Symbol* findInRange(std::string_view name) const;

    const Scope* parent_;
    std::unordered_map<std::string_view, Symbol> symbols_;
    std::unordered_map<std::string_view, Range> ranges_;
    std::unordered_map<std::string_view, std::uint32_t> labels_;
    mutable std::unordered_map<std::string_view, Symbol> ranged_;  // names of ranges that were asked for
};

// Registers begin at lines of the host's cache.
constexpr std::uint32_t REGISTER_ALIGN = 64;

/// Bytes of the register block that a register of `bytes` (0: predicate) takes.
inline std::uint32_t slotBytes(std::uint32_t bytes) {
    return bytes == 0 ? REGISTER_ALIGN : std::max(REGISTER_ALIGN, bytes * LANES);
}

/// Bytes handed out in order, each piece aligned.
class Layout {
  public:
    explicit Layout(std::uint64_t first = 0) : next_(first) {}
    std::uint64_t place(std::uint64_t bytes, std::uint64_t align) {
        next_ = (next_ + align - 1) & ~(align - 1);
        const std::uint64_t at = next_;
        next_ += bytes;
        return at;
    }
    std::uint64_t size() const { return next_; }

  private:
    std::uint64_t next_;
};

/// A variable's bytes and alignment.
inline std::uint64_t bytesOf(const ptx::Variable& variable) {
    return variable.count * static_cast<std::uint64_t>(variable.vectorLength) *
           static_cast<std::uint64_t>(variable.type.bytes());
}
inline std::uint64_t alignOf(const ptx::Variable& variable) {
    const int natural = variable.type.bytes() * variable.vectorLength;
    return static_cast<std::uint64_t>(variable.align != 0 ? variable.align : natural);
}

}  // namespace quern::emulator
