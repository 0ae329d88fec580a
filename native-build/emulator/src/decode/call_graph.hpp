// Which functions of a module call which, and which of them need a frame on a stack.
//
// A function that is in use only once at a time has its registers and its local memory to itself, for the whole launch.
// One that may call itself again, or that is called through a pointer, is framed: its local memory is on the lane's
// stack, and its registers are saved there while something that may come back to it runs.
#pragma once

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "decode/symbols.hpp"
#include "ptx/ast.hpp"

namespace quern::emulator {

class CallGraph {
  public:
    /// Functions are told apart by their definitions; `globals` knows their names.
    CallGraph(const ptx::Module& module, const Scope& globals);

    bool isFramed(const ptx::Function& function) const { return framed_.contains(&function); }
    /// What `entry` may call, directly or not, and itself: callees before callers, as far as there is no cycle.
    std::vector<const ptx::Function*> reachable(const ptx::Function& entry) const;

  private:
    struct Node {
        std::vector<const ptx::Function*> callees;
        bool callsIndirectly = false;
    };

    void visit(const ptx::Function& function, const Scope& globals);
    void findAddressTaken(const ptx::Module& module, const Scope& globals);
    void findCycles(const ptx::Module& module);

    std::unordered_map<const ptx::Function*, Node> nodes_;
    std::vector<const ptx::Function*> addressTaken_;
    std::unordered_set<const ptx::Function*> framed_;
};

/// The function that a call names; null for an indirect one and for instructions that are no calls.
const ptx::Operand* calleeOf(const ptx::Instruction& instruction);

}  // namespace quern::emulator
