// The door for libraries that stand on top of the driver, such as the stand-in for cuBLAS: what they queue in a stream is
// an operation like any other, checked as a kernel's accesses are. Not part of CUDA's API.
#pragma once

#include <cstddef>

#include "driver/cuda_types.hpp"

extern "C" {

/// Device memory that a call reads or writes.
struct QuernRange {
    const char* role;  // "A"
    CUdeviceptr address;
    std::size_t bytes;
    std::size_t alignment;
    bool written;  // by the call; rows between its columns count too
};

struct QuernLibraryCall {
    const char* name;  // "cublasSgemm_v2"
    const QuernRange* ranges;
    std::size_t rangeCount;
    void (*perform)(const void* arguments);  // when its turn in the stream has come; must not throw
    const void* arguments;                   // copied
    std::size_t argumentBytes;
};

/// Queues the call on a stream, or captures it. The ranges are checked when its turn comes: one that is not device memory
/// makes the context's sticky error CUDA_ERROR_ILLEGAL_ADDRESS, and nothing is performed.
CUresult quernEmulatorSubmit(CUstream stream, const QuernLibraryCall* call);

/// Keeps a sentence as the report of what went wrong last.
void quernEmulatorReport(const char* message);

}  // extern "C"
