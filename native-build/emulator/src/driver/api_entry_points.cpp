// Entry points by name.
#include <algorithm>
#include <span>
#include <string>

#include "driver/call.hpp"
#include "driver/entry_points.hpp"

using namespace quern::driver;

namespace {

// The forms of a function, oldest first; none if there is no such function.
std::span<const EntryPoint> formsOf(std::string_view base) {
    const auto forms = std::ranges::equal_range(entryPoints(), base, {}, &EntryPoint::base);
    return {forms.begin(), forms.end()};
}

CUresult getProcAddress(const char* symbol, void** function, int version, unsigned long long flags,
                        CUdriverProcAddressQueryResult* status) {
    return entryBeforeInit("cuGetProcAddress", [&](Call&) {
        requireNotNull(symbol, "symbol");
        requireNotNull(function, "pfn");
        *function = nullptr;
        if (status != nullptr) *status = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
        require(flags <= 2, CUDA_ERROR_INVALID_VALUE, "unknown flags");
        if (version > DRIVER_VERSION)
            throw Failure(CUDA_ERROR_INVALID_VALUE,
                          "version " + std::to_string(version) + " is newer than the driver");
        require(flags != 2, CUDA_ERROR_NOT_SUPPORTED,
                "the emulator has no per-thread default stream forms; use CU_STREAM_PER_THREAD");
        const auto forms = formsOf(symbol);
        if (forms.empty())
            throw Failure(CUDA_ERROR_NOT_FOUND, std::string("the driver has no function ") + symbol);
        const auto newer = std::ranges::upper_bound(forms, version, {}, &EntryPoint::since);
        if (newer == forms.begin()) {
            if (status != nullptr) *status = CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT;
            throw Failure(CUDA_ERROR_NOT_FOUND, std::string(symbol) + " came with version " +
                                                    std::to_string(forms.front().since) + ", not with " +
                                                    std::to_string(version));
        }
        *function = std::prev(newer)->function;
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
