// Handles of the stand-in: the settings that calls share, known by an address that is checked.
#pragma once

#include <memory>
#include <new>
#include <string>

#include "cublas/cublas_types.hpp"

#define QUERN_EXPORT extern "C" __attribute__((visibility("default")))

namespace quern::cublas {

struct Handle {
    CUstream stream = nullptr;
    cublasPointerMode_t pointerMode = CUBLAS_POINTER_MODE_HOST;
    int mathMode = 0;     // noted: all sums are FP64 here
    int atomicsMode = 0;  // noted: nothing here depends on an order
};

cublasHandle_t addHandle();
/// False where there is no such handle.
bool removeHandle(cublasHandle_t handle);
/// The settings of a handle, at this moment; null where there is no such handle.
std::shared_ptr<Handle> find(cublasHandle_t handle);

/// How a call fails: a status for the program, a sentence for the report.
struct Refusal {
    cublasStatus_t status;
    std::string why;
};

void require(bool condition, cublasStatus_t status, const std::string& why);

/// Keeps the sentence as the emulator's report and gives the status back.
cublasStatus_t refused(const char* function, const Refusal& refusal);

/// A call: finds the handle, gives it to `body`, and turns a Refusal into its status.
template <class Body>
cublasStatus_t entry(const char* function, cublasHandle_t handle, Body&& body) noexcept {
    try {
        const auto settings = find(handle);
        require(settings != nullptr, CUBLAS_STATUS_NOT_INITIALIZED,
                "the handle was not made by cublasCreate");
        body(*settings);
        return CUBLAS_STATUS_SUCCESS;
    } catch (const Refusal& refusal) {
        return refused(function, refusal);
    } catch (const std::bad_alloc&) {
        return CUBLAS_STATUS_ALLOC_FAILED;
    }
}

}  // namespace quern::cublas
