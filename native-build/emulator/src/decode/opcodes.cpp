// Which opcodes have a decoder of their own.
#include <unordered_map>

#include "decode/decoder.hpp"

namespace quern::emulator {

FamilyDecoder familyOf(std::string_view opcode) {
    static const std::unordered_map<std::string_view, FamilyDecoder> families = {
        {"ld", decodeLoad},
        {"ldu", decodeLoad},
        {"st", decodeStore},
        {"atom", decodeAtomic},
        {"red", decodeAtomic},
        {"cvta", decodeAddressConversion},
        {"isspacep", decodeIsSpace},
        {"prefetch", decodePrefetch},
        {"prefetchu", decodePrefetch},
        {"mov", decodeMove},
        {"cvt", decodeConversion},
        {"setp", decodeCompare},
        {"set", decodeSet},
        {"selp", decodeSelect},
        {"slct", decodeSelectBySign},
        {"lop3", decodeLookUp3},
        {"bra", decodeBranch},
        {"brx", decodeIndexedBranch},
        {"call", decodeCall},
        {"ret", decodeReturn},
        {"exit", decodeExit},
        {"trap", decodeTrap},
        {"brkpt", decodeTrap},
        {"nanosleep", decodeNanosleep},
        {"bar", decodeBarrier},
        {"barrier", decodeBarrier},
        {"membar", decodeFence},
        {"fence", decodeFence},
        {"shfl", decodeShuffle},
        {"vote", decodeVote},
        {"alloca", decodeAlloca},
        {"stacksave", decodeStackSave},
        {"stackrestore", decodeStackRestore},
        {"match", decodeMatch},
        {"redux", decodeReduction},
        {"activemask", decodeActiveMask},
        {"cp", decodeAsyncCopy},
        {"mbarrier", decodeMbarrier},
        {"ldmatrix", decodeLoadMatrix},
        {"stmatrix", decodeStoreMatrix},
        {"movmatrix", decodeMoveMatrix},
        {"mma", decodeMma},
        {"wmma", decodeWmma},
    };
    const auto found = families.find(opcode);
    return found == families.end() ? nullptr : found->second;
}

}  // namespace quern::emulator
