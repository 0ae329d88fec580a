// Tokens to syntax tree.
#pragma once

#include <string_view>

#include "ptx/ast.hpp"

namespace quern::emulator::ptx {

/// The tree points into `source`. Throws LoadError at the first thing that is not PTX.
Module parse(std::string_view source);

}  // namespace quern::emulator::ptx
