#include "counters.hpp"

namespace quern::emulator {

namespace {

GlobalTraffic& operator+=(GlobalTraffic& sum, const GlobalTraffic& other) {
    sum.requests += other.requests;
    sum.sectors += other.sectors;
    sum.bytes += other.bytes;
    return sum;
}

SharedTraffic& operator+=(SharedTraffic& sum, const SharedTraffic& other) {
    sum.requests += other.requests;
    sum.wavefronts += other.wavefronts;
    sum.idealWavefronts += other.idealWavefronts;
    return sum;
}

}  // namespace

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

Counters& Counters::operator+=(const Counters& other) {
    globalLoads += other.globalLoads;
    globalStores += other.globalStores;
    sharedLoads += other.sharedLoads;
    sharedStores += other.sharedStores;
    atomicRequests += other.atomicRequests;
    matrixFlop += other.matrixFlop;
    barriers += other.barriers;
    divergentBranches += other.divergentBranches;
    warpInstructions += other.warpInstructions;
    for (std::size_t c = 0; c < INSTRUCTION_CLASSES; c++) ptxInstructions[c] += other.ptxInstructions[c];
    return *this;
}

}  // namespace quern::emulator
