// Calls, direct and through pointers, returns, the stack, and the functions that the CUDA runtime gives to kernels.
//
// Parameters and results are variables in local memory, or registers. A function that is in use once at a time has them at
// fixed places (CalledFunction::parameters). A framed one (call_graph.hpp) has them at the begin of its frame, which
// begins where its caller's frame ends: results first, then parameters, as a prototype tells, too.
#include <algorithm>
#include <bit>

#include "decode/decoder.hpp"

namespace quern::emulator {

namespace {

/// Where an argument lies: a register, or a variable in local memory.
Symbol argument(Decoder& decoder, const ptx::Operand& operand, std::uint32_t bytes) {
    if (operand.kind == ptx::OperandKind::NAME && operand.name != "_") {
        const Symbol symbol = decoder.resolve(operand);
        if (symbol.kind == SymbolKind::REGISTER || symbol.kind == SymbolKind::LOCAL ||
            symbol.kind == SymbolKind::FRAME) {
            return symbol;
        }
    }
    return {SymbolKind::REGISTER, decoder.read(operand, bytes), bytes, nullptr};
}

std::vector<Symbol> argumentsOf(Decoder& decoder, const ptx::Operand& list,
                                const std::vector<Symbol>& formals) {
    if (list.elements.size() != formals.size()) {
        decoder.refuse("the function takes " + std::to_string(formals.size()) + " arguments here, not " +
                       std::to_string(list.elements.size()));
    }
    std::vector<Symbol> symbols;
    for (std::size_t i = 0; i < formals.size(); i++) {
        symbols.push_back(argument(decoder, list.elements[i], formals[i].bytes));
        if (symbols.back().bytes != formals[i].bytes)
            decoder.refuse("an argument does not fit its parameter");
    }
    return symbols;
}

/// Bytes that are copied at once: what the places of both ends are multiples of.
std::uint32_t pieceOf(std::uint64_t from, std::uint64_t to, std::uint64_t bytes) {
    const std::uint64_t all = from | to | bytes | 8;
    return static_cast<std::uint32_t>(all & (0 - all));
}

/// One argument, from register or memory to register or memory. `beyond` is the end that lies in the callee's frame, of
/// which only the place in it is known: null where there is none.
void copyArgument(Decoder& decoder, const Symbol& to, const Symbol& from, const Symbol* beyond = nullptr) {
    const auto local = [&](bool store, std::uint32_t bytes, std::uint32_t reg, const Symbol& symbol,
                           std::uint32_t offset) {
        Op& op = decoder.emitLocal(store, bytes, reg, symbol, offset);
        if (&symbol == beyond && decoder.current().framed) decoder.addFrameTo(op);
    };
    if (to.kind == SymbolKind::REGISTER && from.kind == SymbolKind::REGISTER) {
        Op& op =
            decoder.emit(decoder.entry(to.bytes == 0 ? "mov.pred" : "mov.b" + std::to_string(8 * to.bytes)));
        op.dst = static_cast<std::uint32_t>(to.place);
        op.a = static_cast<std::uint32_t>(from.place);
    } else if (to.kind == SymbolKind::REGISTER) {
        local(false, to.bytes, static_cast<std::uint32_t>(to.place), from, 0);
    } else if (from.kind == SymbolKind::REGISTER) {
        local(true, to.bytes, static_cast<std::uint32_t>(from.place), to, 0);
    } else if (to.kind == SymbolKind::LOCAL && from.kind == SymbolKind::LOCAL) {
        Op& op = decoder.emit(decoder.entry("copy.parameter"));
        op.dst = static_cast<std::uint32_t>(to.place);
        op.a = static_cast<std::uint32_t>(from.place);
        op.imm = to.bytes;
    } else {
        const std::uint32_t piece = pieceOf(from.place, to.place, to.bytes);
        const std::uint32_t through = decoder.temporary(piece);
        for (std::uint32_t at = 0; at < to.bytes; at += piece) {
            local(false, piece, through, from, at);
            local(true, piece, through, to, at);
        }
    }
}

/// The parts of `call{.uni} {(results),} callee {, (arguments)} {, prototype}`.
struct Parts {
    const ptx::Operand* results = nullptr;
    const ptx::Operand* callee = nullptr;
    const ptx::Operand* arguments = nullptr;
    const ptx::Operand* prototype = nullptr;
};

Parts partsOf(Decoder& decoder) {
    static const ptx::Operand NONE = [] {
        ptx::Operand none;
        none.kind = ptx::OperandKind::LIST;
        return none;
    }();
    Parts parts{&NONE, nullptr, &NONE, nullptr};
    for (const ptx::Operand& operand : decoder.operands()) {
        if (operand.kind == ptx::OperandKind::LIST) {
            (parts.callee == nullptr ? parts.results : parts.arguments) = &operand;
        } else if (operand.kind != ptx::OperandKind::NAME || parts.prototype != nullptr) {
            decoder.refuse("call names a function");
        } else {
            (parts.callee == nullptr ? parts.callee : parts.prototype) = &operand;
        }
    }
    if (parts.callee == nullptr) decoder.refuse("call names a function");
    return parts;
}

/// Places in the callee's frame, results first.
struct FrameOfCallee {
    std::vector<Symbol> results;
    std::vector<Symbol> parameters;

    FrameOfCallee(const std::vector<ptx::Variable>& resultsOf,
                  const std::vector<ptx::Variable>& parametersOf) {
        Layout layout;
        for (const auto* list : {&resultsOf, &parametersOf}) {
            for (const ptx::Variable& variable : *list) {
                Symbol symbol;
                symbol.kind = SymbolKind::FRAME;
                symbol.bytes = static_cast<std::uint32_t>(bytesOf(variable));
                symbol.place = layout.place(bytesOf(variable), alignOf(variable));
                (list == &resultsOf ? results : parameters).push_back(symbol);
            }
        }
    }
};

void moveFramePointer(Decoder& decoder, int sign) {
    const std::uint32_t pointer = decoder.framePointer();
    Op& op = decoder.emit(decoder.entry("frame.move"));
    op.dst = pointer;
    decoder.addFrameTo(op, sign);
}

void saveOrRestore(Decoder& decoder, const char* key) {
    decoder.listSavedFor(decoder.emit(decoder.entry(key)));
}

/// `emitCall` emits the call itself. Around it the caller, if it is framed, sets its frame and its registers aside.
template <typename EmitCall>
void callFramed(Decoder& decoder, const Parts& parts, const FrameOfCallee& frame, EmitCall emitCall) {
    const auto arguments = argumentsOf(decoder, *parts.arguments, frame.parameters);
    const auto results = argumentsOf(decoder, *parts.results, frame.results);
    const bool framed = decoder.current().framed;
    decoder.useStack();
    for (std::size_t i = 0; i < arguments.size(); i++)
        copyArgument(decoder, frame.parameters[i], arguments[i], &frame.parameters[i]);
    if (framed) {
        saveOrRestore(decoder, "frame.save");
        moveFramePointer(decoder, 1);
    }
    emitCall();
    if (framed) {
        moveFramePointer(decoder, -1);
        saveOrRestore(decoder, "frame.restore");
    }
    for (std::size_t i = 0; i < results.size(); i++)
        copyArgument(decoder, results[i], frame.results[i], &frame.results[i]);
}

void callThroughPointer(Decoder& decoder, const Parts& parts) {
    if (parts.prototype == nullptr) decoder.refuse("a call through a register names its .callprototype");
    const ptx::CallPrototype& prototype = decoder.callPrototype(*parts.prototype);
    const auto* results = &prototype.results;
    const auto* parameters = &prototype.parameters;
    if (!prototype.like.empty()) {
        const Symbol* like = decoder.find(prototype.like);
        if (like == nullptr || like->kind != SymbolKind::FUNCTION)
            decoder.refuse("unknown function " + std::string(prototype.like));
        results = &like->function->results;
        parameters = &like->function->parameters;
    }
    const std::uint32_t pointer = decoder.read(*parts.callee, 8);
    callFramed(decoder, parts, FrameOfCallee(*results, *parameters), [&] {
        const std::uint32_t link = decoder.linkRegister();
        Op& op = decoder.emit(Flow::POINTER, InstructionClass::CONTROL);
        op.a = pointer;
        op.dst = link;
    });
}

void callDirectly(Decoder& decoder, const Parts& parts, const ptx::Function& function) {
    const Decoder::CalledFunction& called = decoder.called(function);
    if (called.framed) {
        callFramed(decoder, parts, FrameOfCallee(function.results, function.parameters), [&] {
            const std::uint32_t link = decoder.linkRegister();
            Op& op = decoder.emit(Flow::CALL, InstructionClass::CONTROL);
            op.dst = link;
            decoder.callTo(op, function);
        });
        return;
    }
    const auto arguments = argumentsOf(decoder, *parts.arguments, called.parameters);
    const auto results = argumentsOf(decoder, *parts.results, called.results);
    for (std::size_t i = 0; i < arguments.size(); i++)
        copyArgument(decoder, called.parameters[i], arguments[i]);
    // The callee may call functions that are framed: they begin behind the frame of this one.
    if (decoder.current().framed) moveFramePointer(decoder, 1);
    Op& op = decoder.emit(Flow::CALL, InstructionClass::CONTROL);
    op.dst = called.returnAddress;
    decoder.callTo(op, function);
    if (decoder.current().framed) moveFramePointer(decoder, -1);
    for (std::size_t i = 0; i < results.size(); i++) copyArgument(decoder, results[i], called.results[i]);
}

/// What a kernel may call although no module defines it.
struct RuntimeFunction {
    std::string_view name;
    std::vector<std::uint32_t> parameters;  // bytes of each
    std::uint32_t result;                   // bytes; 0: none
};

const RuntimeFunction* runtimeFunction(std::string_view name) {
    static const RuntimeFunction known[] = {
        {"vprintf", {8, 8}, 4},
        {"__assertfail", {8, 8, 4, 8, 8}, 0},
        {"malloc", {8}, 8},
        {"free", {8}, 0},
    };
    for (const RuntimeFunction& function : known) {
        if (function.name == name) return &function;
    }
    return nullptr;
}

void callRuntime(Decoder& decoder, const Parts& parts, const RuntimeFunction& function) {
    const auto formals = [](std::initializer_list<std::uint32_t> bytes) {
        std::vector<Symbol> symbols;
        for (std::uint32_t size : bytes) symbols.push_back({SymbolKind::REGISTER, 0, size, nullptr});
        return symbols;
    };
    std::vector<Symbol> parameters;
    for (std::uint32_t bytes : function.parameters)
        parameters.push_back({SymbolKind::REGISTER, decoder.temporary(bytes), bytes, nullptr});
    const auto arguments = argumentsOf(decoder, *parts.arguments, parameters);
    const auto results =
        argumentsOf(decoder, *parts.results, function.result == 0 ? formals({}) : formals({function.result}));
    std::vector<std::uint32_t> registers;
    for (std::size_t i = 0; i < arguments.size(); i++) {
        copyArgument(decoder, parameters[i], arguments[i]);
        registers.push_back(static_cast<std::uint32_t>(parameters[i].place));
    }
    const Symbol result{SymbolKind::REGISTER, decoder.temporary(8), function.result, nullptr};
    Op& op = decoder.emit(decoder.entry("runtime." + std::string(function.name)));
    op.dst = static_cast<std::uint32_t>(result.place);
    op.more = decoder.list(registers);
    op.bytes = 1;
    op.space = Space::GENERIC;
    op.site = decoder.newSite();
    if (!results.empty()) copyArgument(decoder, results[0], result);
}

}  // namespace

void decodeCall(Decoder& decoder, Spelling spelling) {
    spelling.take("uni");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(1, 4);
    const Parts parts = partsOf(decoder);
    const Symbol* symbol = decoder.find(parts.callee->name);
    if (symbol == nullptr) decoder.refuse("unknown function " + std::string(parts.callee->name));
    if (symbol->kind == SymbolKind::REGISTER) return callThroughPointer(decoder, parts);
    if (symbol->kind != SymbolKind::FUNCTION || symbol->function->entry)
        decoder.refuse(std::string(parts.callee->name) + " is not a function that can be called");
    const RuntimeFunction* runtime =
        symbol->function->defined ? nullptr : runtimeFunction(symbol->function->name);
    if (runtime != nullptr) return callRuntime(decoder, parts, *runtime);
    callDirectly(decoder, parts, *symbol->function);
}

void decodeReturn(Decoder& decoder, Spelling spelling) {
    spelling.take("uni");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(0, 0);
    if (decoder.inEntry()) {
        decoder.emit(Flow::EXIT, InstructionClass::CONTROL);
        return;
    }
    if (decoder.current().stackTop != 0) {
        const std::uint32_t top = decoder.stackTop();
        Op& op = decoder.emit(decoder.entry("mov.b64"));
        op.dst = top;
        op.a = decoder.current().stackTop;
    }
    for (const auto& [reg, slot] : decoder.current().copies)
        decoder.emitLocal(true, slot.bytes, static_cast<std::uint32_t>(reg.place), slot, 0);
    decoder.emit(Flow::RETURN, InstructionClass::CONTROL).a = decoder.current().returnAddress;
}

// alloca.u64 d, bytes {, alignment}
void decodeAlloca(Decoder& decoder, Spelling spelling) {
    if (!spelling.take("u64")) decoder.refuse("addresses have 64 bits: alloca takes .u64");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(2, 3);
    const std::int64_t align = decoder.operands().size() == 3 ? decoder.integer(decoder.operand(2)) : 8;
    if (align < 1 || align > 4096 || !std::has_single_bit(static_cast<std::uint64_t>(align)))
        decoder.refuse("alignment not a power of two up to 4096");
    const std::uint32_t bytes = decoder.read(decoder.operand(1), 8);
    const std::uint32_t d = decoder.write(decoder.operand(0), 8);
    const std::uint32_t pointer = decoder.framePointer();
    const std::uint32_t top = decoder.stackTop();
    decoder.useStack();
    Op& op = decoder.emit(decoder.entry("alloca"));
    op.dst = d;
    op.a = bytes;
    op.b = pointer;
    op.e = top;
    op.count = static_cast<std::uint8_t>(std::countr_zero(static_cast<std::uint64_t>(align)));
    if (decoder.current().framed) decoder.addFrameTo(op);
}

void decodeStackSave(Decoder& decoder, Spelling spelling) {
    if (!spelling.take("u64")) decoder.refuse("addresses have 64 bits: stacksave takes .u64");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(1, 1);
    const std::uint32_t d = decoder.write(decoder.operand(0), 8);
    const std::uint32_t top = decoder.stackTop();
    Op& op = decoder.emit(decoder.entry("mov.b64"));
    op.dst = d;
    op.a = top;
}

void decodeStackRestore(Decoder& decoder, Spelling spelling) {
    if (!spelling.take("u64")) decoder.refuse("addresses have 64 bits: stackrestore takes .u64");
    decoder.expectNothingLeft(spelling);
    decoder.expectOperands(1, 1);
    const std::uint32_t a = decoder.read(decoder.operand(0), 8);
    const std::uint32_t top = decoder.stackTop();
    Op& op = decoder.emit(decoder.entry("mov.b64"));
    op.dst = top;
    op.a = a;
}

}  // namespace quern::emulator
