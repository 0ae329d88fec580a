// The table of all exported functions, generated from jcuda_symbols.txt and extra_symbols.txt.
#pragma once

#include <string_view>

namespace quern::driver {

/// The function of exactly this name, or nullptr.
void* entryPointNamed(std::string_view name);

}  // namespace quern::driver
