// Running small pieces of PTX in tests.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "run/launch.hpp"

namespace quern::emulator::test {

/// As PTX writes it.
template <typename T>
std::string typeName() {
    if (std::is_floating_point_v<T>) return "f" + std::to_string(8 * sizeof(T));
    return (std::is_signed_v<T> ? "s" : "u") + std::to_string(8 * sizeof(T));
}

/// Three lines that every module begins with.
inline const std::string HEADER = ".version 7.8\n.target sm_80\n.address_size 64\n";

/// A device with memory, on which modules are loaded and kernels run.
struct Bench {
    DeviceModel device = *DeviceModel::of(80);
    DeviceMemory memory;
    Options options;
    std::shared_ptr<Module> module;

    Bench() { options.timeoutSeconds = 60; }

    /// PTX without its header.
    Bench& load(const std::string& body) {
        module = Module::load(HEADER + body, device, memory);
        return *this;
    }

    template <typename T>
    std::uint64_t upload(const std::vector<T>& values) {
        const std::uint64_t address = memory.allocate(std::max<std::size_t>(values.size() * sizeof(T), 1));
        std::memcpy(reinterpret_cast<void*>(address), values.data(), values.size() * sizeof(T));
        memory.markInitialised(address, values.size() * sizeof(T));
        return address;
    }
    template <typename T>
    std::vector<T> download(std::uint64_t address, std::size_t count) const {
        std::vector<T> values(count);
        std::memcpy(values.data(), reinterpret_cast<const void*>(address), count * sizeof(T));
        return values;
    }

    template <typename... A>
    LaunchResult run(const std::string& kernel, Dim3 grid, Dim3 block, std::uint32_t shared, A... arguments) {
        std::vector<std::byte> parameters;
        (append(parameters, arguments), ...);
        LaunchConfig config;
        config.grid = grid;
        config.block = block;
        config.sharedBytes = shared;
        config.parameters = parameters;
        config.cooperative = cooperative;
        return launch(*module->findKernel(kernel), config, device, memory, options);
    }

    bool cooperative = false;

  private:
    template <typename T>
    static void append(std::vector<std::byte>& block, T value) {
        while (block.size() % sizeof(T) != 0) block.push_back(std::byte{0});
        const auto* bytes = reinterpret_cast<const std::byte*>(&value);
        block.insert(block.end(), bytes, bytes + sizeof(T));
    }
};

/// One instruction on vectors: instruction "add.s32" of sources a, b gives d[i] of a[i], b[i]. `tail` follows the
/// operands. A bool result is a predicate.
class Instruction {
  public:
    explicit Instruction(std::string opcode, std::string tail = "")
        : opcode_(std::move(opcode)), tail_(std::move(tail)) {}

    template <typename D, typename... S>
    std::vector<D> of(const std::vector<S>&... sources) const {
        const std::size_t count = std::get<0>(std::tie(sources...)).size();
        Bench bench;
        bench.load(text<D, S...>());
        const std::size_t stored = std::is_same_v<D, bool> ? 4 : sizeof(D);
        const std::uint64_t out = bench.memory.allocate(count * stored);
        const std::uint32_t threads = 128;
        const auto blocks = static_cast<std::uint32_t>((count + threads - 1) / threads);
        const LaunchResult result = bench.run("k", {blocks, 1, 1}, {threads, 1, 1}, 0, out,
                                              static_cast<std::uint32_t>(count), bench.upload(sources)...);
        if (!result.ok()) throw std::runtime_error(result.report);
        if constexpr (std::is_same_v<D, bool>) {
            std::vector<bool> values;
            for (std::uint32_t value : bench.download<std::uint32_t>(out, count))
                values.push_back(value != 0);
            return values;
        } else {
            return bench.download<D>(out, count);
        }
    }

  private:
    template <typename T>
    static std::string bits() {
        return std::to_string(8 * sizeof(T));
    }

    template <typename D, typename... S>
    std::string text() const {
        const char names[] = "abce";
        std::string declarations;
        std::string loads;
        std::string parameters;
        std::string operands;
        int index = 0;
        (
            [&] {
                const std::string name(1, names[index]);
                parameters += ", .param .u64 p" + name;
                declarations += ".reg .b" + bits<S>() + " %" + name + ";\n";
                loads += "ld.param.u64 %at, [p" + name + "];\nmad.wide.u32 %at, %i, " +
                         std::to_string(sizeof(S)) + ", %at;\nld.global.b" + bits<S>() + " %" + name +
                         ", [%at];\n";
                operands += ", %" + name;
                index++;
            }(),
            ...);
        constexpr bool predicate = std::is_same_v<D, bool>;
        const std::string width = predicate ? "32" : bits<D>();
        const std::string target = predicate ? "%p" : "%d";
        return ".visible .entry k(.param .u64 out, .param .u32 count" + parameters + ")\n{\n" + declarations +
               ".reg .b" + width +
               " %d;\n.reg .pred %p, %outside;\n.reg .b64 %at;\n.reg .b32 %i, %n;\n"
               "mov.u32 %i, %ctaid.x;\nmov.u32 %n, %ntid.x;\nmul.lo.u32 %i, %i, %n;\nmov.u32 %n, %tid.x;\n"
               "add.u32 %i, %i, %n;\nld.param.u32 %n, [count];\nsetp.ge.u32 %outside, %i, %n;\n@%outside "
               "exit;\n" +
               loads + opcode_ + " " + target + operands + tail_ + ";\n" +
               (predicate ? "selp.u32 %d, 1, 0, %p;\n" : "") +
               "ld.param.u64 %at, [out];\nmad.wide.u32 %at, %i, " +
               std::to_string(predicate ? 4 : sizeof(D)) + ", %at;\nst.global.b" + width +
               " [%at], %d;\nret;\n}\n";
    }

    std::string opcode_;
    std::string tail_;
};

/// All pairs, all triples of some values: edge values meet each other.
template <typename T>
std::pair<std::vector<T>, std::vector<T>> pairs(const std::vector<T>& values) {
    std::pair<std::vector<T>, std::vector<T>> result;
    for (T a : values) {
        for (T b : values) {
            result.first.push_back(a);
            result.second.push_back(b);
        }
    }
    return result;
}

}  // namespace quern::emulator::test
