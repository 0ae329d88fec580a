#include "run/launch.hpp"

namespace quern::emulator {

const char* nameOf(LaunchStatus status) {
    switch (status) {
        case LaunchStatus::OK: return "ok";
        case LaunchStatus::INVALID_CONFIGURATION: return "invalid configuration";
        case LaunchStatus::ILLEGAL_ADDRESS: return "illegal address";
        case LaunchStatus::MISALIGNED_ADDRESS: return "misaligned address";
        case LaunchStatus::ILLEGAL_INSTRUCTION: return "illegal instruction";
        case LaunchStatus::LAUNCH_FAILURE: return "launch failure";
        case LaunchStatus::LAUNCH_TIMEOUT: return "launch timeout";
        case LaunchStatus::ASSERT: return "assertion failed";
    }
    return "unknown";
}

LaunchResult launch(const Kernel&, const LaunchConfig&, const DeviceModel&, DeviceMemory&, const Options&) {
    return {};
}

}  // namespace quern::emulator
