#include "decode/call_graph.hpp"

#include <algorithm>

namespace quern::emulator {

namespace {

bool isCall(const ptx::Instruction& instruction) {
    return instruction.opcode.starts_with("call") &&
           (instruction.opcode.size() == 4 || instruction.opcode[4] == '.');
}

const ptx::Function* functionNamed(const Scope& globals, std::string_view name) {
    const Symbol* symbol = globals.find(name);
    return symbol != nullptr && symbol->kind == SymbolKind::FUNCTION ? symbol->function : nullptr;
}

}  // namespace

const ptx::Operand* calleeOf(const ptx::Instruction& instruction) {
    if (!isCall(instruction)) return nullptr;
    for (const ptx::Operand& operand : instruction.operands) {
        if (operand.kind == ptx::OperandKind::NAME) return &operand;
    }
    return nullptr;
}

CallGraph::CallGraph(const ptx::Module& module, const Scope& globals) {
    for (const ptx::Function& function : module.functions) visit(function, globals);
    if (module.callsIndirectly) findAddressTaken(module, globals);
    findCycles(module);
}

void CallGraph::visit(const ptx::Function& function, const Scope& globals) {
    if (!function.defined) return;
    Node& node = nodes_[&function];
    for (const ptx::Statement& statement : function.body) {
        const auto* instruction = std::get_if<ptx::Instruction>(&statement);
        const ptx::Operand* callee = instruction == nullptr ? nullptr : calleeOf(*instruction);
        if (callee == nullptr) continue;
        const ptx::Function* called = functionNamed(globals, callee->name);
        if (called == nullptr) {
            node.callsIndirectly = true;  // or a name that nobody knows: refused where it is decoded
        } else if (called->defined && !called->entry &&
                   std::find(node.callees.begin(), node.callees.end(), called) == node.callees.end()) {
            node.callees.push_back(called);
        }
    }
}

/// Functions that are named other than by a call: a pointer to them may be anywhere.
void CallGraph::findAddressTaken(const ptx::Module& module, const Scope& globals) {
    std::unordered_set<const ptx::Function*> found;
    const auto take = [&](const ptx::Operand& operand) {
        if (operand.kind != ptx::OperandKind::NAME) return;
        const ptx::Function* function = functionNamed(globals, operand.name);
        if (function != nullptr && function->defined && !function->entry) found.insert(function);
    };
    for (const ptx::Variable& variable : module.variables) {
        for (const ptx::InitialValue& value : variable.initial) take(value.operand);
    }
    for (const ptx::Function& function : module.functions) {
        for (const ptx::Statement& statement : function.body) {
            const auto* instruction = std::get_if<ptx::Instruction>(&statement);
            if (instruction == nullptr || isCall(*instruction)) continue;
            for (const ptx::Operand& operand : instruction->operands) take(operand);
        }
    }
    for (const ptx::Function& function : module.functions) {
        if (found.contains(&function)) addressTaken_.push_back(&function);
    }
    framed_.insert(found.begin(), found.end());
}

/// Tarjan's strongly connected components: more than one function, or one that calls itself.
void CallGraph::findCycles(const ptx::Module& module) {
    struct Visit {
        const ptx::Function* function;
        std::size_t next;
    };
    struct Mark {
        std::size_t number = 0;
        std::size_t lowest = 0;
        bool open = false;
    };
    std::unordered_map<const ptx::Function*, Mark> marks;
    std::vector<const ptx::Function*> open;
    std::vector<Visit> path;  // not the machine's stack: a module may nest calls as deeply as it likes
    std::size_t count = 0;
    const auto calleeAt = [&](const Node& node, std::size_t i) -> const ptx::Function* {
        if (i < node.callees.size()) return node.callees[i];
        i -= node.callees.size();
        return node.callsIndirectly && i < addressTaken_.size() ? addressTaken_[i] : nullptr;
    };
    const auto enter = [&](const ptx::Function* function) {
        count++;
        marks[function] = {count, count, true};
        open.push_back(function);
        path.push_back({function, 0});
    };
    for (const ptx::Function& root : module.functions) {
        if (!root.defined || marks.contains(&root)) continue;
        enter(&root);
        while (!path.empty()) {
            const ptx::Function* function = path.back().function;
            const ptx::Function* callee = calleeAt(nodes_[function], path.back().next++);
            if (callee != nullptr) {
                if (callee == function) framed_.insert(function);
                if (!marks.contains(callee)) {
                    enter(callee);
                } else if (marks[callee].open) {
                    marks[function].lowest = std::min(marks[function].lowest, marks[callee].number);
                }
                continue;
            }
            const Mark mark = marks[function];
            path.pop_back();
            if (!path.empty()) {
                Mark& caller = marks[path.back().function];
                caller.lowest = std::min(caller.lowest, mark.lowest);
            }
            if (mark.lowest != mark.number) continue;
            const bool isCycle = open.back() != function;
            const ptx::Function* member = nullptr;
            do {
                member = open.back();
                open.pop_back();
                marks[member].open = false;
                if (isCycle) framed_.insert(member);
            } while (member != function);
        }
    }
}

std::vector<const ptx::Function*> CallGraph::reachable(const ptx::Function& entry) const {
    struct Visit {
        const ptx::Function* function;
        std::size_t next;
    };
    std::vector<const ptx::Function*> order;
    std::unordered_set<const ptx::Function*> seen;
    std::vector<Visit> path;
    const auto enter = [&](const ptx::Function* function) {
        if (seen.insert(function).second) path.push_back({function, 0});
    };
    enter(&entry);
    while (!path.empty()) {
        const ptx::Function* function = path.back().function;
        const Node& node = nodes_.at(function);
        const std::size_t next = path.back().next++;
        if (node.callsIndirectly && next < addressTaken_.size()) {
            enter(addressTaken_[next]);
        } else if (const std::size_t i = next - (node.callsIndirectly ? addressTaken_.size() : 0);
                   i < node.callees.size()) {
            enter(node.callees[i]);
        } else {
            order.push_back(function);
            path.pop_back();
        }
    }
    return order;
}

}  // namespace quern::emulator
