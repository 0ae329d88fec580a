// printf of kernels: conversions, and the buffer from which the host prints.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace quern::emulator {

/// What printf needs of the kernel: its arguments in turn, and the text that a pointer of the kernel names.
struct PrintArguments {
    std::function<std::uint64_t(int bytes)> next;
    std::function<std::string(std::uint64_t address)> text;
};

/// The text, and how many arguments were taken, which is what printf of CUDA returns.
struct Printed {
    std::string text;
    int arguments = 0;
};

/// Conversions are those of C. What CUDA does not know (%n) and what is no conversion is printed as it stands.
Printed formatPrint(std::string_view format, const PrintArguments& arguments);

/// What kernels have printed, in order. Like the buffer of a GPU it keeps the latest `limit` bytes: what is older is
/// lost when a kernel prints more before the host does.
class Printer {
  public:
    explicit Printer(std::size_t limit) : limit_(limit) {}
    void add(std::string text);
    std::string take();

  private:
    const std::size_t limit_;
    std::mutex mutex_;
    std::deque<std::string> texts_;
    std::size_t bytes_ = 0;
};

}  // namespace quern::emulator
