// Few queries and many keys, which may lie in pages: what splits of the keys sum
// to, and their merge. AttentionCuda.java launches them.
//
// types: fp64 fp32 fp16 bf16

#include "export.cuh"
#include "paged.cuh"

using namespace quern;
using quern::attention::Forward;
using quern::attention::MERGE_THREADS;
using quern::attention::THREADS;

#define QUERN_ATTENTION_DECODE(T)                                                                            \
    extern "C" __global__ void __launch_bounds__(THREADS, 3)                                                 \
        attention_decode_##T(const __grid_constant__ Forward<T> a, attention::ComputeOf<T>::type* workspace, \
                             int64_t splits, const __grid_constant__ attention::PageTable table) {           \
        attention::decode<T>(a, {workspace, splits}, attention::MaybeInPages<T>{table});                     \
    }                                                                                                        \
    extern "C" __global__ void __launch_bounds__(MERGE_THREADS) attention_merge_##T(                         \
        const __grid_constant__ Forward<T> a, attention::ComputeOf<T>::type* workspace, int64_t splits) {    \
        attention::merge<T>(a, {workspace, splits});                                                         \
    }

QUERN_EXPORT(QUERN_ATTENTION_DECODE)
