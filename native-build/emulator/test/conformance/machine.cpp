#include "conformance/machine.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace quern::emulator {
namespace {

void writeOut(const std::string& ptx) {
    const char* folder = std::getenv("QUERN_CONFORMANCE_PTX");
    if (folder == nullptr) return;
    static int number = 0;
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = info == nullptr ? "" : std::string(info->test_suite_name()) + "." + info->name();
    std::ofstream(std::string(folder) + "/" + name + "." + std::to_string(number++) + ".ptx") << ptx;
}

}  // namespace

Machine::Machine(const std::string& ptx, int capability, int)
    : device(DeviceModel::of(capability).value()),
      memory(std::make_unique<DeviceMemory>(DeviceMemory::Limits{.addressBytes = std::uint64_t{4} << 30})) {
    options.threads = 2;
    writeOut(ptx);
    module = Module::load(ptx, device, *memory);
}

std::string Machine::header(int target) {
    const std::string version = target >= 90 ? "7.8" : "7.0";
    return ".version " + version + "\n.target sm_" + std::to_string(target) + "\n.address_size 64\n";
}

Machine Machine::ofFile(const std::string& path, int capability) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("no file " + path);
    std::stringstream text;
    text << file.rdbuf();
    return Machine(text.str(), capability, 0);
}

LaunchResult Machine::launch(const std::string& name, Dim3 grid, Dim3 block,
                             const std::vector<Argument>& arguments, std::uint32_t sharedBytes) const {
    const Kernel* kernel = module->findKernel(name);
    if (kernel == nullptr) throw std::runtime_error("the module has no kernel " + name);
    if (kernel->parameters.size() != arguments.size()) {
        throw std::runtime_error(name + " has " + std::to_string(kernel->parameters.size()) +
                                 " parameters, given " + std::to_string(arguments.size()));
    }
    std::vector<std::byte> parameters(kernel->parameterBytes);
    for (std::size_t i = 0; i < arguments.size(); i++) {
        const Parameter& parameter = kernel->parameters[i];
        if (parameter.bytes != arguments[i].bytes.size()) {
            throw std::runtime_error(parameter.name + " has " + std::to_string(parameter.bytes) +
                                     " bytes, given " + std::to_string(arguments[i].bytes.size()));
        }
        std::memcpy(parameters.data() + parameter.offset, arguments[i].bytes.data(), parameter.bytes);
    }
    LaunchConfig config{.grid = grid, .block = block, .sharedBytes = sharedBytes, .parameters = parameters};
    return emulator::launch(*kernel, config, device, *memory, options);
}

void Machine::run(const std::string& kernel, Dim3 grid, Dim3 block, const std::vector<Argument>& arguments,
                  std::uint32_t sharedBytes) const {
    const LaunchResult result = launch(kernel, grid, block, arguments, sharedBytes);
    ASSERT_EQ(result.status, LaunchStatus::OK) << nameOf(result.status) << ": " << result.report;
}

std::string threadKernel(const std::string& body, int resultBytes) {
    const std::string width = std::to_string(8 * resultBytes);
    const std::string registerWidth = resultBytes == 1 ? "16" : width;
    return R"(
.visible .entry test(.param .u64 test_out, .param .u64 test_in) {
    .reg .b)" +
           registerWidth + R"( %d;
    .reg .b16 %h<16>;
    .reg .b32 %i, %t, %z<3>, %r<32>;
    .reg .b64 %in, %out, %at, %x<32>;
    .reg .pred %p<8>;
    mov.u32 %t, %tid.x;
    mov.u32 %z0, %ctaid.x;
    mov.u32 %z1, %ntid.x;
    mad.lo.u32 %i, %z0, %z1, %t;
    ld.param.u64 %out, [test_out];
    ld.param.u64 %in, [test_in];
)" + body + R"(
    mad.wide.u32 %at, %i, )" +
           std::to_string(resultBytes) + R"(, %out;
    st.global.b)" +
           width + R"( [%at], %d;
    ret;
}
)";
}

}  // namespace quern::emulator
