// The driver API's descriptions of two- and three-dimensional copies, checked and brought to Copy.
#pragma once

#include "driver/call.hpp"
#include "driver/copy.hpp"

namespace quern::driver {

Copy copyOf(const Call& call, const CUDA_MEMCPY2D* parameters);
Copy copyOf(const Call& call, const CUDA_MEMCPY3D* parameters);

}  // namespace quern::driver
