// One text through the loader and, where it loads, through a short run.
#pragma once

#include <string_view>

namespace quern::emulator {

/// Loads the text and launches its kernels within a small budget. False where it does not load. Throws nothing.
bool loadOnce(std::string_view text);

}  // namespace quern::emulator
