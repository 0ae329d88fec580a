#include "driver/settings.hpp"

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

#include "device_model.hpp"

namespace quern::driver {

namespace {

std::optional<std::string> variable(const char* name) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

[[noreturn]] void refuse(const char* name, const std::string& value, const char* accepted) {
    throw std::invalid_argument(std::string(name) + "=" + value + ": expected " + accepted);
}

// One of two words: true for `yes`.
void choose(const char* name, const char* yes, const char* no, bool& choice) {
    const auto value = variable(name);
    if (!value) return;
    if (*value != yes && *value != no) refuse(name, *value, (std::string(yes) + " or " + no).c_str());
    choice = *value == yes;
}

std::uint64_t number(const char* name, const std::string& value, const std::string& digits,
                     const char* accepted) {
    if (digits.empty() || digits.size() > 15 || digits.find_first_not_of("0123456789") != std::string::npos) {
        refuse(name, value, accepted);
    }
    return std::stoull(digits);
}

std::uint64_t bytes(const char* name, const std::string& value) {
    constexpr const char* ACCEPTED = "a number of bytes such as 6442450944 or 6g";
    const std::size_t unit = std::string("kmgt").find(value.back());
    const bool plain = unit == std::string::npos;
    const std::uint64_t count =
        number(name, value, plain ? value : value.substr(0, value.size() - 1), ACCEPTED);
    const std::uint64_t scale = plain ? 1 : std::uint64_t{1} << (10 * (unit + 1));
    if (count == 0 || count > (std::uint64_t{8} << 40) / scale)
        refuse(name, value, "at most 8t, and more than 0");
    return count * scale;
}

}  // namespace

Settings Settings::fromEnvironment() {
    Settings settings;
    if (const auto value = variable("QUERN_EMULATOR_DEVICE")) {
        constexpr const char* ACCEPTED = "sm_75, sm_80, sm_86, sm_89 or sm_90";
        if (value->rfind("sm_", 0) != 0) refuse("QUERN_EMULATOR_DEVICE", *value, ACCEPTED);
        settings.capability =
            static_cast<int>(number("QUERN_EMULATOR_DEVICE", *value, value->substr(3), ACCEPTED));
        if (!emulator::DeviceModel::of(settings.capability))
            refuse("QUERN_EMULATOR_DEVICE", *value, ACCEPTED);
    }
    if (const auto value = variable("QUERN_EMULATOR_MEMORY")) {
        settings.memoryBytes = bytes("QUERN_EMULATOR_MEMORY", *value);
    }
    if (const auto value = variable("QUERN_EMULATOR_PATIENCE")) {
        settings.patience = std::chrono::milliseconds(
            number("QUERN_EMULATOR_PATIENCE", *value, *value, "a number of milliseconds"));
    }
    choose("QUERN_EMULATOR_STREAMS", "eager", "late", settings.eagerStreams);
    choose("QUERN_EMULATOR_LAUNCH", "discard", "run", settings.discardLaunches);
    settings.log = logFromEnvironment();
    settings.registers = variable("QUERN_EMULATOR_REGISTERS").value_or("");
    settings.fail = variable("QUERN_EMULATOR_FAIL").value_or("");
    return settings;
}

bool Settings::logFromEnvironment() {
    bool log = false;
    choose("QUERN_EMULATOR_LOG", "on", "off", log);
    return log;
}

}  // namespace quern::driver
