// Handles and their settings.
#include "cublas/driver_door.hpp"
#include "cublas/handle.hpp"

using namespace quern::cublas;

namespace {

constexpr int VERSION = 120600;

struct StatusText {
    cublasStatus_t status;
    const char* name;
    const char* text;
};

constexpr StatusText STATUSES[] = {
    {CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS", "success"},
    {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED", "the library was not initialized"},
    {CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED", "the resource allocation failed"},
    {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE", "an invalid value was used as an argument"},
    {CUBLAS_STATUS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH",
     "an absent device architectural feature is required"},
    {CUBLAS_STATUS_MAPPING_ERROR, "CUBLAS_STATUS_MAPPING_ERROR", "an access to GPU memory space failed"},
    {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED",
     "the function failed to launch on the GPU"},
    {CUBLAS_STATUS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR", "an internal operation failed"},
    {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED", "the functionality is not supported"},
    {CUBLAS_STATUS_LICENSE_ERROR, "CUBLAS_STATUS_LICENSE_ERROR", "a license error was detected"},
};

const StatusText* textOf(cublasStatus_t status) {
    for (const StatusText& row : STATUSES) {
        if (row.status == status) return &row;
    }
    return nullptr;
}

void requireNotNull(const void* pointer, const char* name) {
    require(pointer != nullptr, CUBLAS_STATUS_INVALID_VALUE, std::string(name) + " is null");
}

}  // namespace

QUERN_EXPORT cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
    if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    *handle = nullptr;
    const DriverDoor& driver = DriverDoor::instance();
    CUcontext context = nullptr;
    if (!driver.open() || driver.currentContext(&context) != CUDA_SUCCESS)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (context == nullptr)
        return refused(__func__, {CUBLAS_STATUS_NOT_INITIALIZED, "no context is current to this thread"});
    *handle = addHandle();
    return CUBLAS_STATUS_SUCCESS;
}

QUERN_EXPORT cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
    return removeHandle(handle)
               ? CUBLAS_STATUS_SUCCESS
               : refused(__func__, {CUBLAS_STATUS_NOT_INITIALIZED,
                                    "the handle was not made by cublasCreate, or is destroyed"});
}

QUERN_EXPORT cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int* version) {
    return entry(__func__, handle, [&](Handle&) {
        requireNotNull(version, "version");
        *version = VERSION;
    });
}

QUERN_EXPORT cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, CUstream stream) {
    return entry(__func__, handle, [&](Handle& settings) { settings.stream = stream; });
}

QUERN_EXPORT cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, CUstream* stream) {
    return entry(__func__, handle, [&](Handle& settings) {
        requireNotNull(stream, "streamId");
        *stream = settings.stream;
    });
}

QUERN_EXPORT cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode) {
    return entry(__func__, handle, [&](Handle& settings) {
        require(mode == CUBLAS_POINTER_MODE_HOST || mode == CUBLAS_POINTER_MODE_DEVICE,
                CUBLAS_STATUS_INVALID_VALUE, "unknown pointer mode " + std::to_string(mode));
        settings.pointerMode = mode;
    });
}

QUERN_EXPORT cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t* mode) {
    return entry(__func__, handle, [&](Handle& settings) {
        requireNotNull(mode, "mode");
        *mode = settings.pointerMode;
    });
}

QUERN_EXPORT cublasStatus_t cublasSetMathMode(cublasHandle_t handle, int mode) {
    return entry(__func__, handle, [&](Handle& settings) {
        constexpr int MODES = 3;          // default, tensor operations, pedantic, TF32
        constexpr int NO_REDUCTION = 16;  // a flag beside the mode
        require((mode & ~NO_REDUCTION) >= 0 && (mode & ~NO_REDUCTION) <= MODES, CUBLAS_STATUS_INVALID_VALUE,
                "unknown math mode " + std::to_string(mode));
        settings.mathMode = mode;
    });
}

QUERN_EXPORT cublasStatus_t cublasGetMathMode(cublasHandle_t handle, int* mode) {
    return entry(__func__, handle, [&](Handle& settings) {
        requireNotNull(mode, "mode");
        *mode = settings.mathMode;
    });
}

QUERN_EXPORT cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, int mode) {
    return entry(__func__, handle, [&](Handle& settings) {
        require(mode == 0 || mode == 1, CUBLAS_STATUS_INVALID_VALUE,
                "unknown atomics mode " + std::to_string(mode));
        settings.atomicsMode = mode;
    });
}

QUERN_EXPORT cublasStatus_t cublasGetAtomicsMode(cublasHandle_t handle, int* mode) {
    return entry(__func__, handle, [&](Handle& settings) {
        requireNotNull(mode, "mode");
        *mode = settings.atomicsMode;
    });
}

// Nothing here needs a workspace; a misaligned one is refused as cuBLAS does.
QUERN_EXPORT cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t bytes) {
    return entry(__func__, handle, [&](Handle&) {
        require(workspace != nullptr || bytes == 0, CUBLAS_STATUS_INVALID_VALUE, "workspace is null");
        require(reinterpret_cast<std::uintptr_t>(workspace) % 256 == 0, CUBLAS_STATUS_INVALID_VALUE,
                "workspace is not aligned to 256 bytes");
    });
}

QUERN_EXPORT const char* cublasGetStatusName(cublasStatus_t status) {
    const StatusText* const row = textOf(status);
    return row == nullptr ? "CUBLAS_STATUS_UNKNOWN" : row->name;
}

QUERN_EXPORT const char* cublasGetStatusString(cublasStatus_t status) {
    const StatusText* const row = textOf(status);
    return row == nullptr ? "unknown status" : row->text;
}
