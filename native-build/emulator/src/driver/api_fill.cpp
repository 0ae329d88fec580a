// Fills. Even those without "Async" do not wait for the device: so it is documented, and so programs get it wrong.
#include "driver/call.hpp"
#include "driver/copy.hpp"

using namespace quern::driver;

namespace {

void fill(Call& call, CUstream handle, const Fill& fill) {
    const auto stream = call.stream(handle);
    fill.check(call.driver.allocations());
    if (fill.width != 0 && fill.height != 0) call.submit(stream, std::make_shared<FillOperation>(fill));
}

}  // namespace

QUERN_EXPORT CUresult cuMemsetD8_v2(CUdeviceptr destination, unsigned char value, std::size_t count) {
    return entry(__func__, [&](Call& call) { fill(call, nullptr, {destination, 0, value, 1, count, 1}); });
}

QUERN_EXPORT CUresult cuMemsetD8Async(CUdeviceptr destination, unsigned char value, std::size_t count,
                                      CUstream stream) {
    return entry(__func__, [&](Call& call) { fill(call, stream, {destination, 0, value, 1, count, 1}); });
}

QUERN_EXPORT CUresult cuMemsetD2D8_v2(CUdeviceptr destination, std::size_t pitch, unsigned char value,
                                      std::size_t width, std::size_t height) {
    return entry(__func__, [&](Call& call) {
        fill(call, nullptr, {destination, pitch, value, 1, width, height});
    });
}

QUERN_EXPORT CUresult cuMemsetD2D8Async(CUdeviceptr destination, std::size_t pitch, unsigned char value,
                                        std::size_t width, std::size_t height, CUstream stream) {
    return entry(__func__, [&](Call& call) {
        fill(call, stream, {destination, pitch, value, 1, width, height});
    });
}

QUERN_EXPORT CUresult cuMemsetD16_v2(CUdeviceptr destination, unsigned short value, std::size_t count) {
    return entry(__func__, [&](Call& call) { fill(call, nullptr, {destination, 0, value, 2, count, 1}); });
}

QUERN_EXPORT CUresult cuMemsetD16Async(CUdeviceptr destination, unsigned short value, std::size_t count,
                                       CUstream stream) {
    return entry(__func__, [&](Call& call) { fill(call, stream, {destination, 0, value, 2, count, 1}); });
}

QUERN_EXPORT CUresult cuMemsetD2D16_v2(CUdeviceptr destination, std::size_t pitch, unsigned short value,
                                       std::size_t width, std::size_t height) {
    return entry(__func__, [&](Call& call) {
        fill(call, nullptr, {destination, pitch, value, 2, width, height});
    });
}

QUERN_EXPORT CUresult cuMemsetD2D16Async(CUdeviceptr destination, std::size_t pitch, unsigned short value,
                                         std::size_t width, std::size_t height, CUstream stream) {
    return entry(__func__, [&](Call& call) {
        fill(call, stream, {destination, pitch, value, 2, width, height});
    });
}

QUERN_EXPORT CUresult cuMemsetD32_v2(CUdeviceptr destination, unsigned int value, std::size_t count) {
    return entry(__func__, [&](Call& call) { fill(call, nullptr, {destination, 0, value, 4, count, 1}); });
}

QUERN_EXPORT CUresult cuMemsetD32Async(CUdeviceptr destination, unsigned int value, std::size_t count,
                                       CUstream stream) {
    return entry(__func__, [&](Call& call) { fill(call, stream, {destination, 0, value, 4, count, 1}); });
}

QUERN_EXPORT CUresult cuMemsetD2D32_v2(CUdeviceptr destination, std::size_t pitch, unsigned int value,
                                       std::size_t width, std::size_t height) {
    return entry(__func__, [&](Call& call) {
        fill(call, nullptr, {destination, pitch, value, 4, width, height});
    });
}

QUERN_EXPORT CUresult cuMemsetD2D32Async(CUdeviceptr destination, std::size_t pitch, unsigned int value,
                                         std::size_t width, std::size_t height, CUstream stream) {
    return entry(__func__, [&](Call& call) {
        fill(call, stream, {destination, pitch, value, 4, width, height});
    });
}
