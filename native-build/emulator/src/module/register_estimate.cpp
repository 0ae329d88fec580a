#include "module/register_estimate.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace quern::emulator {

namespace {

constexpr std::uint32_t MOST_REGISTERS = 255;
// What the calling convention keeps for itself: the stack pointer, and a scratch register.
constexpr std::uint32_t RESERVED = 2;

struct Life {
    std::size_t first;
    std::size_t last;
    std::uint32_t words;
};

struct Loop {
    std::size_t first;
    std::size_t last;
};

class Scan {
  public:
    Scan(const ptx::Module& module, std::set<std::string_view>& open) : module_(module), open_(open) {}

    std::uint32_t of(const ptx::Function& function) {
        if (!open_.insert(function.name).second)
            return 0;  // recursion adds nothing that an estimate could know
        findLabels(function);
        scopes_.emplace_back();
        for (const ptx::Statement& statement : function.body) {
            visit(statement);
            ++at_;
        }
        extendOverLoops();
        open_.erase(function.name);
        return mostAlive() + callees_;
    }

  private:
    using Declared = std::map<std::string_view, const ptx::Variable*>;

    void findLabels(const ptx::Function& function) {
        for (std::size_t i = 0; i < function.body.size(); ++i) {
            if (const auto* label = std::get_if<ptx::Label>(&function.body[i])) labels_[label->name] = i;
        }
    }

    void visit(const ptx::Statement& statement) {
        if (std::holds_alternative<ptx::OpenScope>(statement)) {
            scopes_.emplace_back();
        } else if (std::holds_alternative<ptx::CloseScope>(statement)) {
            if (scopes_.size() > 1) scopes_.pop_back();
        } else if (const auto* variable = std::get_if<ptx::Variable>(&statement)) {
            if (variable->space == ptx::StateSpace::REGISTER) scopes_.back()[variable->name] = variable;
        } else if (const auto* instruction = std::get_if<ptx::Instruction>(&statement)) {
            if (!instruction->guard.empty()) mention(instruction->guard);
            for (const ptx::Operand& operand : instruction->operands) mention(operand);
            if (instruction->opcode.starts_with("bra")) closeLoop(*instruction);
            if (instruction->opcode.starts_with("call")) enter(*instruction);
        }
    }

    void mention(const ptx::Operand& operand) {
        if (!operand.name.empty()) mention(operand.name);
        for (const ptx::Operand& element : operand.elements) mention(element);
    }

    void mention(std::string_view name) {
        const ptx::Variable* const variable = declarationOf(name);
        if (variable == nullptr || variable->type.letter == 'p')
            return;  // predicates have registers of their own
        const auto bits = static_cast<std::uint32_t>(variable->type.bits * variable->vectorLength);
        const auto [life, fresh] = lives_.try_emplace({variable, name}, Life{at_, at_, (bits + 31) / 32});
        if (!fresh) life->second.last = at_;
    }

    const ptx::Variable* declarationOf(std::string_view name) const {
        const std::size_t digits = name.find_last_not_of("0123456789") + 1;
        for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
            if (const auto found = scope->find(name); found != scope->end()) return found->second;
            const auto range = scope->find(name.substr(0, digits));  // %r<8> declares %r0 to %r7
            if (digits < name.size() && range != scope->end() && range->second->rangeCount != 0)
                return range->second;
        }
        return nullptr;
    }

    void closeLoop(const ptx::Instruction& branch) {
        if (branch.operands.empty()) return;
        const auto label = labels_.find(branch.operands[0].name);
        if (label != labels_.end() && label->second < at_) loops_.push_back({label->second, at_});
    }

    void enter(const ptx::Instruction& call) {
        for (const ptx::Operand& operand : call.operands) {
            for (const ptx::Function& function : module_.functions) {
                if (function.defined && function.name == operand.name)
                    callees_ = std::max(callees_, Scan(module_, open_).of(function));
            }
        }
    }

    // What is alive where a loop begins and is used in it is needed again in its next round.
    void extendOverLoops() {
        for (bool changed = true; changed;) {
            changed = false;
            for (const Loop& loop : loops_) {
                for (auto& [name, life] : lives_) {
                    if (life.first >= loop.first || life.last < loop.first || life.last >= loop.last)
                        continue;
                    life.last = loop.last;
                    changed = true;
                }
            }
        }
    }

    // An instruction may write to the register of an operand that it is the last to read.
    std::uint32_t mostAlive() const {
        std::map<std::size_t, std::int64_t> changes;
        for (const auto& [name, life] : lives_) {
            changes[life.first] += life.words;
            changes[life.last] -= life.words;
        }
        std::int64_t alive = 0;
        std::int64_t most = 0;
        for (const auto& [at, change] : changes) most = std::max(most, alive += change);
        return static_cast<std::uint32_t>(most);
    }

    const ptx::Module& module_;
    std::set<std::string_view>& open_;  // functions on the way here
    std::map<std::string_view, std::size_t> labels_;
    std::vector<Declared> scopes_;
    std::map<std::pair<const ptx::Variable*, std::string_view>, Life> lives_;
    std::vector<Loop> loops_;
    std::uint32_t callees_ = 0;  // of those called, the one that needs most
    std::size_t at_ = 0;
};

}  // namespace

std::uint32_t estimateRegisters(const ptx::Function& kernel, const ptx::Module& module) {
    std::set<std::string_view> open;
    return std::min(MOST_REGISTERS, Scan(module, open).of(kernel) + RESERVED);
}

}  // namespace quern::emulator
