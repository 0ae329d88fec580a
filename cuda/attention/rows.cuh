// Rows of tensors of any rank and strides, as io.quern.attention.CudaRows writes them.
#pragma once

#include "dtype.cuh"

namespace quern::attention {

/// Vectors along the last axis, which is contiguous, counted row-major over the others: of these, AXES have more than one
/// index and cannot be counted as one with the next. Unused ones have size 1 and come first.
template <typename T>
struct AnyRows {
    static constexpr int AXES = 6;
    T* base;  // null where there is no tensor
    int64_t sizes[AXES], strides[AXES];

    __device__ __forceinline__ T* at(int64_t row) const {
        int64_t element = 0;
#pragma unroll
        for (int axis = AXES - 1; axis >= 0; axis--) {
            if (sizes[axis] > 1) {
                const int64_t rest = row / sizes[axis];
                element += (row - rest * sizes[axis]) * strides[axis];
                row = rest;
            }
        }
        return base + element;
    }
};

}  // namespace quern::attention
