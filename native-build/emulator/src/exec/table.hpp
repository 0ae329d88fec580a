// The instruction table: which handler executes which spelling.
//
// Each file of this folder that executes a family of instructions ends in its part of the table. Arithmetic is listed
// as PTX spells it ("add.rn.ftz.f32"); families with many modifiers (loads, conversions ...) are listed by a key that
// their decoder makes of the spelling. Files are compiled once for each level of x86-64 that pays, in a namespace of
// its own, and the level of the machine chosen when the library starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exec/program.hpp"

namespace quern::emulator {

struct Entry {
    const char* spelling;
    /// Types of destination and sources, "d=ab": p predicate, h 16 bits, w 32 bits, d 64 bits, f FP32, F FP64
    /// (the last two differ from w and d in the constants they take). nullptr: what the family's decoder says.
    const char* operands;
    Handler run;
    InstructionClass kind;
    std::uint16_t flags = 0;
};

struct Entries {
    const Entry* begin;
    std::size_t count;
};

/// The level of x86-64 whose handlers are used: 2, 3 or 4; QUERN_EMULATOR_LEVEL lowers it.
int level();

/// The entry of a spelling or key, for the machine's level; null where there is none.
const Entry* findEntry(std::string_view spelling);

// The families of one level; each level defines all of them.
#define QUERN_FAMILIES(X) \
    X(integerTable)       \
    X(float32Table)       \
    X(float64Table)       \
    X(halfTable)          \
    X(convertTable) X(compareTable) X(logicTable) X(moveTable) X(matrixTable) X(memoryTable) X(specialTable)

#define QUERN_DECLARE(name) Entries name();
namespace v2 {
QUERN_FAMILIES(QUERN_DECLARE)
}
namespace v3 {
QUERN_FAMILIES(QUERN_DECLARE)
}
namespace v4 {
QUERN_FAMILIES(QUERN_DECLARE)
}
#undef QUERN_DECLARE

// Families that gain nothing from wider vectors.
Entries asyncCopyTable();
Entries atomicTable();
Entries collectiveTable();
Entries controlTable();
Entries matrixMoveTable();
Entries mbarrierTable();
Entries runtimeTable();

}  // namespace quern::emulator
