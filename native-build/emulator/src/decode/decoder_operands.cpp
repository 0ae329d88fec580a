// Registers, constants, names: from operands to places in the register block.
#include <algorithm>
#include <bit>

#include "decode/decoder.hpp"

namespace quern::emulator {

std::uint32_t Decoder::temporary(std::uint32_t bytes) {
    const auto offset = static_cast<std::uint32_t>(registers_.place(slotBytes(bytes), REGISTER_ALIGN));
    noteWidth(offset, bytes, 1);
    return offset;
}

void Decoder::noteWidth(std::uint32_t offset, std::uint32_t bytes, std::uint32_t count) {
    const std::size_t first = offset / REGISTER_ALIGN;
    const std::size_t slots = count * (slotBytes(bytes) / REGISTER_ALIGN);
    if (program_->widths.size() < first + slots) program_->widths.resize(first + slots);
    std::fill_n(program_->widths.begin() + static_cast<std::ptrdiff_t>(first), slots,
                static_cast<std::uint8_t>(bytes));
}

std::uint32_t Decoder::constant(std::uint64_t value, std::uint32_t bytes) {
    // A predicate (0 bytes) is the lanes of a warp.
    if (bytes < 8) value &= bytes == 0 ? std::uint64_t{ALL_LANES} : (std::uint64_t{1} << 8 * bytes) - 1;
    const auto [place, isNew] = constants_.try_emplace({value, bytes}, 0);
    if (isNew) {
        place->second = temporary(bytes);
        program_->constants.push_back({value, place->second, bytes});
    }
    return place->second;
}

std::uint32_t Decoder::special(Special which, std::uint32_t bytes) {
    const auto [place, isNew] = specials_.try_emplace({static_cast<int>(which), bytes}, 0);
    if (isNew) {
        place->second = temporary(bytes);
        program_->specials.push_back({which, place->second, bytes});
    }
    return place->second;
}

const Symbol& Decoder::resolve(const ptx::Operand& operand) {
    if (const Symbol* symbol = scope_->find(operand.name)) return *symbol;
    for (const ptx::Variable& variable : context_.module->variables) {
        if (variable.space == ptx::StateSpace::SHARED && variable.name == operand.name) {
            Scope* inner = scope_;
            scope_ = &kernelScope_;
            declare(variable);
            scope_ = inner;
            return *kernelScope_.find(operand.name);
        }
    }
    if (const Symbol* symbol = specialSymbol(operand.name)) return *symbol;
    if (const Symbol* symbol = constantSymbol(operand.name)) return *symbol;
    refuse("unknown name " + std::string(operand.name), operand.place);
}

std::uint32_t Decoder::constantOperand(const ptx::Operand& operand, std::uint32_t bytes, char type) {
    switch (operand.kind) {
        case ptx::OperandKind::INTEGER:
            if (type == 'f' || type == 'F')
                refuse("a floating point operand needs a constant such as 0f3F800000", operand.place);
            if (bytes == 0) return operand.value != 0 ? constant(ALL_LANES, 0) : constant(0, 0);
            return constant(operand.value, bytes);
        case ptx::OperandKind::FLOAT32:
            if (bytes == 8 && type == 'F') {
                const double wide = std::bit_cast<float>(static_cast<std::uint32_t>(operand.value));
                return constant(std::bit_cast<std::uint64_t>(wide), 8);
            }
            if (bytes != 4)
                refuse("a constant of 32 bits where " + std::to_string(8 * bytes) + " are expected",
                       operand.place);
            return constant(operand.value, 4);
        case ptx::OperandKind::FLOAT64:
            if (bytes == 4 && type == 'f') {
                const float narrow = static_cast<float>(std::bit_cast<double>(operand.value));
                return constant(std::bit_cast<std::uint32_t>(narrow), 4);
            }
            if (bytes != 8)
                refuse("a constant of 64 bits where " + std::to_string(8 * bytes) + " are expected",
                       operand.place);
            return constant(operand.value, 8);
        default: refuse("expected a register or a constant", operand.place);
    }
}

/// Bytes from the begin of a variable to its element name[i]; 0 where none is named.
std::int64_t Decoder::elementOffset(const ptx::Operand& operand, const Symbol& symbol) const {
    if (!operand.indexed) return 0;
    if (symbol.element == 0) refuse(std::string(operand.name) + " is not an array", operand.place);
    return static_cast<std::int64_t>(operand.value) * symbol.element;
}

std::uint32_t Decoder::readWide(const ptx::Operand& operand, std::uint32_t& bytes, char type) {
    if (operand.kind != ptx::OperandKind::NAME) return constantOperand(operand, bytes, type);
    if (operand.name == "WARP_SZ") return constant(LANES, bytes);
    if (operand.name == "_") return SINK;
    const Symbol& symbol = resolve(operand);
    switch (symbol.kind) {
        case SymbolKind::REGISTER:
            if (operand.offset != 0 || operand.indexed)
                refuse("a register cannot have an offset here", operand.place);
            bytes = symbol.bytes;
            return static_cast<std::uint32_t>(symbol.place);
        case SymbolKind::DYNAMIC_SHARED: {
            // Known only when all static variables have their place.
            const std::uint32_t base = special(Special::DYNAMIC_SHARED_BASE, bytes);
            if (operand.offset != 0 || operand.indexed)
                refuse("an offset from an extern shared array is not supported here", operand.place);
            return base;
        }
        case SymbolKind::FUNCTION:
            return constant(functionPointer(static_cast<std::size_t>(symbol.function -
                                                                     context_.module->functions.data())),
                            bytes);
        case SymbolKind::FRAME: {
            if (bytes != 8) refuse("an address of local memory has 64 bits here", operand.place);
            const std::uint32_t sum = temporary(8);
            const std::uint32_t offset = constant(
                symbol.place + static_cast<std::uint64_t>(operand.offset + elementOffset(operand, symbol)),
                8);
            Op& op = emit(entry("add.u64"));
            op.kind = InstructionClass::MOVE;
            op.dst = sum;
            op.a = framePointer();
            op.b = offset;
            return sum;
        }
        default:
            return constant(
                symbol.place + static_cast<std::uint64_t>(operand.offset + elementOffset(operand, symbol)),
                bytes);
    }
}

std::uint32_t Decoder::read(const ptx::Operand& operand, std::uint32_t bytes, char type) {
    if (operand.negated) refuse("a negated predicate is not supported here", operand.place);
    std::uint32_t actual = bytes;
    const std::uint32_t offset = readWide(operand, actual, type);
    if (actual != bytes) {
        // Old code reads the 64-bit %gridid as 32 bits.
        if (operand.name == "%gridid" && bytes == 4) return special(Special::GRIDID, 4);
        refuse(std::string(operand.name) + " has " +
                   (actual == 0 ? "1 bit" : std::to_string(8 * actual) + " bits") +
                   ", the instruction takes " + (bytes == 0 ? "a predicate" : std::to_string(8 * bytes)),
               operand.place);
    }
    return offset;
}

std::uint32_t Decoder::writeWide(const ptx::Operand& operand, std::uint32_t& bytes) {
    if (operand.kind != ptx::OperandKind::NAME || operand.negated)
        refuse("expected a register to write", operand.place);
    if (operand.name == "_") return SINK;
    const Symbol* symbol = scope_->find(operand.name);
    if (symbol == nullptr || symbol->kind != SymbolKind::REGISTER) {
        refuse("unknown register " + std::string(operand.name), operand.place);
    }
    bytes = symbol->bytes;
    return static_cast<std::uint32_t>(symbol->place);
}

std::uint32_t Decoder::write(const ptx::Operand& operand, std::uint32_t bytes) {
    std::uint32_t actual = bytes;
    const std::uint32_t offset = writeWide(operand, actual);
    if (actual != bytes) {
        refuse(std::string(operand.name) + " has " +
                   (actual == 0 ? "1 bit" : std::to_string(8 * actual) + " bits") +
                   ", the instruction writes " + (bytes == 0 ? "a predicate" : std::to_string(8 * bytes)),
               operand.place);
    }
    return offset;
}

void Decoder::pair(const ptx::Operand& operand, std::uint32_t bytes, Op& op) {
    if (operand.kind != ptx::OperandKind::PAIR) {
        op.dst = write(operand, bytes);
        return;
    }
    op.dst = write(operand.elements[0], bytes);
    op.dst2 = write(operand.elements[1], 0);
}

std::array<std::uint32_t, 2> Decoder::halves(const ptx::Operand& operand) {
    const Symbol* symbol = operand.kind == ptx::OperandKind::NAME ? scope_->find(operand.name) : nullptr;
    if (symbol == nullptr || symbol->kind != SymbolKind::REGISTER || symbol->bytes != 16 ||
        operand.offset != 0)
        refuse("expected a register of 128 bits", operand.place);
    const auto place = static_cast<std::uint32_t>(symbol->place);
    return {place, place + slotBytes(8)};
}

const std::uint32_t* Decoder::constantVariables() {
    std::vector<std::uint32_t> words{0};
    for (const ptx::Variable& variable : context_.module->variables) {
        const Symbol* symbol = context_.globals->find(variable.name);
        if (symbol == nullptr || symbol->kind != SymbolKind::CONSTANT) continue;
        words[0]++;
        for (const std::uint64_t value : {symbol->place, std::uint64_t{symbol->bytes}}) {
            words.push_back(static_cast<std::uint32_t>(value));
            words.push_back(static_cast<std::uint32_t>(value >> 32));
        }
    }
    return list(words);
}

void Decoder::address(Op& op, const ptx::Operand& operand) {
    const bool element = operand.kind == ptx::OperandKind::NAME && operand.indexed;
    if (operand.kind != ptx::OperandKind::ADDRESS && !element)
        refuse("expected an address in [ ]", operand.place);
    op.imm = operand.offset;
    op.wide = true;
    if (operand.name.empty()) {
        op.a = constant(operand.value, 8);
        return;
    }
    const Symbol& symbol = resolve(operand);
    if (operand.indexed) op.imm += elementOffset(operand, symbol);
    switch (symbol.kind) {
        case SymbolKind::REGISTER:
            if (symbol.bytes != 4 && symbol.bytes != 8) refuse("an address has 32 or 64 bits", operand.place);
            op.a = static_cast<std::uint32_t>(symbol.place);
            op.wide = symbol.bytes == 8;
            break;
        case SymbolKind::DYNAMIC_SHARED:
            op.a = special(Special::DYNAMIC_SHARED_BASE, 8);
            if (op.space == Space::GENERIC) op.space = Space::SHARED;
            break;
        case SymbolKind::FUNCTION: refuse("a function is not memory", operand.place);
        case SymbolKind::FRAME:
            op.a = framePointer();
            op.imm += static_cast<std::int64_t>(symbol.place);
            if (op.space == Space::GENERIC || op.space == Space::PARAMETER) op.space = Space::LOCAL;
            if (op.space != Space::LOCAL)
                refuse(std::string(operand.name) + " is not in this state space", operand.place);
            break;
        default: {
            op.a = constant(symbol.place, 8);
            const Space own = symbol.kind == SymbolKind::SHARED             ? Space::SHARED
                              : symbol.kind == SymbolKind::LOCAL            ? Space::LOCAL
                              : symbol.kind == SymbolKind::KERNEL_PARAMETER ? Space::PARAMETER
                                                                            : Space::GLOBAL;
            // Parameters of functions and arguments of calls are in local memory.
            const bool argument = op.space == Space::PARAMETER && own == Space::LOCAL;
            if (op.space == Space::GENERIC || argument) op.space = own;
            if (op.space != own)
                refuse(std::string(operand.name) + " is not in this state space", operand.place);
        }
    }
    if (!op.wide && op.space == Space::GLOBAL) refuse("a global address has 64 bits", operand.place);
}

std::int64_t Decoder::integer(const ptx::Operand& operand) const {
    if (operand.kind != ptx::OperandKind::INTEGER) refuse("expected an integer constant", operand.place);
    return static_cast<std::int64_t>(operand.value);
}

const std::uint32_t* Decoder::list(const std::vector<std::uint32_t>& values) {
    program_->lists.push_back(std::make_unique<std::uint32_t[]>(values.size()));
    std::copy(values.begin(), values.end(), program_->lists.back().get());
    return program_->lists.back().get();
}

void Decoder::branchTo(Op& op, std::string_view label) {
    fixups_.push_back(
        {static_cast<std::size_t>(&op - program_->code.data()), nullptr, label, scope_, instruction_->place});
}

const std::uint32_t* Decoder::branchList(const std::vector<std::string_view>& labels) {
    program_->lists.push_back(std::make_unique<std::uint32_t[]>(labels.size()));
    std::uint32_t* slot = program_->lists.back().get();
    for (std::string_view label : labels) fixups_.push_back({0, slot++, label, scope_, instruction_->place});
    return program_->lists.back().get();
}

const std::vector<std::string_view>& Decoder::branchTargets(const ptx::Operand& name) const {
    const auto found = branchTargets_.find(name.name);
    if (found == branchTargets_.end()) refuse("no .branchtargets " + std::string(name.name), name.place);
    return found->second;
}

}  // namespace quern::emulator
