#include "driver/copy_parameters.hpp"

namespace quern::driver {

namespace {

struct SideParameters {
    const char* role;
    CUmemorytype type;
    const void* host;
    CUdeviceptr device;
    std::size_t xBytes, y, z;
    std::size_t pitch, height;  // bytes of a row, rows of a slice; 0: packed
};

CopySide sideOf(const Call& call, const SideParameters& parameters, const Extent& extent) {
    const std::string role = parameters.role;
    CopySide side;
    switch (parameters.type) {
        case CU_MEMORYTYPE_HOST:
            side.space = CopySide::Space::HOST;
            side.address = reinterpret_cast<std::uintptr_t>(parameters.host);
            break;
        case CU_MEMORYTYPE_DEVICE:
            side.space = CopySide::Space::DEVICE;
            side.address = parameters.device;
            break;
        case CU_MEMORYTYPE_UNIFIED: {
            const auto* const record = call.driver.memory().find(parameters.device);
            const bool host = record == nullptr || record->kind == emulator::AllocationKind::HOST_REGISTERED;
            side.space = host ? CopySide::Space::HOST : CopySide::Space::DEVICE;
            side.address = parameters.device;
            break;
        }
        case CU_MEMORYTYPE_ARRAY:
            throw Failure(CUDA_ERROR_NOT_SUPPORTED, role + ": the emulator has no CUDA arrays");
        default:
            throw Failure(CUDA_ERROR_INVALID_VALUE,
                          role + ": unknown memory type " + std::to_string(parameters.type));
    }
    side.rowPitch = parameters.pitch != 0 ? parameters.pitch : parameters.xBytes + extent.width;
    const std::size_t rows = parameters.height != 0 ? parameters.height : parameters.y + extent.height;
    if (side.rowPitch < parameters.xBytes || side.rowPitch - parameters.xBytes < extent.width) {
        throw Failure(CUDA_ERROR_INVALID_VALUE, role + ": a pitch of " + std::to_string(side.rowPitch) +
                                                    " bytes holds no row of " + std::to_string(extent.width) +
                                                    " bytes from byte " + std::to_string(parameters.xBytes));
    }
    std::size_t offset = 0;
    std::size_t slices = 0;
    const bool overflow = __builtin_mul_overflow(side.rowPitch, rows, &side.slicePitch) ||
                          __builtin_mul_overflow(parameters.y, side.rowPitch, &offset) ||
                          __builtin_mul_overflow(parameters.z, side.slicePitch, &slices) ||
                          __builtin_add_overflow(offset, slices, &offset) ||
                          __builtin_add_overflow(offset, parameters.xBytes, &offset) ||
                          __builtin_add_overflow(side.address, offset, &side.address);
    if (overflow) throw Failure(CUDA_ERROR_INVALID_VALUE, role + ": its place overflows 64 bits");
    return side;
}

}  // namespace

Copy copyOf(const Call& call, const CUDA_MEMCPY2D* p) {
    requireNotNull(p, "pCopy");
    Copy copy;
    copy.extent = {p->WidthInBytes, p->Height, 1};
    copy.destination = sideOf(call,
                              {"destination of a copy", p->dstMemoryType, p->dstHost, p->dstDevice,
                               p->dstXInBytes, p->dstY, 0, p->dstPitch, 0},
                              copy.extent);
    copy.source = sideOf(call,
                         {"source of a copy", p->srcMemoryType, p->srcHost, p->srcDevice, p->srcXInBytes,
                          p->srcY, 0, p->srcPitch, 0},
                         copy.extent);
    return copy;
}

Copy copyOf(const Call& call, const CUDA_MEMCPY3D* p) {
    requireNotNull(p, "pCopy");
    require(p->srcLOD == 0 && p->dstLOD == 0, CUDA_ERROR_INVALID_VALUE, "srcLOD and dstLOD must be 0");
    Copy copy;
    copy.extent = {p->WidthInBytes, p->Height, p->Depth};
    copy.destination = sideOf(call,
                              {"destination of a copy", p->dstMemoryType, p->dstHost, p->dstDevice,
                               p->dstXInBytes, p->dstY, p->dstZ, p->dstPitch, p->dstHeight},
                              copy.extent);
    copy.source = sideOf(call,
                         {"source of a copy", p->srcMemoryType, p->srcHost, p->srcDevice, p->srcXInBytes,
                          p->srcY, p->srcZ, p->srcPitch, p->srcHeight},
                         copy.extent);
    return copy;
}

}  // namespace quern::driver
