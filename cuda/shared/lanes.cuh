// Over LANES neighbouring threads of a warp, a power of two, all of which get the result, in one fixed order: by halves.
#pragma once

namespace quern {

template <int LANES, typename N>
__device__ __forceinline__ N sumOfLanes(N x) {
#pragma unroll
    for (int lanes = LANES / 2; lanes > 0; lanes /= 2) {
        x += __shfl_xor_sync(0xffffffff, x, lanes);
    }
    return x;
}

/// NaN loses.
template <int LANES, typename N>
__device__ __forceinline__ N mostOfLanes(N x) {
#pragma unroll
    for (int lanes = LANES / 2; lanes > 0; lanes /= 2) {
        const N other = __shfl_xor_sync(0xffffffff, x, lanes);
        x = other > x ? other : x;
    }
    return x;
}

}  // namespace quern
