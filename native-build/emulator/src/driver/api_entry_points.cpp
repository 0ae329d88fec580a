// Entry points by name.
#include <string>

#include "driver/call.hpp"
#include "driver/entry_points.hpp"

using namespace quern::driver;

namespace {

// cuda.h maps an unversioned name to the newest form that a driver of the asked version has: cuMemAlloc to
// cuMemAlloc_v2. Names are unique here, so the newest exported one is that form.
void* find(const char* name) {
    for (const char* const suffix : {"_v3", "_v2", ""}) {
        const std::string versioned = std::string(name) + suffix;
        if (void* const entryPoint = entryPointNamed(versioned)) return entryPoint;
    }
    return nullptr;
}

CUresult getProcAddress(const char* symbol, void** function, int version, unsigned long long flags,
                        CUdriverProcAddressQueryResult* status) {
    return entryBeforeInit("cuGetProcAddress", [&](Call&) {
        requireNotNull(symbol, "symbol");
        requireNotNull(function, "pfn");
        require(flags <= 2, CUDA_ERROR_INVALID_VALUE, "unknown flags");
        *function = nullptr;
        if (status != nullptr) *status = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
        require(flags != 2, CUDA_ERROR_NOT_SUPPORTED,
                "the emulator has no per-thread default stream forms; use CU_STREAM_PER_THREAD");
        if (version > DRIVER_VERSION) {
            if (status != nullptr) *status = CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT;
            throw Failure(CUDA_ERROR_NOT_FOUND, std::string(symbol) + ": version " + std::to_string(version) +
                                                    " is newer than the driver");
        }
        *function = find(symbol);
        if (*function == nullptr)
            throw Failure(CUDA_ERROR_NOT_FOUND, std::string("the driver has no function ") + symbol);
        if (status != nullptr) *status = CU_GET_PROC_ADDRESS_SUCCESS;
    });
}

}  // namespace

QUERN_EXPORT CUresult cuGetProcAddress_v2(const char* symbol, void** function, int version,
                                          unsigned long long flags, CUdriverProcAddressQueryResult* status) {
    return getProcAddress(symbol, function, version, flags, status);
}

QUERN_EXPORT CUresult cuGetProcAddress(const char* symbol, void** function, int version,
                                       unsigned long long flags) {
    return getProcAddress(symbol, function, version, flags, nullptr);
}
