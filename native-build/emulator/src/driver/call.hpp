// What every entry point of the driver API does first and last, written once.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "driver/cuda_api.hpp"
#include "driver/driver.hpp"
#include "driver/failure.hpp"

// Nothing but the driver API and the JNI functions leaves the library.
#define QUERN_EXPORT extern "C" __attribute__((visibility("default")))

namespace quern::driver {

/// One call of the API in progress: holds the driver's mutex.
class Call {
  public:
    explicit Call(Driver& driver) : driver(driver), lock(driver.mutex) {}

    /// The calling thread's current context, usable; else CUDA_ERROR_INVALID_CONTEXT or its sticky error.
    std::shared_ptr<Context> context() const;

    /// The stream behind a handle, the default streams included, its context usable.
    std::shared_ptr<Stream> stream(CUstream handle) const;

    /// Refuses what may not be called while the calling thread, or a stream in global mode, captures.
    void refuseDuringCapture(const char* what) const;

    /// Counts a call of `kind`, and throws where it was ordered to fail. After every other check: what is refused
    /// anyway is not counted.
    void countOrFail(CallKind kind) const;

    /// Queues `operation` on `stream`; or, while the stream captures, adds it to the graph and returns null.
    WorkPtr submit(const std::shared_ptr<Stream>& stream, OperationPtr operation);

    /// As submit on the legacy default stream, and returns when it is done. Throws what it failed with.
    void perform(const std::shared_ptr<Context>& context, OperationPtr operation);

    /// Device memory for a context; where it does not fit, queued frees are carried out first.
    CUdeviceptr allocate(const std::shared_ptr<Context>& context, std::size_t bytes, Block::Kind kind,
                         std::shared_ptr<MemoryPool> pool = nullptr);

    Driver& driver;
    Scheduler::Lock lock;
};

/// The mode that cuThreadExchangeStreamCaptureMode sets for the calling thread.
CUstreamCaptureMode& threadCaptureMode();

/// True on a thread that is inside a host callback, from which the driver API must not be called.
bool insideCallback();

/// Marks the calling thread as being inside a host callback.
class CallbackScope {
  public:
    CallbackScope();
    ~CallbackScope();
    CallbackScope(const CallbackScope&) = delete;
    CallbackScope& operator=(const CallbackScope&) = delete;
};

/// Keeps "function: NAME (code): message" as the report and gives the code back.
CUresult refused(Driver& driver, const char* function, CUresult code, const std::string& message) noexcept;

namespace detail {

template <class Body>
CUresult guarded(const char* function, bool needsInit, Body&& body) noexcept {
    Driver& driver = Driver::instance();
    try {
        if (insideCallback()) throw Failure(CUDA_ERROR_NOT_PERMITTED, "called from inside a stream callback");
        Call call(driver);
        if (needsInit && !driver.initialised)
            throw Failure(CUDA_ERROR_NOT_INITIALIZED, "cuInit has not been called");
        if constexpr (std::is_void_v<std::invoke_result_t<Body, Call&>>) {
            std::forward<Body>(body)(call);
            return CUDA_SUCCESS;
        } else {
            return std::forward<Body>(body)(call);
        }
    } catch (const Failure& failure) {
        return refused(driver, function, failure.code(), failure.message());
    } catch (const std::bad_alloc&) {
        return refused(driver, function, CUDA_ERROR_OUT_OF_MEMORY, "the emulator ran out of host memory");
    } catch (const std::exception& unexpected) {
        return refused(driver, function, CUDA_ERROR_UNKNOWN, unexpected.what());
    }
}

}  // namespace detail

/// An entry point: `body(Call&)` returns nothing or a CUresult, and throws Failure.
template <class Body>
CUresult entry(const char* function, Body&& body) noexcept {
    return detail::guarded(function, true, std::forward<Body>(body));
}

/// An entry point that works before cuInit.
template <class Body>
CUresult entryBeforeInit(const char* function, Body&& body) noexcept {
    return detail::guarded(function, false, std::forward<Body>(body));
}

}  // namespace quern::driver
