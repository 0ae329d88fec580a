#include "module/module.hpp"

#include <algorithm>
#include <utility>

namespace quern::emulator {

namespace {

std::string describe(int line, int column, const std::string& text, const std::string& message) {
    std::string what;
    if (line > 0) what += "line " + std::to_string(line);
    if (column > 0) what += ", column " + std::to_string(column);
    if (!what.empty()) what += ": ";
    what += message;
    if (!text.empty()) what += ": " + text;
    return what;
}

}  // namespace

LoadError::LoadError(LoadErrorKind why, int atLine, int atColumn, std::string whatText,
                     std::string whatMessage)
    : std::runtime_error(describe(atLine, atColumn, whatText, whatMessage)),
      kind(why),
      line(atLine),
      column(atColumn),
      text(std::move(whatText)),
      message(std::move(whatMessage)) {}

std::uint32_t Kernel::maxThreadsPerBlock(const DeviceModel& device) const {
    std::uint32_t most = static_cast<std::uint32_t>(device.threadsPerBlock);
    for (const auto* bound : {requiredThreads, maxThreads}) {
        if (bound[0] != 0) most = std::min(most, bound[0] * std::max(bound[1], 1U) * std::max(bound[2], 1U));
    }
    return most;
}

Module::~Module() {
    for (const auto& [name, variable] : globals_) memory_.free(variable.address);
}

const Kernel* Module::findKernel(std::string_view name) const {
    const auto found = kernels_.find(name);
    return found == kernels_.end() ? nullptr : &found->second;
}

const GlobalVariable* Module::findGlobal(std::string_view name) const {
    const auto found = globals_.find(name);
    return found == globals_.end() ? nullptr : &found->second;
}

std::vector<const Kernel*> Module::kernels() const {
    std::vector<const Kernel*> all;
    for (const auto& [name, kernel] : kernels_) all.push_back(&kernel);
    return all;
}

}  // namespace quern::emulator
