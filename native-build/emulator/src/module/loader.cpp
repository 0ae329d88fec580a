// Loading: parse, place variables, decode kernels.
#include <bit>
#include <cstring>

#include "decode/decoder.hpp"
#include "module/module.hpp"
#include "module/register_estimate.hpp"
#include "ptx/lexer.hpp"
#include "ptx/parser.hpp"

namespace quern::emulator {

class ModuleLoader {
  public:
    ModuleLoader(std::string_view ptx, const DeviceModel& device, DeviceMemory& memory)
        : source_(std::make_shared<const std::string>(ptx)), device_(device), memory_(memory) {}

    std::shared_ptr<Module> load() {
        tree_ = ptx::parse(*source_);
        checkTarget();
        module_ = std::shared_ptr<Module>(new Module(memory_));
        for (const ptx::Variable& variable : tree_.variables) place(variable);
        for (const ptx::Function& function : tree_.functions) declare(function);
        declareAliases();
        for (const ptx::Variable& variable : tree_.variables) initialise(variable);
        ModuleContext context;
        context.source = source_;
        context.globals = &globals_;
        context.module = &tree_;
        context.constantBytes = constantBytes_;
        const CallGraph calls(tree_, globals_);
        context.calls = &calls;
        for (const ptx::Function& function : tree_.functions) {
            if (function.entry && function.defined) add(function, context);
        }
        return module_;
    }

  private:
    [[noreturn]] void refuse(LoadErrorKind kind, ptx::Place place, std::string_view text,
                             const std::string& message) const {
        throw LoadError(kind, place.line, place.column, std::string(text), message);
    }

    // "sm_80": runs on 80 and newer; "sm_90a": on 90 alone.
    void checkTarget() const {
        const std::string target(tree_.target);
        int capability = 0;
        std::size_t at = 3;
        while (at < target.size() && target[at] >= '0' && target[at] <= '9' && at < 7) {
            capability = 10 * capability + (target[at++] - '0');
        }
        const std::string suffix = at < target.size() ? target.substr(at) : "";
        if (!target.starts_with("sm_") || capability == 0 ||
            (suffix != "" && suffix != "a" && suffix != "f")) {
            refuse(LoadErrorKind::INVALID_PTX, {}, target, "unknown target");
        }
        const bool fits =
            suffix == "a" ? capability == device_.capability() : capability <= device_.capability();
        if (!fits) {
            refuse(LoadErrorKind::UNSUPPORTED_TARGET, {}, target,
                   "the device is sm_" + std::to_string(device_.capability()) +
                       ", the PTX is for another target");
        }
    }

    void place(const ptx::Variable& variable) {
        if (variable.space == ptx::StateSpace::SHARED) return;  // laid out for each kernel
        if (variable.space != ptx::StateSpace::GLOBAL && variable.space != ptx::StateSpace::CONSTANT) {
            refuse(LoadErrorKind::INVALID_PTX, variable.place, variable.name,
                   "this variable belongs into a function");
        }
        if (variable.external) return;
        const bool constant = variable.space == ptx::StateSpace::CONSTANT;
        const std::uint64_t bytes = bytesOf(variable);
        if (bytes == 0)
            refuse(LoadErrorKind::INVALID_PTX, variable.place, variable.name, "variable without a size");
        if (alignOf(variable) > 256)
            refuse(LoadErrorKind::INVALID_PTX, variable.place, variable.name, "alignment above 256");
        if (constant) constantBytes_ += static_cast<std::uint32_t>(bytes);
        if (constant && constantBytes_ > static_cast<std::uint32_t>(device_.constantBytes)) {
            refuse(LoadErrorKind::INVALID_PTX, variable.place, variable.name,
                   "more than 64 KiB of constant variables");
        }
        const auto kind = constant ? AllocationKind::MODULE_CONSTANT : AllocationKind::MODULE_GLOBAL;
        GlobalVariable global;
        global.name = std::string(variable.name);
        global.bytes = bytes;
        global.address = memory_.allocate(bytes, kind, global.name);
        if (global.address == 0) {
            refuse(LoadErrorKind::OUT_OF_MEMORY, variable.place, variable.name,
                   "no memory for this variable");
        }
        std::memset(reinterpret_cast<void*>(global.address), 0, bytes);
        Symbol symbol;
        symbol.kind = constant ? SymbolKind::CONSTANT : SymbolKind::GLOBAL;
        symbol.place = global.address;
        symbol.bytes = static_cast<std::uint32_t>(bytes);
        symbol.element = static_cast<std::uint32_t>(variable.type.bytes() * variable.vectorLength);
        if (!globals_.add(variable.name, symbol)) {
            memory_.free(global.address);
            refuse(LoadErrorKind::INVALID_PTX, variable.place, variable.name, "declared twice");
        }
        module_->globals_.emplace(global.name, global);
    }

    void initialise(const ptx::Variable& variable) const {
        if (variable.initial.empty()) return;
        const Symbol* symbol = globals_.find(variable.name);
        const std::size_t size = static_cast<std::size_t>(variable.type.bytes());
        if (size > 8)
            refuse(LoadErrorKind::INVALID_PTX, variable.place, variable.name,
                   "initial values of 128 bits are not supported");
        if (symbol == nullptr || variable.initial.back().at >= bytesOf(variable) / size) {
            refuse(LoadErrorKind::INVALID_PTX, variable.place, variable.name, "too many initial values");
        }
        char* const to = reinterpret_cast<char*>(symbol->place);
        for (const ptx::InitialValue& value : variable.initial) {
            const std::uint64_t bits = bitsOf(variable, value);
            std::memcpy(to + value.at * size, &bits, size);
        }
    }

    std::uint64_t bitsOf(const ptx::Variable& variable, const ptx::InitialValue& value) const {
        const ptx::Operand& operand = value.operand;
        const bool wide = variable.type.letter == 'f' && variable.type.bits == 64;
        const bool narrow = variable.type.letter == 'f' && variable.type.bits == 32;
        switch (operand.kind) {
            case ptx::OperandKind::FLOAT32:
                if (!wide) return operand.value;
                return std::bit_cast<std::uint64_t>(
                    double{std::bit_cast<float>(static_cast<std::uint32_t>(operand.value))});
            case ptx::OperandKind::FLOAT64:
                if (!narrow) return operand.value;
                return std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(operand.value)));
            case ptx::OperandKind::NAME: {
                const Symbol* symbol = globals_.find(operand.name);
                if (symbol == nullptr) {
                    refuse(LoadErrorKind::INVALID_PTX, operand.place, operand.name,
                           "unknown name in an initialiser");
                }
                if (symbol->kind == SymbolKind::FUNCTION) {
                    return functionPointer(
                        static_cast<std::size_t>(symbol->function - tree_.functions.data()));
                }
                return symbol->place + static_cast<std::uint64_t>(operand.offset);
            }
            default: return operand.value;
        }
    }

    void declare(const ptx::Function& function) {
        // A declaration may stand before the definition; the definition is the one that counts.
        for (const ptx::Function& other : tree_.functions) {
            if (other.name == function.name && other.defined && !function.defined) return;
        }
        Symbol symbol;
        symbol.kind = SymbolKind::FUNCTION;
        symbol.function = &function;
        if (!globals_.add(function.name, symbol) && function.defined) {
            refuse(LoadErrorKind::INVALID_PTX, function.place, function.name, "defined twice");
        }
    }

    void declareAliases() {
        for (const auto& [name, function] : tree_.aliases) {
            const Symbol* symbol = globals_.find(function);
            if (symbol == nullptr || symbol->kind != SymbolKind::FUNCTION)
                refuse(LoadErrorKind::INVALID_PTX, {}, function, "alias of an unknown function");
            const Symbol same = *symbol;
            globals_.replace(name, same);
        }
    }

    void add(const ptx::Function& function, const ModuleContext& context) {
        Kernel kernel;
        kernel.name = std::string(function.name);
        kernel.target = std::string(tree_.target);
        std::copy(std::begin(function.maxThreads), std::end(function.maxThreads), kernel.maxThreads);
        std::copy(std::begin(function.requiredThreads), std::end(function.requiredThreads),
                  kernel.requiredThreads);
        kernel.minBlocks = function.minBlocks;
        kernel.registers = estimateRegisters(function, tree_);
        Layout layout;
        for (const ptx::Variable& variable : function.parameters) {
            Parameter parameter;
            parameter.bytes = static_cast<std::uint32_t>(bytesOf(variable));
            parameter.align = static_cast<std::uint32_t>(alignOf(variable));
            parameter.offset = static_cast<std::uint32_t>(layout.place(parameter.bytes, parameter.align));
            parameter.name = std::string(variable.name);
            kernel.parameters.push_back(parameter);
        }
        kernel.parameterBytes = static_cast<std::uint32_t>(layout.size());
        Decoder(context, kernel).decode(function);
        module_->kernels_.emplace(kernel.name, std::move(kernel));
    }

    std::shared_ptr<const std::string> source_;
    const DeviceModel& device_;
    DeviceMemory& memory_;
    ptx::Module tree_;
    Scope globals_{nullptr};
    std::uint32_t constantBytes_ = 0;
    std::shared_ptr<Module> module_;
};

std::shared_ptr<Module> Module::load(std::string_view ptx, const DeviceModel& device, DeviceMemory& memory) {
    return ModuleLoader(ptx, device, memory).load();
}

}  // namespace quern::emulator
