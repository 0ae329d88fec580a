// Linking PTX. What comes out is one PTX module, which is what this driver loads; programs treat it as opaque.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "driver/call.hpp"
#include "driver/jit_options.hpp"
#include "driver/link.hpp"
#include "module/module.hpp"
#include "ptx/parser.hpp"

using namespace quern::driver;
namespace emulator = quern::emulator;

namespace {

// Lines of a further input that its module has of its own; source lines (.file, .loc) would be counted twice.
bool belongsToOneModule(std::string_view line) {
    const std::size_t text = line.find_first_not_of(" \t");
    if (text == std::string_view::npos) return false;
    line.remove_prefix(text);
    return line.starts_with(".version") || line.starts_with(".target") || line.starts_with(".address_size") ||
           line.starts_with(".file") || line.starts_with(".loc");
}

std::string withoutHead(const std::string& ptx) {
    std::istringstream lines(ptx);
    std::string body, line;
    while (std::getline(lines, line)) {
        if (!belongsToOneModule(line)) body += line + "\n";
    }
    return body;
}

int targetOf(std::string_view target) {
    int capability = 0;
    for (const char c : target.substr(std::min<std::size_t>(3, target.size()))) {
        if (c < '0' || c > '9') break;
        capability = 10 * capability + (c - '0');
    }
    return capability;
}

void add(Call& call, Link& link, CUjitInputType type, const std::string& text, const std::string& name) {
    require(link.image.empty(), CUDA_ERROR_INVALID_VALUE, "cuLinkComplete has been called");
    if (type != CU_JIT_INPUT_PTX) {
        throw Failure(CUDA_ERROR_NOT_SUPPORTED,
                      name + ": the emulator links PTX, not machine code, libraries or intermediate code");
    }
    requirePtx(text.c_str());
    call.countOrFail(CallKind::MODULE_LOAD);
    try {
        const emulator::ptx::Module parsed = emulator::ptx::parse(text);
        link.inputs.push_back({text, targetOf(parsed.target)});
    } catch (const emulator::LoadError& error) {
        const std::string message = name + ": " + error.what();
        link.jit.error.write(message);
        throw Failure(resultOf(error.kind), message);
    }
}

// The newest target's input first: its head holds for all.
std::string joined(const Link& link) {
    const auto newest = std::max_element(link.inputs.begin(), link.inputs.end(),
                                         [](const auto& a, const auto& b) { return a.target < b.target; });
    std::string text = newest->text;
    for (auto input = link.inputs.begin(); input != link.inputs.end(); ++input) {
        if (input != newest) text += "\n" + withoutHead(input->text);
    }
    return text;
}

}  // namespace

QUERN_EXPORT CUresult cuLinkCreate_v2(unsigned optionCount, CUjit_option* options, void** optionValues,
                                      CUlinkState* state) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(state, "stateOut");
        call.context();
        const auto link = std::make_shared<Link>();
        link->jit = JitOptions::of(optionCount, options, optionValues);
        link->jit.requireTarget(call.driver.model().capability());
        *state = call.driver.handles.add(link);
    });
}

QUERN_EXPORT CUresult cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, std::size_t bytes,
                                       const char* name, unsigned optionCount, CUjit_option* options,
                                       void** optionValues) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(data, "data");
        const auto link = call.driver.handles.get<Link>(state);
        JitOptions::of(optionCount, options, optionValues);
        const auto* const text = static_cast<const char*>(data);
        add(call, *link, type, std::string(text, strnlen(text, bytes)), name == nullptr ? "an input" : name);
    });
}

QUERN_EXPORT CUresult cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path,
                                       unsigned optionCount, CUjit_option* options, void** optionValues) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(path, "path");
        const auto link = call.driver.handles.get<Link>(state);
        JitOptions::of(optionCount, options, optionValues);
        std::ifstream file(path, std::ios::binary);
        if (!file) throw Failure(CUDA_ERROR_FILE_NOT_FOUND, std::string("cannot read ") + path);
        add(call, *link, type, {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()},
            path);
    });
}

QUERN_EXPORT CUresult cuLinkComplete(CUlinkState state, void** image, std::size_t* bytes) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(image, "cubinOut");
        const auto link = call.driver.handles.get<Link>(state);
        require(!link->inputs.empty(), CUDA_ERROR_INVALID_VALUE, "nothing was added to link");
        if (link->image.empty()) {
            std::string text = joined(*link);
            try {
                // Loaded once for the errors; its variables go again at once.
                emulator::Module::load(text, call.driver.model(), call.driver.memory());
            } catch (const emulator::LoadError& error) {
                link->jit.error.write(error.what());
                throw Failure(resultOf(error.kind), error.what());
            }
            link->image = std::move(text);
            link->jit.info.write("");
            link->jit.error.write("");
        }
        *image = link->image.data();
        if (bytes != nullptr) *bytes = link->image.size() + 1;  // with the NUL that ends it
    });
}

QUERN_EXPORT CUresult cuLinkDestroy(CUlinkState state) {
    return entry(__func__, [&](Call& call) {
        call.driver.handles.get<Link>(state);
        call.driver.handles.remove(state);
    });
}
