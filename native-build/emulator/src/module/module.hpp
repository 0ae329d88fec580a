// A loaded PTX module: its kernels, decoded and ready to run, and its variables, allocated and initialised.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "device_model.hpp"
#include "memory/device_memory.hpp"
#include "module/load_error.hpp"

namespace quern::emulator {

struct Program;  // the decoded code of a kernel: exec/program.hpp

struct Parameter {
    std::uint32_t offset = 0;  // in the parameter block
    std::uint32_t bytes = 0;
    std::uint32_t align = 0;
    std::string name;
};

struct Kernel {
    std::string name;
    std::vector<Parameter> parameters;
    std::uint32_t parameterBytes = 0;
    std::uint32_t staticSharedBytes = 0;
    std::uint32_t localBytes = 0;           // a thread
    std::uint32_t constantBytes = 0;        // of the module's constant variables
    std::uint32_t registers = 0;            // a thread, an estimate: PTX registers are virtual
    std::uint32_t maxThreads[3] = {};       // .maxntid; 0: not said
    std::uint32_t requiredThreads[3] = {};  // .reqntid; 0: not said
    std::uint32_t minBlocks = 0;            // .minnctapersm; 0: not said
    std::string target;                     // "sm_80"
    std::shared_ptr<const Program> program;

    /// The largest block this kernel allows on the device.
    std::uint32_t maxThreadsPerBlock(const DeviceModel& device) const;
};

struct GlobalVariable {
    std::string name;
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
};

class Module {
  public:
    /// Parses and decodes all of `ptx` and places its variables in `memory`, which must outlive the module.
    /// Throws LoadError. An opcode or modifier that the emulator does not know fails the load: it is never guessed.
    static std::shared_ptr<Module> load(std::string_view ptx, const DeviceModel& device,
                                        DeviceMemory& memory);

    ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// Null where there is none of that name. Valid while the module lives.
    const Kernel* findKernel(std::string_view name) const;
    const GlobalVariable* findGlobal(std::string_view name) const;
    /// In order of name.
    std::vector<const Kernel*> kernels() const;

  private:
    friend class ModuleLoader;
    explicit Module(DeviceMemory& memory) : memory_(memory) {}

    DeviceMemory& memory_;
    std::map<std::string, Kernel, std::less<>> kernels_;
    std::map<std::string, GlobalVariable, std::less<>> globals_;
};

}  // namespace quern::emulator
