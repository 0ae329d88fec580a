// PTX on a device of its own: what the conformance tests stand on. They are written from the PTX ISA and from
// arithmetic of their own, and know of the emulator only how to load, to launch and to look at memory.
//
// With QUERN_CONFORMANCE_PTX=FOLDER in the environment every snippet is also written to that folder, so that an
// assembler can say whether it is PTX at all.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "run/launch.hpp"

namespace quern::emulator {

/// The bytes of one kernel argument.
struct Argument {
    std::vector<std::byte> bytes;

    template <class T>
    Argument(const T& value) : bytes(sizeof(T)) {  // NOLINT: arguments are written as plain values
        static_assert(std::is_trivially_copyable_v<T>);
        std::memcpy(bytes.data(), &value, sizeof(T));
    }
};

class Machine {
  public:
    /// Loads `body`, which begins after .version, .target and .address_size. Throws LoadError.
    explicit Machine(const std::string& body, int target = 80) : Machine(header(target) + body, target, 0) {}
    /// Loads a whole file of PTX.
    static Machine ofFile(const std::string& path, int capability);

    /// What Machine(body) puts before the body, in lines.
    static constexpr int HEADER_LINES = 3;

    template <class T>
    std::uint64_t upload(const std::vector<T>& values) {
        const std::uint64_t address = memory->allocate(values.size() * sizeof(T));
        std::memcpy(reinterpret_cast<void*>(address), values.data(), values.size() * sizeof(T));
        memory->markInitialised(address, values.size() * sizeof(T));
        return address;
    }
    /// Room for `count` values, every byte 0xcd.
    template <class T>
    std::uint64_t allocate(std::size_t count) {
        const std::uint64_t address = memory->allocate(count * sizeof(T));
        std::memset(reinterpret_cast<void*>(address), 0xcd, count * sizeof(T));
        return address;
    }
    template <class T>
    std::vector<T> download(std::uint64_t address, std::size_t count) const {
        std::vector<T> values(count);
        std::memcpy(values.data(), reinterpret_cast<const void*>(address), count * sizeof(T));
        return values;
    }

    LaunchResult launch(const std::string& kernel, Dim3 grid, Dim3 block,
                        const std::vector<Argument>& arguments, std::uint32_t sharedBytes = 0) const;
    /// Launches and expects it to end well.
    void run(const std::string& kernel, Dim3 grid, Dim3 block, const std::vector<Argument>& arguments,
             std::uint32_t sharedBytes = 0) const;

    Options options;
    DeviceModel device;
    std::unique_ptr<DeviceMemory> memory;
    std::shared_ptr<Module> module;

  private:
    Machine(const std::string& ptx, int capability, int);
    static std::string header(int target);
};

/// Runs `body` in one block of `threads` threads (a grid of `blocks`) and gives what it stored: each thread's %d, of T.
/// Declared for the body: %d; %i, the thread's index in the grid, and %t, in its block; %in, the address of `input`
/// in global memory; %out, that of a word of T for each thread; scratch %h<16> (b16), %r<32> (b32), %x<32> (b64),
/// %p<8> (predicates). `declarations` come before the kernel.
template <class T>
std::vector<T> runThreads(const std::string& body, std::uint32_t threads, std::uint32_t blocks = 1,
                          const std::vector<std::uint32_t>& input = {0}, const std::string& declarations = "",
                          int target = 80);

/// The kernel `test` that runThreads makes: parameters out and in.
std::string threadKernel(const std::string& body, int resultBytes);

template <class T>
std::vector<T> runThreads(const std::string& body, std::uint32_t threads, std::uint32_t blocks,
                          const std::vector<std::uint32_t>& input, const std::string& declarations,
                          int target) {
    Machine machine(declarations + threadKernel(body, sizeof(T)), target);
    const std::size_t count = std::size_t{threads} * blocks;
    const std::uint64_t out = machine.allocate<T>(count);
    const std::uint64_t in = machine.upload(input);
    machine.run("test", {blocks}, {threads}, {out, in});
    return machine.download<T>(out, count);
}

}  // namespace quern::emulator
