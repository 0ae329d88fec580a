#include "decode/decoder.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "module/load_error.hpp"
#include "ptx/lexer.hpp"

namespace quern::emulator {

namespace {

constexpr std::uint32_t REGISTER_ALIGN = 64;
// Of a warp: half a million registers of 32 bits. What is beyond is no program.
constexpr std::uint64_t MOST_REGISTER_BYTES = std::uint64_t{64} << 20;
// Of a thread, as CUDA has it.
constexpr std::uint64_t MOST_LOCAL_BYTES = 512 << 10;

/// Bytes of the register block that a register of `bytes` (0: predicate) takes.
std::uint32_t slotBytes(std::uint32_t bytes) {
    return bytes == 0 ? REGISTER_ALIGN : std::max(REGISTER_ALIGN, bytes * LANES);
}

struct SpecialName {
    std::string_view name;
    Special which;
    std::uint32_t bytes;
};

constexpr SpecialName SPECIAL_NAMES[] = {
    {"%tid.x", Special::TID_X, 4},
    {"%tid.y", Special::TID_Y, 4},
    {"%tid.z", Special::TID_Z, 4},
    {"%tid.w", Special::ZERO, 4},
    {"%ntid.x", Special::NTID_X, 4},
    {"%ntid.y", Special::NTID_Y, 4},
    {"%ntid.z", Special::NTID_Z, 4},
    {"%ntid.w", Special::ZERO, 4},
    {"%ctaid.x", Special::CTAID_X, 4},
    {"%ctaid.y", Special::CTAID_Y, 4},
    {"%ctaid.z", Special::CTAID_Z, 4},
    {"%ctaid.w", Special::ZERO, 4},
    {"%nctaid.x", Special::NCTAID_X, 4},
    {"%nctaid.y", Special::NCTAID_Y, 4},
    {"%nctaid.z", Special::NCTAID_Z, 4},
    {"%nctaid.w", Special::ZERO, 4},
    {"%laneid", Special::LANEID, 4},
    {"%warpid", Special::WARPID, 4},
    {"%nwarpid", Special::NWARPID, 4},
    {"%smid", Special::SMID, 4},
    {"%nsmid", Special::NSMID, 4},
    {"%gridid", Special::GRIDID, 8},
    {"%lanemask_eq", Special::LANEMASK_EQ, 4},
    {"%lanemask_le", Special::LANEMASK_LE, 4},
    {"%lanemask_lt", Special::LANEMASK_LT, 4},
    {"%lanemask_ge", Special::LANEMASK_GE, 4},
    {"%lanemask_gt", Special::LANEMASK_GT, 4},
    {"%dynamic_smem_size", Special::DYNAMIC_SHARED_BYTES, 4},
    {"%total_smem_size", Special::TOTAL_SHARED_BYTES, 4},
    {"%aggr_smem_size", Special::TOTAL_SHARED_BYTES, 4},
    // Clusters of one block.
    {"%clusterid.x", Special::CTAID_X, 4},
    {"%clusterid.y", Special::CTAID_Y, 4},
    {"%clusterid.z", Special::CTAID_Z, 4},
    {"%clusterid.w", Special::ZERO, 4},
    {"%nclusterid.x", Special::NCTAID_X, 4},
    {"%nclusterid.y", Special::NCTAID_Y, 4},
    {"%nclusterid.z", Special::NCTAID_Z, 4},
    {"%nclusterid.w", Special::ZERO, 4},
    {"%cluster_ctaid.x", Special::ZERO, 4},
    {"%cluster_ctaid.y", Special::ZERO, 4},
    {"%cluster_ctaid.z", Special::ZERO, 4},
    {"%cluster_ctaid.w", Special::ZERO, 4},
    {"%cluster_ctarank", Special::ZERO, 4},
    {"%current_graph_exec", Special::ZERO, 8},
    {"%reserved_smem_offset_begin", Special::ZERO, 4},
    {"%reserved_smem_offset_end", Special::ZERO, 4},
    {"%reserved_smem_offset_cap", Special::ZERO, 4},
    {"%reserved_smem_offset_0", Special::ZERO, 4},
    {"%reserved_smem_offset_1", Special::ZERO, 4},
};

std::uint32_t typeBytes(char type) {
    switch (type) {
        case 'p': return 0;
        case 'h': return 2;
        case 'w':
        case 'f': return 4;
        default: return 8;
    }
}

}  // namespace

Decoder::Decoder(const ModuleContext& context, Kernel& kernel)
    : context_(context),
      kernel_(kernel),
      program_(std::make_shared<Program>()),
      kernelScope_(context.globals) {}

void Decoder::refuse(const std::string& message, ptx::Place place) const {
    // The line as it stands in the source; lines are rare enough to be counted again.
    std::string_view rest = *context_.source;
    for (int line = 1; line < place.line; line++) {
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    throw LoadError(LoadErrorKind::INVALID_PTX, place.line, place.column,
                    std::string(ptx::lineAround(*context_.source, rest.data())), message);
}

void Decoder::expectOperands(std::size_t least, std::size_t most) const {
    const std::size_t count = operands().size();
    if (count >= least && count <= most) return;
    const std::string expected =
        least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
    refuse(std::string(instruction_->opcode) + " takes " + expected + " operands, not " +
           std::to_string(count));
}

void Decoder::expectNothingLeft(const Spelling& spelling) const {
    const auto rest = spelling.rest();
    if (rest.empty()) return;
    std::string names;
    for (std::string_view modifier : rest) names += "." + std::string(modifier);
    refuse("unknown modifier " + names + " of " + std::string(spelling.base()));
}

const Entry& Decoder::entry(const std::string& key) const {
    const Entry* found = findEntry(key);
    if (found == nullptr) refuse("unknown instruction " + std::string(instruction_->opcode));
    return *found;
}

Op& Decoder::emit(const Entry& entry) {
    Op& op = emit(Flow::NEXT, entry.kind);
    op.run = entry.run;
    op.flags = entry.flags;
    return op;
}

Op& Decoder::emit(Flow flow, InstructionClass kind) {
    Op op;
    op.flow = flow;
    op.kind = kind;
    op.line = instruction_->place.line;
    if (!instruction_->guard.empty()) {
        ptx::Operand guard;
        guard.name = instruction_->guard;
        guard.place = instruction_->place;
        op.guard = read(guard, 0);
        op.guardFlip = instruction_->guardNegated ? ALL_LANES : 0;
    }
    program_->code.push_back(op);
    if (!program_->sourceLines.empty()) program_->sourceLineOf.push_back(instruction_->location);
    return program_->code.back();
}

// Registers, constants, names.

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

const Symbol* Decoder::specialSymbol(std::string_view name) {
    for (const SpecialName& known : SPECIAL_NAMES) {
        if (known.name != name) continue;
        Symbol& symbol = specialSymbols_[name];
        symbol.kind = SymbolKind::REGISTER;
        symbol.bytes = known.bytes;
        symbol.place = special(known.which, known.bytes);
        return &symbol;
    }
    return nullptr;
}

/// Special registers that are the same for all threads of all launches: sizes of a cluster of one block, environment
/// and performance registers, of which there are none.
const Symbol* Decoder::constantSymbol(std::string_view name) {
    std::uint32_t bytes = 4;
    std::uint64_t value = 0;
    if (name == "%cluster_nctaid.x" || name == "%cluster_nctaid.y" || name == "%cluster_nctaid.z" ||
        name == "%cluster_nctaid.w" || name == "%cluster_nctarank") {
        value = 1;
    } else if (name == "%is_explicit_cluster") {
        bytes = 0;
    } else if (name.starts_with("%pm") && name.size() >= 4 && name[3] >= '0' && name[3] <= '7') {
        if (name.size() != 4 && name.substr(4) != "_64") return nullptr;
        bytes = name.size() == 4 ? 4 : 8;
    } else if (name.starts_with("%envreg")) {
        return environmentRegister(name);
    } else {
        return nullptr;
    }
    Symbol& symbol = specialSymbols_[name];
    symbol.kind = SymbolKind::REGISTER;
    symbol.bytes = bytes;
    symbol.place = constant(value, bytes);
    return &symbol;
}

/// %envreg1 and 2 are the upper and the lower half of the address of what the blocks of a cooperative launch meet at (0 in other launches): launches have
/// it behind the parameters. The others are 0.
const Symbol* Decoder::environmentRegister(std::string_view name) {
    name.remove_prefix(std::string_view("%envreg").size());
    unsigned number = 0;
    if (name.empty() || name.size() > 2) return nullptr;
    for (const char c : name) {
        if (c < '0' || c > '9') return nullptr;
        number = 10 * number + static_cast<unsigned>(c - '0');
    }
    if (number > 31) return nullptr;
    Symbol& symbol = specialSymbols_["%envreg"];
    symbol.kind = SymbolKind::REGISTER;
    symbol.bytes = 4;
    symbol.place = constant(0, 4);
    if (number != 1 && number != 2) return &symbol;
    const std::uint32_t value = temporary(4);
    Op& op = emit(entry("environment"));
    op.dst = value;
    op.imm = number == 1 ? 4 : 0;
    symbol.place = value;
    return &symbol;
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

// Declarations.

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

// Functions.

std::uint32_t Decoder::linkRegister() {
    if (link_ == 0) link_ = temporary(4);
    return link_;
}

void Decoder::addFrameTo(Op& op, int sign) {
    frameFixups_.push_back({static_cast<std::size_t>(&op - program_->code.data()), current_, sign});
}

void Decoder::listSavedFor(Op& op) {
    savedFixups_.push_back({static_cast<std::size_t>(&op - program_->code.data()), current_});
}

void Decoder::callTo(Op& op, const ptx::Function& function) {
    callFixups_.push_back({static_cast<std::size_t>(&op - program_->code.data()), &called(function)});
}

Op& Decoder::emitLocal(bool store, std::uint32_t bytes, std::uint32_t reg, const Symbol& symbol,
                       std::int64_t offset) {
    const std::string width = std::to_string(bytes);
    const std::uint32_t base = symbol.kind == SymbolKind::FRAME ? framePointer() : constant(0, 8);
    Op& op = emit(entry(store ? "st." + width + "." + width + ".v1"
                              : "ld.u" + std::to_string(8 * bytes) + "." + width + ".v1"));
    op.kind = InstructionClass::MOVE;
    op.space = Space::LOCAL;
    op.store = store;
    op.bytes = static_cast<std::uint8_t>(bytes);
    op.site = newSite();
    op.more = list({reg});
    (store ? op.b : op.dst) = reg;
    op.a = base;
    op.imm = static_cast<std::int64_t>(symbol.place) + offset;
    return op;
}

Decoder::CalledFunction& Decoder::called(const ptx::Function& function) {
    const auto found = called_.find(&function);
    if (found == called_.end()) refuse("no definition of function " + std::string(function.name));
    return found->second;
}

const ptx::CallPrototype& Decoder::callPrototype(const ptx::Operand& name) const {
    const auto found = prototypes_.find(name.name);
    if (found == prototypes_.end()) refuse("no .callprototype " + std::string(name.name), name.place);
    return *found->second;
}

void Decoder::decodeEntry(const ptx::Function& function) {
    program_->entry = current_->entry;
    for (std::size_t i = 0; i < function.parameters.size(); i++) {
        Symbol symbol;
        symbol.kind = SymbolKind::KERNEL_PARAMETER;
        symbol.place = kernel_.parameters[i].offset;
        symbol.bytes = kernel_.parameters[i].bytes;
        scope_->add(function.parameters[i].name, symbol);
    }
}

void Decoder::decodeCallee(const ptx::Function& function) {
    CalledFunction& called = *current_;
    if (!called.framed) {
        called.returnAddress = temporary(4);
        declareParameters(function, called);
        return;
    }
    useStack();
    called.returnAddress = temporary(4);
    called.saved = {called.returnAddress, 4};
    frame_ = Layout();
    // The frame's size is known at the function's end: it is room for that which is checked.
    const std::uint32_t pointer = framePointer();
    const std::uint32_t top = stackTop();
    Op& check = emit(entry("frame.check"));
    check.a = pointer;
    check.b = top;
    addFrameTo(check);
    const std::uint32_t link = linkRegister();
    Op& keep = emit(entry("mov.b32"));
    keep.dst = called.returnAddress;
    keep.a = link;
    declareFrame(function, called);
}

/// A function with alloca gives its memory back when it returns.
void Decoder::keepStackTop() {
    const std::uint32_t kept = temporary(8);
    const std::uint32_t top = stackTop();
    Op& op = emit(entry("mov.b64"));
    op.dst = kept;
    op.a = top;
    current_->stackTop = kept;
    if (current_->framed) current_->saved.insert(current_->saved.end(), {kept, 8});
}

void Decoder::decodeFunction(const ptx::Function& function, bool entry) {
    ptx::Instruction outside;  // what is emitted before the first instruction and after the last
    outside.opcode = "ret";
    outside.place = function.place;
    instruction_ = &outside;
    CalledFunction& called = called_[&function];
    current_ = &called;
    inEntry_ = entry;
    called.entry = static_cast<std::uint32_t>(program_->code.size());
    scopes_.emplace_back(&kernelScope_);
    scope_ = &scopes_.back();
    branchTargets_.clear();
    prototypes_.clear();
    // Prototypes may stand behind the calls that name them.
    bool allocates = false;
    for (const ptx::Statement& statement : function.body) {
        if (const auto* prototype = std::get_if<ptx::CallPrototype>(&statement))
            prototypes_[prototype->name] = prototype;
        const auto* instruction = std::get_if<ptx::Instruction>(&statement);
        allocates = allocates || (instruction != nullptr && instruction->opcode.starts_with("alloca"));
    }
    if (entry) {
        decodeEntry(function);
    } else {
        decodeCallee(function);
        if (allocates) keepStackTop();
    }
    decodeBody(function);
    // Falling off the end is a return.
    decodeInstruction(outside);
    if (called.framed) called.frameBytes = std::max<std::uint64_t>(frame_.size(), 1);
}

void Decoder::decodeBody(const ptx::Function& function) {
    for (const ptx::Statement& statement : function.body) {
        if (const auto* instruction = std::get_if<ptx::Instruction>(&statement)) {
            decodeInstruction(*instruction);
        } else if (const auto* variable = std::get_if<ptx::Variable>(&statement)) {
            declare(*variable);
        } else if (const auto* label = std::get_if<ptx::Label>(&statement)) {
            if (!scope_->addLabel(label->name, static_cast<std::uint32_t>(program_->code.size()))) {
                refuse("label defined twice: " + std::string(label->name), function.place);
            }
        } else if (const auto* targets = std::get_if<ptx::BranchTargets>(&statement)) {
            branchTargets_[targets->name] = targets->labels;
        } else if (const auto* prototype = std::get_if<ptx::CallPrototype>(&statement)) {
            prototypes_[prototype->name] = prototype;  // another scope may have one of the same name
        } else if (std::holds_alternative<ptx::OpenScope>(statement)) {
            open_.push_back(scope_);
            scopes_.emplace_back(scope_);
            scope_ = &scopes_.back();
        } else {
            scope_ = open_.back();
            open_.pop_back();
        }
    }
}

void Decoder::decodeInstruction(const ptx::Instruction& instruction) {
    instruction_ = &instruction;
    const Spelling spelling(instruction.opcode);
    if (const FamilyDecoder family = familyOf(spelling.base())) {
        family(*this, spelling);
    } else {
        decodeSpelled(instruction);
    }
}

void Decoder::decodeSpelled(const ptx::Instruction& instruction) {
    const Entry& found = entry(std::string(instruction.opcode));
    if (found.operands == nullptr) refuse("unknown instruction " + std::string(instruction.opcode));
    const std::string_view types = found.operands;
    const std::string_view sources = types.substr(2);
    expectOperands(1 + sources.size(), 1 + sources.size());
    std::uint32_t offsets[4] = {};
    for (std::size_t i = 0; i < sources.size(); i++)
        offsets[i] = read(operand(1 + i), typeBytes(sources[i]), sources[i]);
    const std::uint32_t destination = write(operand(0), typeBytes(types[0]));
    Op& op = emit(found);
    op.dst = destination;
    op.a = offsets[0];
    op.b = offsets[1];
    op.c = offsets[2];
    op.e = offsets[3];
}

void Decoder::takeSourceLines() {
    if (context_.module->locations.size() == 1) return;
    for (const ptx::SourceLocation& location : context_.module->locations) {
        const auto file = context_.module->files.find(location.file);
        program_->sourceLines.push_back(
            {file == context_.module->files.end() ? std::string_view{} : file->second, location.line,
             location.inlinedAt});
    }
}

/// What could not be written when calls were decoded: where functions begin, how large frames are, what is saved.
void Decoder::resolveCalls() {
    for (const auto& [op, function] : callFixups_) program_->code[op].target = function->entry;
    const auto aligned = [&](std::uint64_t bytes) { return (bytes + frameAlign_ - 1) & ~(frameAlign_ - 1); };
    for (const FrameFixup& fixup : frameFixups_) {
        program_->code[fixup.op].imm +=
            fixup.sign * static_cast<std::int64_t>(aligned(fixup.function->frameBytes));
    }
    std::map<const CalledFunction*, const std::uint32_t*> lists;
    for (const auto& [op, function] : savedFixups_) {
        const std::uint32_t*& saved = lists[function];
        if (saved == nullptr) saved = list(function->saved);
        program_->code[op].more = saved;
        program_->code[op].imm = static_cast<std::int64_t>(function->saved.size());
    }
    if (program_->usesStack) local_.place(0, frameAlign_);
    if (context_.module->callsIndirectly) {
        program_->functions.assign(context_.module->functions.size(), Program::NO_FUNCTION);
        for (const auto& [function, called] : called_) {
            if (called.framed)
                program_->functions[static_cast<std::size_t>(function - context_.module->functions.data())] =
                    called.entry;
        }
    }
}

void Decoder::decode(const ptx::Function& entry) {
    takeSourceLines();
    order_ = context_.calls->reachable(entry);
    for (const ptx::Function* function : order_)
        called_[function].framed = context_.calls->isFramed(*function);
    for (const ptx::Function* function : order_) decodeFunction(*function, function == &entry);
    for (const Fixup& fixup : fixups_) {
        const std::uint32_t* target = fixup.scope->findLabel(fixup.label);
        if (target == nullptr) refuse("unknown label " + std::string(fixup.label), fixup.place);
        if (fixup.slot != nullptr) {
            *fixup.slot = *target;
        } else {
            program_->code[fixup.op].target = *target;
        }
    }
    resolveCalls();
    finish();
}

void Decoder::finish() {
    program_->registerBytes = static_cast<std::uint32_t>(registers_.size());
    program_->localBytes = static_cast<std::uint32_t>((local_.size() + 15) & ~std::uint64_t{15});
    kernel_.staticSharedBytes = static_cast<std::uint32_t>(shared_.size());
    program_->dynamicSharedBase = static_cast<std::uint32_t>(shared_.place(0, dynamicAlign_));
    kernel_.localBytes = program_->localBytes;
    kernel_.constantBytes = context_.constantBytes;
    program_->source = context_.source;
    kernel_.program = program_;
}

}  // namespace quern::emulator
