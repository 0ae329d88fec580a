// Decoded code: what the decoder writes and warps run.
//
// A warp's registers are lane arrays in one block of bytes: register r of 4 bytes is uint32_t[32], one of 8 bytes
// uint64_t[32]; a predicate is one bit mask of 32 lanes. Operands are byte offsets into that block. Constants are
// lane arrays too, written once, so that an instruction need not know whether an operand is one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "counters.hpp"

namespace quern::emulator {

struct Warp;
struct Op;

/// Executes one instruction for the lanes in warp.mask, which is never empty.
using Handler = void (*)(Warp& warp, const Op& op);

constexpr int LANES = 32;
constexpr std::uint32_t ALL_LANES = 0xffffffff;

/// Register offsets that every program has.
constexpr std::uint32_t TRUE_PREDICATE = 0;    // always all lanes; the guard of an instruction without one
constexpr std::uint32_t CARRY = 64;            // the condition code of .cc
constexpr std::uint32_t SINK = 128;            // where `_` is written; 512 bytes
constexpr std::uint32_t FIRST_REGISTER = 640;  // others begin here

/// Pointers to functions are numbers that no memory has: function n of a module is at FUNCTION_WINDOW + 16 (n + 1).
constexpr std::uint64_t FUNCTION_WINDOW = std::uint64_t{0x7f} << 56;
constexpr std::uint64_t FUNCTION_STEP = 16;
inline std::uint64_t functionPointer(std::size_t number) {
    return FUNCTION_WINDOW + FUNCTION_STEP * (number + 1);
}

/// What the warp's loop does with an instruction besides calling its handler.
enum class Flow : std::uint8_t {
    NEXT,     // handler, then the next instruction
    BRANCH,   // to op.target
    INDEX,    // brx.idx: to more[index]
    CALL,     // to op.target; op.dst: where the callee keeps its return address
    POINTER,  // call of the function that op.a points to; op.dst as of CALL
    RETURN,   // to the address in op.a
    EXIT,     // the lanes end
    SYNC,     // handler, once all lanes of the mask in op.e have come here
    BARRIER,  // of the block; op.a: its number, op.b: how many threads
    ARRIVE,   // barrier that does not wait
    WARP,     // handler, by all 32 lanes at once: matrices; op.target: their FLOP
    POLL,     // handler; where it finds that lanes wait in vain (Warp::waits), the warp's turn ends soon
};

enum class Space : std::uint8_t { GLOBAL, SHARED, LOCAL, PARAMETER, GENERIC };

/// How an access or a fence orders others, and for whom. volatile is relaxed, and for the whole system.
enum class Order : std::uint8_t { WEAK, RELAXED, ACQUIRE, RELEASE, ACQ_REL };
enum class Reach : std::uint8_t { BLOCK, DEVICE, SYSTEM };

/// Op::site of what accesses no memory.
constexpr std::uint32_t NO_SITE = 0;

struct Op {
    Handler run = nullptr;
    std::int64_t imm = 0;  // displacement of an address, or what the handler says
    union {
        const std::uint32_t* more = nullptr;  // further operands: vectors, fragments, jump tables
        const Op* second;                     // of a copy, which has two addresses: its store
    };
    std::uint32_t dst = SINK;
    std::uint32_t dst2 = SINK;  // of d|p
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    std::uint32_t c = 0;
    std::uint32_t e = 0;
    std::uint32_t guard = TRUE_PREDICATE;
    std::uint32_t guardFlip = 0;  // all lanes where the guard is negated
    std::uint32_t target = 0;
    std::uint32_t site = NO_SITE;  // number of this memory access, for what a worker remembers of it
    std::int32_t line = 0;         // of the PTX
    Flow flow = Flow::NEXT;
    Space space = Space::GLOBAL;
    std::uint8_t bytes = 0;  // of one lane's access, all elements
    std::uint8_t count = 1;  // elements of a vector access
    bool store = false;
    bool constant = false;    // of constant memory: served by a cache of its own, which is not counted
    bool wide = true;         // the address register has 64 bits
    std::uint16_t flags = 0;  // what the handler says
    InstructionClass kind = InstructionClass::MOVE;
    Order order = Order::WEAK;
    Reach reach = Reach::DEVICE;
};

/// A special register that has one value a lane, filled when a warp starts.
enum class Special : std::uint8_t {
    TID_X,
    TID_Y,
    TID_Z,
    NTID_X,
    NTID_Y,
    NTID_Z,
    CTAID_X,
    CTAID_Y,
    CTAID_Z,
    NCTAID_X,
    NCTAID_Y,
    NCTAID_Z,
    LANEID,
    WARPID,
    NWARPID,
    SMID,
    NSMID,
    GRIDID,
    LANEMASK_EQ,
    LANEMASK_LE,
    LANEMASK_LT,
    LANEMASK_GE,
    LANEMASK_GT,
    DYNAMIC_SHARED_BYTES,
    TOTAL_SHARED_BYTES,
    DYNAMIC_SHARED_BASE,
    FRAME_POINTER,  // a lane's innermost frame on its stack, as an offset in local memory; grows upwards
    STACK_TOP,      // the last of what alloca gave out; grows downwards
    ZERO
};

struct SpecialRegister {
    Special which;
    std::uint32_t offset;
    std::uint32_t bytes;
};

struct Constant {
    std::uint64_t value;
    std::uint32_t offset;
    std::uint32_t bytes;  // 0: predicate
};

/// A place in a CUDA source, as .loc of the PTX (nvcc -lineinfo) has it.
struct SourceLine {
    std::string_view file;        // points into Program::source; empty: not known
    int line = 0;                 // from 1
    std::uint32_t inlinedAt = 0;  // in Program::sourceLines: the call whose callee was inlined; 0: none
};

/// The code of one kernel and of the functions it calls. Functions stand before their callers: a warp runs its lowest
/// address first, so lanes inside a call return before those behind it go on.
struct Program {
    std::vector<Op> code;
    std::uint32_t entry = 0;
    std::uint32_t registerBytes = 0;
    std::uint32_t localBytes = 0;         // without the stack, which begins behind it
    bool usesStack = false;               // calls a function that is framed, or has alloca
    std::uint32_t dynamicSharedBase = 0;  // where extern shared arrays begin
    std::uint32_t sites = 1;              // that of no memory access included
    std::vector<Constant> constants;
    std::vector<SpecialRegister> specials;
    std::vector<std::uint8_t> widths;      // bytes of the register in each 64 of the block; 0: predicate
    std::vector<std::uint32_t> functions;  // entry of each of the module's functions, for pointers to them
    std::vector<std::unique_ptr<std::uint32_t[]>> lists;  // what Op::more points into
    std::vector<std::unique_ptr<Op>> seconds;             // what Op::second points to; target: whose they are
    std::shared_ptr<const std::string> source;            // the module's PTX, for reports
    std::vector<SourceLine> sourceLines;      // the first: not known; none where the PTX has no .loc
    std::vector<std::uint32_t> sourceLineOf;  // for each instruction its place in sourceLines

    /// Where the function that a pointer names begins; NO_FUNCTION where it names none of this program.
    std::uint32_t functionAt(std::uint64_t pointer) const;
    static constexpr std::uint32_t NO_FUNCTION = ~std::uint32_t{0};

    /// Where in a CUDA source an instruction of `code` came from; line 0: the PTX does not say.
    SourceLine sourceLine(const Op& op) const;
    /// The same for people: "kernel.cu:12", "device.h:3 (inlined at kernel.cu:12)"; empty: the PTX does not say.
    std::string describeSource(const Op& op) const;

    /// Where the instruction stands, or the one whose second access it is.
    std::uint32_t indexOf(const Op& op) const {
        const bool inside = !std::less<>()(&op, code.data()) && std::less<>()(&op, code.data() + code.size());
        return inside ? static_cast<std::uint32_t>(&op - code.data()) : op.target;
    }

    /// Bytes of the register at this offset of the block; 0: predicate.
    std::uint32_t widthOf(std::uint32_t offset) const {
        return offset / 64 < widths.size() ? widths[offset / 64] : 0;
    }
};

}  // namespace quern::emulator
