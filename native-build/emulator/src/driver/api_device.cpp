// Initialisation and the device.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "driver/call.hpp"
#include "driver/device.hpp"

using namespace quern::driver;

namespace {

// There is no PCI bus; this is where a first card usually sits.
constexpr const char* PCI_BUS_ID = "0000:01:00.0";

}  // namespace

QUERN_EXPORT CUresult cuInit(unsigned flags) {
    return entryBeforeInit(__func__, [&](Call& call) {
        require(flags == 0, CUDA_ERROR_INVALID_VALUE, "flags are reserved and must be 0");
        call.driver.initialise();
    });
}

QUERN_EXPORT CUresult cuDriverGetVersion(int* version) {
    return entryBeforeInit(__func__, [&](Call&) {
        requireNotNull(version, "driverVersion");
        *version = DRIVER_VERSION;
    });
}

QUERN_EXPORT CUresult cuDeviceGetCount(int* count) {
    return entry(__func__, [&](Call&) {
        requireNotNull(count, "count");
        *count = DEVICE_COUNT;
    });
}

QUERN_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
    return entry(__func__, [&](Call&) {
        requireNotNull(device, "device");
        requireDevice(ordinal);
        *device = ordinal;
    });
}

QUERN_EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(name, "name");
        require(length > 0, CUDA_ERROR_INVALID_VALUE, "the buffer for the name has no room");
        requireDevice(device);
        std::snprintf(name, static_cast<std::size_t>(length), "%s", call.driver.model().name.c_str());
    });
}

QUERN_EXPORT CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
    return entry(__func__, [&](Call&) {
        requireNotNull(uuid, "uuid");
        requireDevice(device);
        std::memcpy(uuid->bytes, "quern-emulator-0", sizeof uuid->bytes);
    });
}

QUERN_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
    return cuDeviceGetUuid(uuid, device);
}

QUERN_EXPORT CUresult cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(bytes, "bytes");
        requireDevice(device);
        *bytes = call.driver.memory().totalBytes();
    });
}

QUERN_EXPORT CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(value, "pi");
        requireDevice(device);
        require(deviceAttribute(call.driver.model(), attribute, *value), CUDA_ERROR_INVALID_VALUE,
                "unknown device attribute");
    });
}

QUERN_EXPORT CUresult cuDeviceGetProperties(CUdevprop* properties, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(properties, "prop");
        requireDevice(device);
        const auto& model = call.driver.model();
        *properties = {model.threadsPerBlock,
                       {model.blockX, model.blockY, model.blockZ},
                       {model.gridX, model.gridY, model.gridZ},
                       model.sharedPerBlock,
                       model.constantBytes,
                       model.warpSize,
                       0x7fffffff,
                       model.registersPerBlock,
                       model.clockKilohertz,
                       512};
    });
}

QUERN_EXPORT CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(major, "major");
        requireNotNull(minor, "minor");
        requireDevice(device);
        *major = call.driver.model().major;
        *minor = call.driver.model().minor;
    });
}

QUERN_EXPORT CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
    return entry(__func__, [&](Call&) {
        requireNotNull(id, "pciBusId");
        require(length > 0, CUDA_ERROR_INVALID_VALUE, "the buffer for the bus id has no room");
        requireDevice(device);
        std::snprintf(id, static_cast<std::size_t>(length), "%s", PCI_BUS_ID);
    });
}

QUERN_EXPORT CUresult cuDeviceGetByPCIBusId(CUdevice* device, const char* id) {
    return entry(__func__, [&](Call&) {
        requireNotNull(device, "dev");
        requireNotNull(id, "pciBusId");
        require(std::strcmp(id, PCI_BUS_ID) == 0, CUDA_ERROR_INVALID_DEVICE, "no device has that bus id");
        *device = 0;
    });
}

QUERN_EXPORT CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
    return entry(__func__, [&](Call&) {
        requireNotNull(can, "canAccessPeer");
        requireDevice(device);
        requireDevice(peer);
        *can = 0;  // a device is no peer of itself
    });
}
