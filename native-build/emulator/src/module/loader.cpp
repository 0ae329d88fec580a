#include "module/module.hpp"

namespace quern::emulator {

std::shared_ptr<Module> Module::load(std::string_view, const DeviceModel&, DeviceMemory& memory) {
    return std::shared_ptr<Module>(new Module(memory));
}

}  // namespace quern::emulator
