// From the syntax tree of one kernel to its Program.
//
// A kernel's program holds its own code and that of every function it calls, each function once. decoder.cpp goes
// through functions and instructions; operands, declarations and special registers have files of their own. Families of
// instructions are decoded by functions in family_*.cpp, which opcodes.cpp lists; an opcode it does not list must be in
// the instruction table as spelled.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/call_graph.hpp"
#include "decode/spelling.hpp"
#include "decode/symbols.hpp"
#include "exec/program.hpp"
#include "exec/table.hpp"
#include "module/module.hpp"
#include "ptx/ast.hpp"

namespace quern::emulator {

/// The module around a kernel while it is decoded.
struct ModuleContext {
    std::shared_ptr<const std::string> source;
    Scope* globals = nullptr;  // global and constant variables, functions
    const ptx::Module* module = nullptr;
    const CallGraph* calls = nullptr;
    std::uint32_t constantBytes = 0;
};

class Decoder {
  public:
    Decoder(const ModuleContext& context, Kernel& kernel);

    /// Decodes `entry` and what it calls, and completes the kernel. Throws LoadError.
    void decode(const ptx::Function& entry);

    // For the families.

    [[noreturn]] void refuse(const std::string& message) const { refuse(message, instruction_->place); }
    [[noreturn]] void refuse(const std::string& message, ptx::Place place) const;

    const ptx::Instruction& instruction() const { return *instruction_; }
    const std::vector<ptx::Operand>& operands() const { return instruction_->operands; }
    const ptx::Operand& operand(std::size_t i) const { return instruction_->operands[i]; }
    void expectOperands(std::size_t least, std::size_t most) const;
    /// Fails the load where modifiers are left.
    void expectNothingLeft(const Spelling& spelling) const;

    /// The entry of a key; fails the load where the table has none: then nothing implements the instruction.
    const Entry& entry(const std::string& key) const;

    /// A new instruction that has the guard of the PTX instruction being decoded.
    Op& emit(const Entry& entry);
    Op& emit(Flow flow, InstructionClass kind);

    /// Offset of a source operand of `bytes` (0: predicate). A constant becomes one of the program's.
    std::uint32_t read(const ptx::Operand& operand, std::uint32_t bytes, char type = 'b');
    std::uint32_t write(const ptx::Operand& operand, std::uint32_t bytes);
    /// A register as wide as it is declared, at least `bytes`; constants have `bytes`. Sets `bytes` to the width.
    std::uint32_t readWide(const ptx::Operand& operand, std::uint32_t& bytes, char type = 'b');
    std::uint32_t writeWide(const ptx::Operand& operand, std::uint32_t& bytes);
    /// The two registers of 64 bits that a register of 128 bits is, the lower first.
    std::array<std::uint32_t, 2> halves(const ptx::Operand& operand);
    /// The address operand: sets a, imm, wide and, where the name decides it, the space.
    void address(Op& op, const ptx::Operand& operand);
    /// "d|p": the two destinations; without p the second is the sink.
    void pair(const ptx::Operand& operand, std::uint32_t bytes, Op& op);

    std::uint32_t constant(std::uint64_t value, std::uint32_t bytes);
    std::uint32_t special(Special which, std::uint32_t bytes);
    std::uint32_t temporary(std::uint32_t bytes);
    std::int64_t integer(const ptx::Operand& operand) const;
    const std::uint32_t* list(const std::vector<std::uint32_t>& values);
    std::uint32_t newSite() { return program_->sites++; }
    /// Gives the instruction that was emitted last a second access.
    void addSecond(Op& op, const Op& second) {
        op.target = program_->indexOf(op);
        program_->seconds.push_back(std::make_unique<Op>(second));
        program_->seconds.back()->target = op.target;
        op.second = program_->seconds.back().get();
    }

    /// Address and bytes of each constant variable of the module, in words of 32 bits: how many variables, then four each.
    const std::uint32_t* constantVariables();
    const Symbol* find(std::string_view name) const { return scope_->find(name); }
    /// As find, and variables of the module's shared memory get their place when they are first named.
    const Symbol& resolve(const ptx::Operand& operand);
    /// The instruction goes to this label of the current scope, once all labels are known.
    void branchTo(Op& op, std::string_view label);
    /// The addresses of labels of the current scope, for Op::more; complete once all labels are known.
    const std::uint32_t* branchList(const std::vector<std::string_view>& labels);
    /// What a .branchtargets list of this name has.
    const std::vector<std::string_view>& branchTargets(const ptx::Operand& name) const;

    struct CalledFunction {
        std::uint32_t entry = 0;
        std::uint32_t returnAddress = 0;
        std::vector<Symbol> results;
        std::vector<Symbol> parameters;
        bool framed = false;
        std::uint64_t frameBytes = 0;
        std::uint32_t stackTop =
            0;  // where a function with alloca keeps the stack's top for its return; 0: none
        std::vector<std::uint32_t> saved;  // registers: offset and bytes of each, in turn
        std::vector<std::pair<Symbol, Symbol>>
            copies;  // of a framed function: results in registers, and their slots
    };
    /// Every function that can be called from here, in the order of decoding; refuses one without a definition.
    CalledFunction& called(const ptx::Function& function);
    CalledFunction& current() { return *current_; }
    bool inEntry() const { return inEntry_; }
    /// What a .callprototype or .calltargets of this name has.
    const ptx::CallPrototype& callPrototype(const ptx::Operand& name) const;

    // Frames. The frame pointer is a register of each lane, and so is the address that a framed function returns to.
    std::uint32_t framePointer() { return special(Special::FRAME_POINTER, 8); }
    std::uint32_t stackTop() { return special(Special::STACK_TOP, 8); }
    std::uint32_t linkRegister();
    /// Adds the frame of the function being decoded to the displacement of this instruction, once its size is known.
    void addFrameTo(Op& op, int sign = 1);
    /// The registers of the function being decoded, for this instruction, once all are known.
    void listSavedFor(Op& op);
    /// An instruction that copies between a register and local memory, and does not count as access to memory.
    Op& emitLocal(bool store, std::uint32_t bytes, std::uint32_t reg, const Symbol& symbol,
                  std::int64_t offset);
    /// The instruction is in the table as it is spelled.
    void asSpelled() { decodeSpelled(*instruction_); }
    void useStack() { program_->usesStack = true; }
    /// The entry that the callee of this instruction will have.
    void callTo(Op& op, const ptx::Function& function);

  private:
    struct Fixup {
        std::size_t op;
        std::uint32_t* slot;  // null: the op's target
        std::string_view label;
        const Scope* scope;
        ptx::Place place;
    };

    void decodeEntry(const ptx::Function& function);
    void decodeCallee(const ptx::Function& function);
    void keepStackTop();
    void decodeFunction(const ptx::Function& function, bool entry);
    void decodeBody(const ptx::Function& function);
    void decodeInstruction(const ptx::Instruction& instruction);
    void decodeSpelled(const ptx::Instruction& instruction);
    void declare(const ptx::Variable& variable);
    void declareParameters(const ptx::Function& function, CalledFunction& called);
    void noteWidth(std::uint32_t offset, std::uint32_t bytes, std::uint32_t count);
    void declareFrame(const ptx::Function& function, CalledFunction& called);
    void resolveCalls();
    Symbol declareRegister(const ptx::Variable& variable);
    const Symbol* specialSymbol(std::string_view name);
    const Symbol* constantSymbol(std::string_view name);
    const Symbol* environmentRegister(std::string_view name);
    std::int64_t elementOffset(const ptx::Operand& operand, const Symbol& symbol) const;
    std::uint32_t constantOperand(const ptx::Operand& operand, std::uint32_t bytes, char type);
    void takeSourceLines();
    void finish();

    const ModuleContext& context_;
    Kernel& kernel_;
    std::shared_ptr<Program> program_;
    Layout registers_{FIRST_REGISTER};
    Layout shared_;
    Layout local_;
    std::uint64_t dynamicAlign_ = 16;
    Scope kernelScope_;         // shared variables of the module, as this kernel lays them out
    std::deque<Scope> scopes_;  // of function bodies; kept for the fixups
    Scope* scope_ = nullptr;
    const ptx::Instruction* instruction_ = nullptr;
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint32_t> constants_;
    std::map<std::pair<int, std::uint32_t>, std::uint32_t> specials_;
    std::map<std::string_view, Symbol> specialSymbols_;
    std::vector<Fixup> fixups_;
    std::map<std::string_view, std::vector<std::string_view>> branchTargets_;  // of the current function
    std::vector<Scope*> open_;                                          // scopes around the current one
    std::map<std::string_view, const ptx::CallPrototype*> prototypes_;  // of the current function
    std::vector<const ptx::Function*> order_;                           // callees before callers
    std::map<const ptx::Function*, CalledFunction> called_;
    struct FrameFixup {
        std::size_t op;
        const CalledFunction* function;
        int sign;
    };
    std::vector<FrameFixup> frameFixups_;
    std::vector<std::pair<std::size_t, const CalledFunction*>> savedFixups_;
    std::vector<std::pair<std::size_t, const CalledFunction*>> callFixups_;
    Layout frame_;  // local memory of the current function, if it is framed
    std::uint64_t frameAlign_ = 16;
    std::uint32_t link_ = 0;
    CalledFunction* current_ = nullptr;
    bool inEntry_ = false;
};

using FamilyDecoder = void (*)(Decoder& decoder, Spelling spelling);

/// The decoder of an opcode's family; null for opcodes that are looked up as spelled.
FamilyDecoder familyOf(std::string_view opcode);

// The families.
void decodeLoad(Decoder& decoder, Spelling spelling);
void decodeStore(Decoder& decoder, Spelling spelling);
void decodeAtomic(Decoder& decoder, Spelling spelling);
void decodeAddressConversion(Decoder& decoder, Spelling spelling);
void decodeIsSpace(Decoder& decoder, Spelling spelling);
void decodePrefetch(Decoder& decoder, Spelling spelling);
void decodeMove(Decoder& decoder, Spelling spelling);
void decodeConversion(Decoder& decoder, Spelling spelling);
void decodeCompare(Decoder& decoder, Spelling spelling);
void decodeSet(Decoder& decoder, Spelling spelling);
void decodeSelect(Decoder& decoder, Spelling spelling);
void decodeSelectBySign(Decoder& decoder, Spelling spelling);
void decodeLookUp3(Decoder& decoder, Spelling spelling);
void decodeBranch(Decoder& decoder, Spelling spelling);
void decodeIndexedBranch(Decoder& decoder, Spelling spelling);
void decodeCall(Decoder& decoder, Spelling spelling);
void decodeAlloca(Decoder& decoder, Spelling spelling);
void decodeStackSave(Decoder& decoder, Spelling spelling);
void decodeStackRestore(Decoder& decoder, Spelling spelling);
void decodeReturn(Decoder& decoder, Spelling spelling);
void decodeExit(Decoder& decoder, Spelling spelling);
void decodeTrap(Decoder& decoder, Spelling spelling);
void decodeNanosleep(Decoder& decoder, Spelling spelling);
void decodeBarrier(Decoder& decoder, Spelling spelling);
void decodeAsyncCopy(Decoder& decoder, Spelling spelling);
void decodeMbarrier(Decoder& decoder, Spelling spelling);
void decodeLoadMatrix(Decoder& decoder, Spelling spelling);
void decodeStoreMatrix(Decoder& decoder, Spelling spelling);
void decodeMoveMatrix(Decoder& decoder, Spelling spelling);
void decodeMma(Decoder& decoder, Spelling spelling);
void decodeWmma(Decoder& decoder, Spelling spelling);
void decodeFence(Decoder& decoder, Spelling spelling);
void decodeShuffle(Decoder& decoder, Spelling spelling);
void decodeVote(Decoder& decoder, Spelling spelling);
void decodeMatch(Decoder& decoder, Spelling spelling);
void decodeReduction(Decoder& decoder, Spelling spelling);
void decodeVideo(Decoder& decoder, Spelling spelling);
void decodeVideoProduct(Decoder& decoder, Spelling spelling);
void decodePolicy(Decoder& decoder, Spelling spelling);
void decodeHint(Decoder& decoder, Spelling spelling);
void decodeMapAddress(Decoder& decoder, Spelling spelling);
void decodeElect(Decoder& decoder, Spelling spelling);
void decodeTexture(Decoder& decoder, Spelling spelling);
void decodeActiveMask(Decoder& decoder, Spelling spelling);

}  // namespace quern::emulator
