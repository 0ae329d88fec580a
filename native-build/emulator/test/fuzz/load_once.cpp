#include "fuzz/load_once.hpp"

#include <cstddef>
#include <vector>

#include "run/launch.hpp"

namespace quern::emulator {

bool loadOnce(std::string_view text) {
    const DeviceModel device = DeviceModel::of(90).value();
    DeviceMemory memory(
        DeviceMemory::Limits{.totalBytes = std::uint64_t{64} << 20, .addressBytes = std::uint64_t{1} << 30});
    std::shared_ptr<Module> module;
    try {
        module = Module::load(text, device, memory);
    } catch (const LoadError&) {
        return false;
    }
    Options options;
    options.threads = 1;
    options.timeoutSeconds = 0.05;
    options.instructionBudget = 10'000;
    std::size_t launches = 0;
    for (const Kernel* kernel : module->kernels()) {
        if (++launches > 2) break;
        // Arguments are zeros: what they point to is reported, not touched.
        const std::vector<std::byte> parameters(kernel->parameterBytes);
        launch(*kernel, {.grid = {2}, .block = {32}, .parameters = parameters}, device, memory, options);
    }
    return true;
}

}  // namespace quern::emulator
