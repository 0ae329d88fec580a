#include "driver/register_table.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace quern::driver {

namespace {

constexpr std::uint32_t MOST = 255;

}  // namespace

// FNV-1a.
std::uint64_t contentHash(std::string_view ptx) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : ptx) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

void RegisterTable::set(std::uint64_t moduleHash, const std::string& kernel, std::uint32_t registers) {
    byModule_[{moduleHash, kernel}] = registers;
}

void RegisterTable::read(const std::string& path) {
    std::map<std::string, std::uint32_t> counts;
    if (!path.empty()) {
        std::ifstream file(path);
        if (!file) throw std::invalid_argument("QUERN_EMULATOR_REGISTERS=" + path + ": cannot read the file");
        std::string line;
        for (int number = 1; std::getline(file, line); ++number) {
            std::istringstream words(line.substr(0, line.find('#')));
            std::string kernel;
            if (!(words >> kernel)) continue;
            std::uint32_t registers = 0;
            std::string rest;
            if (!(words >> registers) || registers > MOST || words >> rest) {
                throw std::invalid_argument("QUERN_EMULATOR_REGISTERS=" + path + ", line " +
                                            std::to_string(number) +
                                            ": expected a kernel's name and a number up to " +
                                            std::to_string(MOST) + ", not: " + line);
            }
            counts[kernel] = registers;
        }
    }
    byName_ = std::move(counts);
}

std::optional<std::uint32_t> RegisterTable::find(std::uint64_t moduleHash, const std::string& kernel) const {
    if (const auto found = byModule_.find({moduleHash, kernel}); found != byModule_.end())
        return found->second;
    if (const auto found = byName_.find(kernel); found != byName_.end()) return found->second;
    return std::nullopt;
}

}  // namespace quern::driver
