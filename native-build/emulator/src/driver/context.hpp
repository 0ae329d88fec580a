// A context: the owner of memory, modules, streams and events on one device, and of the error that poisons them all.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "driver/cuda_types.hpp"
#include "driver/stream.hpp"

namespace quern::driver {

class Context : public std::enable_shared_from_this<Context> {
  public:
    Context(CUdevice device, unsigned flags, bool primary) : device(device), flags(flags), primary(primary) {}

    /// Opens an empty context: an own default stream, no error.
    void open();

    /// A new stream of this context.
    std::shared_ptr<Stream> addStream(Stream::Kind kind, unsigned flags, int priority);

    /// The calling thread's own default stream (CU_STREAM_PER_THREAD).
    std::shared_ptr<Stream> perThreadStream();

    /// Throws the sticky error, if an operation of this context has failed, or that the context is gone.
    void requireUsable() const;

    const CUdevice device;
    unsigned flags;
    const bool primary;
    CUcontext handle = nullptr;
    bool alive = false;
    unsigned retained = 0;  // primary contexts only

    CUresult error =
        CUDA_SUCCESS;  // sticky: set by the first operation that fails, until the context is destroyed
    std::string errorMessage;

    std::shared_ptr<Stream> legacy;
    std::map<std::thread::id, std::shared_ptr<Stream>> perThread;
    std::vector<std::shared_ptr<Stream>> streams;  // all of them, destroyed ones too until their work is done
    unsigned long long stackBytes = 1024;
    unsigned long long printfBytes = 1 << 20;
    unsigned long long heapBytes = 8 << 20;
};

}  // namespace quern::driver
