// Table of packed.cpp.
#pragma once

#include "exec/table.hpp"

namespace quern::emulator {

Entries packedTable();

}  // namespace quern::emulator
