#include "counters.hpp"

namespace quern::emulator {

const char* nameOf(InstructionClass instructionClass) {
    switch (instructionClass) {
        case InstructionClass::INTEGER: return "integer";
        case InstructionClass::FP16: return "fp16";
        case InstructionClass::FP32: return "fp32";
        case InstructionClass::FP64: return "fp64";
        case InstructionClass::SPECIAL: return "special";
        case InstructionClass::CONVERT: return "convert";
        case InstructionClass::COMPARE: return "compare";
        case InstructionClass::LOGIC: return "logic";
        case InstructionClass::MOVE: return "move";
        case InstructionClass::MEMORY: return "memory";
        case InstructionClass::ATOMIC: return "atomic";
        case InstructionClass::CONTROL: return "control";
        case InstructionClass::WARP: return "warp";
        case InstructionClass::BARRIER: return "barrier";
        case InstructionClass::MATRIX: return "matrix";
        case InstructionClass::COUNT: break;
    }
    return "unknown";
}

SectorTraffic& SectorTraffic::operator+=(const SectorTraffic& other) {
    requests += other.requests;
    sectors += other.sectors;
    bytes += other.bytes;
    return *this;
}

SharedTraffic& SharedTraffic::operator+=(const SharedTraffic& other) {
    requests += other.requests;
    wavefronts += other.wavefronts;
    idealWavefronts += other.idealWavefronts;
    bytes += other.bytes;
    return *this;
}

AtomicTraffic& AtomicTraffic::operator+=(const AtomicTraffic& other) {
    requests += other.requests;
    operations += other.operations;
    sectors += other.sectors;
    turns += other.turns;
    return *this;
}

Traffic& Traffic::operator+=(const Traffic& other) {
    global += other.global;
    local += other.local;
    shared += other.shared;
    globalAtomics += other.globalAtomics;
    sharedAtomics += other.sharedAtomics;
    return *this;
}

Executions& Executions::operator+=(const Executions& other) {
    warps += other.warps;
    threads += other.threads;
    divergent += other.divergent;
    return *this;
}

void Counters::add(const Traffic& traffic, bool store) {
    (store ? globalStores : globalLoads) += traffic.global;
    (store ? localStores : localLoads) += traffic.local;
    (store ? sharedStores : sharedLoads) += traffic.shared;
    globalAtomics += traffic.globalAtomics;
    sharedAtomics += traffic.sharedAtomics;
}

Counters& Counters::operator+=(const Counters& other) {
    globalLoads += other.globalLoads;
    globalStores += other.globalStores;
    localLoads += other.localLoads;
    localStores += other.localStores;
    sharedLoads += other.sharedLoads;
    sharedStores += other.sharedStores;
    globalAtomics += other.globalAtomics;
    sharedAtomics += other.sharedAtomics;
    matrixFlop += other.matrixFlop;
    barriers += other.barriers;
    branches += other.branches;
    divergentBranches += other.divergentBranches;
    warpInstructions += other.warpInstructions;
    for (std::size_t c = 0; c < INSTRUCTION_CLASSES; c++) ptxInstructions[c] += other.ptxInstructions[c];
    return *this;
}

}  // namespace quern::emulator
