// Modules and the functions in them, as handles see them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "driver/context.hpp"
#include "driver/handles.hpp"
#include "driver/register_table.hpp"
#include "module/module.hpp"

namespace quern::driver {

class Module {
  public:
    Module(std::shared_ptr<Context> context, std::shared_ptr<emulator::Module> code, std::uint64_t hash)
        : context(std::move(context)), code(std::move(code)), hash(hash) {}

    const std::shared_ptr<Context> context;
    const std::shared_ptr<emulator::Module> code;
    const std::uint64_t hash;  // of its text, by which register counts are found
    CUmodule handle = nullptr;
    std::map<std::string, std::shared_ptr<Function>>
        functions;  // those asked for: the same name, the same handle
};

class Function {
  public:
    Function(Module& owner, const emulator::Kernel& kernel)
        : module(&owner), context(owner.context), code(owner.code), moduleHash(owner.hash), kernel(kernel) {}

    /// Registers of a thread: as somebody measured, else the estimate.
    std::uint32_t registers(const RegisterTable& measured) const {
        return measured.find(moduleHash, kernel.name).value_or(kernel.registers);
    }

    Module* const
        module;  // outlives the handle: a module that is unloaded takes its functions' handles with it
    const std::shared_ptr<Context> context;
    const std::shared_ptr<emulator::Module>
        code;  // keeps `kernel`, for graphs that outlive the module's handle
    const std::uint64_t moduleHash;
    const emulator::Kernel& kernel;
    CUfunction handle = nullptr;
    int dynamicSharedLimit =
        0;                    // what CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES was set to; 0: not set
    int sharedCarveout = -1;  // a hint
};

}  // namespace quern::driver
