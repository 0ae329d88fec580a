// Names and texts of CUresult values.
#pragma once

#include <string_view>

#include "driver/cuda_types.hpp"

namespace quern::driver {

struct ResultText {
    int code;
    const char* name;
    const char* text;
};

/// The entry for a code, or nullptr if the driver API has no such code.
const ResultText* findResult(int code);

/// The entry of a name, or nullptr.
const ResultText* findResultNamed(std::string_view name);

/// "CUDA_ERROR_INVALID_VALUE", or "unknown result" for a code that does not exist.
const char* nameOf(CUresult code);

}  // namespace quern::driver
