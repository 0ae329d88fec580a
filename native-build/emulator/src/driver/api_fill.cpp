// Fills. Even those without "Async" do not wait for the device: so it is documented, and so programs get it wrong. Each
// form without a stream is the other one on the legacy default stream.
#include "driver/call.hpp"
#include "driver/copy.hpp"

using namespace quern::driver;

namespace {

CUresult fill(const char* function, CUstream handle, const Fill& fill) {
    return entry(function, [&](Call& call) {
        const auto stream = call.stream(handle);
        fill.check(call.driver.allocations());
        call.countOrFail(CallKind::COPY);
        if (fill.width != 0 && fill.height != 0) call.submit(stream, std::make_shared<FillOperation>(fill));
    });
}

}  // namespace

// Defines cuMemsetD##BITS and cuMemsetD2D##BITS, both forms of each. The API has them for 8, 16 and 32 bits.
#define QUERN_FILL(BITS, VALUE)                                                                              \
    QUERN_EXPORT CUresult cuMemsetD##BITS##_v2(CUdeviceptr destination, VALUE value, std::size_t count) {    \
        return fill(__func__, nullptr, {destination, 0, value, BITS / 8, count, 1});                         \
    }                                                                                                        \
    QUERN_EXPORT CUresult cuMemsetD##BITS##Async(CUdeviceptr destination, VALUE value, std::size_t count,    \
                                                 CUstream stream) {                                          \
        return fill(__func__, stream, {destination, 0, value, BITS / 8, count, 1});                          \
    }                                                                                                        \
    QUERN_EXPORT CUresult cuMemsetD2D##BITS##_v2(CUdeviceptr destination, std::size_t pitch, VALUE value,    \
                                                 std::size_t width, std::size_t height) {                    \
        return fill(__func__, nullptr, {destination, pitch, value, BITS / 8, width, height});                \
    }                                                                                                        \
    QUERN_EXPORT CUresult cuMemsetD2D##BITS##Async(CUdeviceptr destination, std::size_t pitch, VALUE value,  \
                                                   std::size_t width, std::size_t height, CUstream stream) { \
        return fill(__func__, stream, {destination, pitch, value, BITS / 8, width, height});                 \
    }
QUERN_FILL(8, unsigned char)
QUERN_FILL(16, unsigned short)
QUERN_FILL(32, unsigned int)
#undef QUERN_FILL
