// Op::flags of setp: how a comparison is combined with another predicate.
#pragma once

#include <cstdint>

namespace quern::emulator {

enum CompareFlags : std::uint16_t {
    COMBINE_NONE = 0,
    COMBINE_AND = 1,
    COMBINE_OR = 2,
    COMBINE_XOR = 3,
    COMBINE_MASK = 3,
    COMBINE_NEGATED = 4,  // the other predicate is complemented
    COMBINE_SECOND = 8,   // op.dst2 gets the complement of the comparison, combined likewise
};

}  // namespace quern::emulator
