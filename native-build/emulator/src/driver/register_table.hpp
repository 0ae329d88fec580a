// Register counts that somebody measured, by NVIDIA's assembler or on a device, in place of estimates.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace quern::driver {

/// Identifies a module by its text.
std::uint64_t contentHash(std::string_view ptx);

/// Guarded by the driver's mutex.
class RegisterTable {
  public:
    /// The count for a kernel of the module whose text has this hash.
    void set(std::uint64_t moduleHash, const std::string& kernel, std::uint32_t registers);

    /// Reads counts for kernels of any module from lines of a name and a number; # begins a comment. In place of what
    /// was read before; "" reads nothing. Throws std::invalid_argument naming file and line.
    void read(const std::string& path);

    /// The count for a kernel: that of its module, else that of its name.
    std::optional<std::uint32_t> find(std::uint64_t moduleHash, const std::string& kernel) const;

  private:
    std::map<std::pair<std::uint64_t, std::string>, std::uint32_t> byModule_;
    std::map<std::string, std::uint32_t> byName_;
};

}  // namespace quern::driver
