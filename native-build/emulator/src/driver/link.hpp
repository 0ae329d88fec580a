// A link in progress.
#pragma once

#include <string>
#include <vector>

#include "driver/jit_options.hpp"

namespace quern::driver {

class Link {
  public:
    struct Input {
        std::string text;
        int target;  // capability
    };

    JitOptions jit;
    std::vector<Input> inputs;
    std::string image;  // what cuLinkComplete made; empty before
};

}  // namespace quern::driver
