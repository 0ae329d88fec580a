#include "decode/decoder.hpp"

#include <algorithm>

#include "module/load_error.hpp"
#include "ptx/lexer.hpp"

namespace quern::emulator {

namespace {

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
