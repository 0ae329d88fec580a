#include "driver/context.hpp"

#include "driver/failure.hpp"
#include "driver/results.hpp"

namespace quern::driver {

namespace {

std::uint64_t lastStreamId = 0;  // guarded by the driver's mutex, as all of this file is

}  // namespace

void Context::open() {
    alive = true;
    error = CUDA_SUCCESS;
    errorMessage.clear();
    legacy = addStream(Stream::Kind::LEGACY, CU_STREAM_DEFAULT, 0);
}

std::shared_ptr<Stream> Context::addStream(Stream::Kind kind, unsigned streamFlags, int priority) {
    auto stream = std::make_shared<Stream>(shared_from_this(), kind, streamFlags, priority, ++lastStreamId);
    streams.push_back(stream);
    return stream;
}

std::shared_ptr<Stream> Context::perThreadStream() {
    std::shared_ptr<Stream>& stream = perThread[std::this_thread::get_id()];
    if (!stream) stream = addStream(Stream::Kind::PER_THREAD, CU_STREAM_DEFAULT, 0);
    return stream;
}

void Context::requireUsable() const {
    require(alive, CUDA_ERROR_CONTEXT_IS_DESTROYED, "the context has been destroyed or reset");
    if (error != CUDA_SUCCESS) {
        throw Failure(
            error,
            std::string("the context is unusable since an earlier operation failed with ") + nameOf(error) +
                "; destroy it or reset the primary context to go on. The first failure was: " + errorMessage);
    }
}

}  // namespace quern::driver
