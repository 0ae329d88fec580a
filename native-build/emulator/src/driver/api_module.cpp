// Loading PTX.
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>

#include "driver/call.hpp"
#include "driver/jit_options.hpp"
#include "driver/module.hpp"

using namespace quern::driver;
namespace emulator = quern::emulator;

namespace {

// As ptxas -v says it, as far as that is known here.
std::string describe(const emulator::Module& module, std::uint64_t hash, const RegisterTable& measured) {
    std::string lines;
    for (const emulator::Kernel* const kernel : module.kernels()) {
        const auto registers = measured.find(hash, kernel->name);
        lines += "info: " + kernel->name + ": " + std::to_string(registers.value_or(kernel->registers)) +
                 (registers ? " registers, " : " registers (estimated), ") +
                 std::to_string(kernel->staticSharedBytes) + " bytes smem, " +
                 std::to_string(kernel->localBytes) + " bytes lmem\n";
    }
    return lines;
}

void load(Call& call, CUmodule* module, const char* image, const JitOptions& jit) {
    requireNotNull(module, "module");
    requireNotNull(image, "image");
    const auto context = call.context();
    if (image[0] != '\0') requirePtx(image);
    call.countOrFail(CallKind::MODULE_LOAD);
    jit.requireTarget(call.driver.model().capability());
    const auto begin = std::chrono::steady_clock::now();
    std::shared_ptr<emulator::Module> code;
    try {
        code = emulator::Module::load(image, call.driver.model(), call.driver.memory());
    } catch (const emulator::LoadError& error) {
        jit.error.write(error.what());
        throw Failure(resultOf(error.kind), error.what());
    }
    if (jit.wallTime != nullptr) {
        const float milliseconds =
            std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - begin).count();
        std::memcpy(jit.wallTime, &milliseconds, sizeof milliseconds);
    }
    const std::uint64_t hash = contentHash(image);
    jit.info.write(jit.verbose ? describe(*code, hash, call.driver.registers) : "");
    jit.error.write("");
    const auto loaded = std::make_shared<Module>(context, std::move(code), hash);
    loaded->handle = call.driver.handles.add(loaded);
    *module = loaded->handle;
}

}  // namespace

QUERN_EXPORT CUresult cuModuleLoadData(CUmodule* module, const void* image) {
    return entry(__func__, [&](Call& call) { load(call, module, static_cast<const char*>(image), {}); });
}

QUERN_EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned optionCount,
                                         CUjit_option* options, void** optionValues) {
    return entry(__func__, [&](Call& call) {
        load(call, module, static_cast<const char*>(image),
             JitOptions::of(optionCount, options, optionValues));
    });
}

QUERN_EXPORT CUresult cuModuleLoadFatBinary(CUmodule* module, const void* image) {
    return entry(__func__, [&](Call& call) { load(call, module, static_cast<const char*>(image), {}); });
}

QUERN_EXPORT CUresult cuModuleLoad(CUmodule* module, const char* path) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(path, "fname");
        std::ifstream file(path, std::ios::binary);
        if (!file) throw Failure(CUDA_ERROR_FILE_NOT_FOUND, std::string("cannot read ") + path);
        const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        load(call, module, text.c_str(), {});
    });
}

QUERN_EXPORT CUresult cuModuleUnload(CUmodule handle) {
    return entry(__func__, [&](Call& call) {
        const auto module = call.driver.handles.get<Module>(handle);
        call.driver.scheduler.finish(call.lock, *module->context);
        for (const auto& [name, function] : module->functions) call.driver.handles.remove(function->handle);
        call.driver.handles.remove(handle);
        module->context->requireUsable();
    });
}

QUERN_EXPORT CUresult cuModuleGetFunction(CUfunction* function, CUmodule handle, const char* name) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(function, "hfunc");
        requireNotNull(name, "name");
        const auto module = call.driver.handles.get<Module>(handle);
        const emulator::Kernel* const kernel = module->code->findKernel(name);
        if (kernel == nullptr)
            throw Failure(CUDA_ERROR_NOT_FOUND, std::string("the module has no kernel ") + name);
        auto& known = module->functions[name];
        if (!known) {
            known = std::make_shared<Function>(*module, *kernel);
            known->handle = call.driver.handles.add(known);
        }
        *function = known->handle;
    });
}

QUERN_EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, std::size_t* bytes, CUmodule handle,
                                           const char* name) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(name, "name");
        const auto module = call.driver.handles.get<Module>(handle);
        const emulator::GlobalVariable* const variable = module->code->findGlobal(name);
        if (variable == nullptr)
            throw Failure(CUDA_ERROR_NOT_FOUND, std::string("the module has no variable ") + name);
        if (address != nullptr) *address = variable->address;
        if (bytes != nullptr) *bytes = variable->bytes;
    });
}

QUERN_EXPORT CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
    return entry(__func__, [&](Call&) {
        requireNotNull(mode, "mode");
        *mode = CU_MODULE_EAGER_LOADING;
    });
}
