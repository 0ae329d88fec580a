// What an address is.
#include <cstring>

#include "driver/call.hpp"

using namespace quern::driver;

namespace {

// Writes the attribute; false where the address is not one the driver knows.
bool attributeOf(const Call& call, CUpointer_attribute attribute, std::uint64_t address, void* value) {
    const auto give = [&](auto data) {
        std::memcpy(value, &data, sizeof data);
        return true;
    };
    const auto* const record = call.driver.memory().findLive(address, 1);
    if (record == nullptr) return false;
    const Block* const block = call.driver.allocations().find(address);  // none for a module's variable
    switch (attribute) {
        case CU_POINTER_ATTRIBUTE_CONTEXT: return give(block != nullptr ? block->context->handle : nullptr);
        case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
            return give(block != nullptr && block->onHost() ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE);
        case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: return give(CUdeviceptr{address});
        case CU_POINTER_ATTRIBUTE_HOST_POINTER:
            if (block == nullptr || (!block->onHost() && block->kind != Block::Kind::MANAGED)) return false;
            return give(reinterpret_cast<void*>(address));
        case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: return give(0);
        case CU_POINTER_ATTRIBUTE_BUFFER_ID: return give(static_cast<unsigned long long>(record->serial));
        case CU_POINTER_ATTRIBUTE_IS_MANAGED:
            return give(block != nullptr && block->kind == Block::Kind::MANAGED ? 1 : 0);
        case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return give(0);
        case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return give(CUdeviceptr{record->base});
        case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return give(static_cast<std::size_t>(record->bytes));
        case CU_POINTER_ATTRIBUTE_MAPPED: return give(1);
    }
    throw Failure(CUDA_ERROR_NOT_SUPPORTED,
                  "the emulator has no pointer attribute " + std::to_string(attribute));
}

// Bytes that cuPointerGetAttributes clears where an address is unknown.
std::size_t sizeOf(CUpointer_attribute attribute) {
    switch (attribute) {
        case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
        case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        case CU_POINTER_ATTRIBUTE_MAPPED: return 4;
        default: return 8;
    }
}

}  // namespace

QUERN_EXPORT CUresult cuPointerGetAttribute(void* value, CUpointer_attribute attribute, CUdeviceptr pointer) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(value, "data");
        if (!attributeOf(call, attribute, pointer, value)) {
            throw Failure(CUDA_ERROR_INVALID_VALUE,
                          hex(pointer) + " is not memory the driver gave, or has no such attribute");
        }
    });
}

QUERN_EXPORT CUresult cuPointerGetAttributes(unsigned count, CUpointer_attribute* attributes, void** values,
                                             CUdeviceptr pointer) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(attributes, "attributes");
        requireNotNull(values, "data");
        for (unsigned i = 0; i < count; ++i) {
            requireNotNull(values[i], "an element of data");
            if (!attributeOf(call, attributes[i], pointer, values[i]))
                std::memset(values[i], 0, sizeOf(attributes[i]));
        }
    });
}
