// Declarations: where variables and registers lie.
#include <algorithm>

#include "decode/decoder.hpp"

namespace quern::emulator {

namespace {

// Of a warp: half a million registers of 32 bits. What is beyond is no program.
constexpr std::uint64_t MOST_REGISTER_BYTES = std::uint64_t{64} << 20;
// Of a thread, as CUDA has it.
constexpr std::uint64_t MOST_LOCAL_BYTES = 512 << 10;

}  // namespace

Symbol Decoder::declareRegister(const ptx::Variable& variable) {
    Symbol symbol;
    symbol.kind = SymbolKind::REGISTER;
    symbol.bytes = variable.type.letter == 'p' ? 0 : static_cast<std::uint32_t>(variable.type.bytes());
    if (variable.vectorLength != 1) refuse("vector registers are not supported", variable.place);
    const std::uint32_t stride = slotBytes(symbol.bytes);
    const std::uint32_t count = std::max(variable.rangeCount, 1U);
    if (registers_.size() + static_cast<std::uint64_t>(count) * stride > MOST_REGISTER_BYTES) {
        refuse("too many registers", variable.place);
    }
    symbol.place = registers_.place(static_cast<std::uint64_t>(count) * stride, REGISTER_ALIGN);
    // One of 128 bits is two of 64 side by side.
    const std::uint32_t parts = symbol.bytes == 16 ? 2 : 1;
    noteWidth(static_cast<std::uint32_t>(symbol.place), symbol.bytes / parts, count * parts);
    if (current_ != nullptr && current_->framed) {
        for (std::uint32_t i = 0; i < count; i++) {
            const std::uint32_t place = static_cast<std::uint32_t>(symbol.place) + i * stride;
            current_->saved.insert(current_->saved.end(), {place, std::min(symbol.bytes, 8U)});
            if (symbol.bytes == 16) current_->saved.insert(current_->saved.end(), {place + stride / 2, 8});
        }
    }
    if (variable.rangeCount != 0) {
        scope_->addRange(variable.name, count, symbol, stride);
    } else if (!scope_->add(variable.name, symbol)) {
        refuse("declared twice: " + std::string(variable.name), variable.place);
    }
    return symbol;
}

void Decoder::declare(const ptx::Variable& variable) {
    Symbol symbol;
    symbol.bytes = static_cast<std::uint32_t>(bytesOf(variable));
    symbol.element = static_cast<std::uint32_t>(variable.type.bytes() * variable.vectorLength);
    switch (variable.space) {
        case ptx::StateSpace::REGISTER: declareRegister(variable); return;
        case ptx::StateSpace::SHARED:
            if (variable.external || variable.unsized) {
                symbol.kind = SymbolKind::DYNAMIC_SHARED;
                dynamicAlign_ = std::max(dynamicAlign_, alignOf(variable));
            } else {
                symbol.kind = SymbolKind::SHARED;
                symbol.place = shared_.place(bytesOf(variable), alignOf(variable));
            }
            break;
        case ptx::StateSpace::LOCAL:
        case ptx::StateSpace::PARAMETER: {
            const bool framed = current_ != nullptr && current_->framed;
            symbol.kind = framed ? SymbolKind::FRAME : SymbolKind::LOCAL;
            symbol.place = (framed ? frame_ : local_).place(bytesOf(variable), alignOf(variable));
            if (framed) frameAlign_ = std::max(frameAlign_, alignOf(variable));
            break;
        }
        default: refuse("this variable belongs outside of functions", variable.place);
    }
    if (shared_.size() > std::uint64_t{1} << 30 || local_.size() > MOST_LOCAL_BYTES ||
        frame_.size() > MOST_LOCAL_BYTES) {
        refuse("variable too large", variable.place);
    }
    if (!scope_->add(variable.name, symbol))
        refuse("declared twice: " + std::string(variable.name), variable.place);
}

void Decoder::declareParameters(const ptx::Function& function, CalledFunction& called) {
    for (const auto* list : {&function.results, &function.parameters}) {
        std::vector<Symbol>& symbols = list == &function.results ? called.results : called.parameters;
        for (const ptx::Variable& variable : *list) {
            declare(variable);
            symbols.push_back(*scope_->find(variable.name));
        }
    }
}

/// A framed function's parameters and results are at the begin of its frame, where any caller finds them.
void Decoder::declareFrame(const ptx::Function& function, CalledFunction& called) {
    std::vector<std::pair<Symbol, Symbol>> arguments;
    for (const auto* list : {&function.results, &function.parameters}) {
        for (const ptx::Variable& variable : *list) {
            if (variable.space != ptx::StateSpace::REGISTER) {
                declare(variable);
                continue;
            }
            if (variable.type.letter == 'p') refuse("a predicate cannot be passed here", variable.place);
            Symbol slot;
            slot.kind = SymbolKind::FRAME;
            slot.place = frame_.place(bytesOf(variable), alignOf(variable));
            slot.bytes = static_cast<std::uint32_t>(bytesOf(variable));
            (list == &function.results ? called.copies : arguments)
                .push_back({declareRegister(variable), slot});
        }
    }
    for (const auto& [reg, slot] : arguments)
        emitLocal(false, slot.bytes, static_cast<std::uint32_t>(reg.place), slot, 0);
}

}  // namespace quern::emulator
