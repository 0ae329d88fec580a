// The table of all exported functions, generated from entry_points.txt.
#pragma once

#include <span>
#include <string_view>

namespace quern::driver {

/// One form of a function of the driver API.
struct EntryPoint {
    std::string_view base;  // what cuda.h calls the function, in any form: cuCtxCreate
    int since;              // the first CUDA version with this form: 12050
    std::string_view name;  // what it is exported as: cuCtxCreate_v4
    void* function;
};

/// All 64-bit forms that CUDA has had since 4.0, by base and, within it, from the oldest to the newest.
std::span<const EntryPoint> entryPoints();

}  // namespace quern::driver
