// Loading PTX.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "driver/call.hpp"
#include "driver/module.hpp"

using namespace quern::driver;
namespace emulator = quern::emulator;

namespace {

// A log buffer of cuModuleLoadDataEx: the size arrives as a value in the option's slot and leaves there as the bytes
// written.
struct LogBuffer {
    char* buffer = nullptr;
    void** size = nullptr;

    void write(const std::string& text) const {
        if (buffer == nullptr || size == nullptr) return;
        const std::size_t room = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(*size));
        if (room == 0) return;
        const std::size_t length = std::min(room - 1, text.size());
        std::memcpy(buffer, text.data(), length);
        buffer[length] = '\0';
        *size = reinterpret_cast<void*>(length + 1);
    }
};

struct JitOptions {
    LogBuffer info;
    LogBuffer error;
    void** wallTime = nullptr;

    static JitOptions of(unsigned count, const CUjit_option* options, void** values) {
        JitOptions jit;
        if (count == 0) return jit;
        requireNotNull(options, "options");
        requireNotNull(values, "optionValues");
        for (unsigned i = 0; i < count; ++i) {
            switch (options[i]) {
                case CU_JIT_INFO_LOG_BUFFER: jit.info.buffer = static_cast<char*>(values[i]); break;
                case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES: jit.info.size = &values[i]; break;
                case CU_JIT_ERROR_LOG_BUFFER: jit.error.buffer = static_cast<char*>(values[i]); break;
                case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: jit.error.size = &values[i]; break;
                case CU_JIT_WALL_TIME: jit.wallTime = &values[i]; break;
                default: break;  // how to optimise: an interpreter does not
            }
        }
        return jit;
    }
};

CUresult resultOf(emulator::LoadErrorKind kind) {
    switch (kind) {
        case emulator::LoadErrorKind::INVALID_PTX: return CUDA_ERROR_INVALID_PTX;
        case emulator::LoadErrorKind::UNSUPPORTED_TARGET: return CUDA_ERROR_NO_BINARY_FOR_GPU;
        case emulator::LoadErrorKind::OUT_OF_MEMORY: return CUDA_ERROR_OUT_OF_MEMORY;
    }
    return CUDA_ERROR_UNKNOWN;
}

// Cubins and fat binaries begin with a magic number; text begins with text.
void requirePtx(const char* image) {
    const bool elf = std::strncmp(image,
                                  "\x7f"
                                  "ELF",
                                  4) == 0;
    const bool fatBinary = std::strncmp(image, "\x50\xed\x55\xba", 4) == 0;
    require(!elf && !fatBinary, CUDA_ERROR_NO_BINARY_FOR_GPU,
            "the image is machine code (cubin or fatbin); the emulator executes PTX: compile with nvcc -ptx");
}

void load(Call& call, CUmodule* module, const char* image, const JitOptions& jit) {
    requireNotNull(module, "module");
    requireNotNull(image, "image");
    const auto context = call.context();
    if (image[0] != '\0') requirePtx(image);
    if (jit.wallTime != nullptr) {
        const float none = 0;
        std::memcpy(jit.wallTime, &none, sizeof none);
    }
    std::shared_ptr<emulator::Module> code;
    try {
        code = emulator::Module::load(image, call.driver.model(), call.driver.memory());
    } catch (const emulator::LoadError& error) {
        jit.error.write(error.what());
        throw Failure(resultOf(error.kind), error.what());
    }
    jit.info.write("");
    jit.error.write("");
    const auto loaded = std::make_shared<Module>(context, std::move(code));
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
