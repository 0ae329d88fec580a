// A cache in pages: appending to it, and laying it out for kernels that do not
// read pages. PagedCuda.java launches them.

#include "paged.cuh"

using namespace quern;

// Export table: the types of the cache and of what is beside it.
#define QUERN_ATTENTION_PAGED(T, BESIDE)                                                             \
    extern "C" __global__ void __launch_bounds__(32 * attention::PAGED_WARPS)                        \
        attention_append_##T##_##BESIDE(const __grid_constant__ attention::PagedCopy<BESIDE, T> a) { \
        attention::append(a);                                                                        \
    }                                                                                                \
    extern "C" __global__ void __launch_bounds__(32 * attention::PAGED_WARPS)                        \
        attention_gather_##T##_##BESIDE(const __grid_constant__ attention::PagedCopy<T, BESIDE> a) { \
        attention::gather(a);                                                                        \
    }

QUERN_ATTENTION_PAGED(fp64, fp64)
QUERN_ATTENTION_PAGED(fp32, fp32)
QUERN_ATTENTION_PAGED(fp16, fp16)
QUERN_ATTENTION_PAGED(bf16, bf16)
QUERN_ATTENTION_PAGED(fp16, fp32)
QUERN_ATTENTION_PAGED(bf16, fp32)
