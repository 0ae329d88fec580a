#include "options.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace quern::emulator {

namespace {

[[noreturn]] void refuse(const char* variable, const std::string& value, const char* accepted) {
    throw std::invalid_argument(std::string(variable) + "=" + value + ": expected " + accepted);
}

bool isDecimal(const std::string& text) {
    return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
}

std::uint64_t wholeNumber(const char* variable, const std::string& value) {
    if (!isDecimal(value)) refuse(variable, value, "a whole number");
    return std::stoull(value);
}

bool onOff(const char* variable, const std::string& value) {
    if (value == "on") return true;
    if (value == "off") return false;
    refuse(variable, value, "on or off");
}

void setChecks(const char* variable, const std::string& value, Options& options) {
    options.checks = options.races = false;
    if (value == "off") return;
    for (std::size_t begin = 0; begin <= value.size();) {
        const std::size_t comma = std::min(value.find(',', begin), value.size());
        const std::string name = value.substr(begin, comma - begin);
        begin = comma + 1;
        const bool all = name == "all";
        if (all || name == "races") options.races = true;
        // The others look at memory that this one has found to be there.
        options.checks = true;
        if (!all && name != "on" && name != "memory" && name != "races")
            refuse(variable, value, "on, off, all, or a list of memory and races");
    }
}

void setSchedule(const char* variable, const std::string& value, Options& options) {
    const std::string seeded = "random:";
    if (value == "forward") {
        options.schedule = Schedule::FORWARD;
    } else if (value == "reverse") {
        options.schedule = Schedule::REVERSE;
    } else if (value == "random") {
        options.schedule = Schedule::RANDOM;
    } else if (value.starts_with(seeded) && isDecimal(value.substr(seeded.size()))) {
        options.schedule = Schedule::RANDOM;
        options.seed = std::stoull(value.substr(seeded.size()));
    } else {
        refuse(variable, value, "forward, reverse, random or random:SEED");
    }
}

template <typename Use>
void ifSet(const char* variable, Use use) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') use(variable, std::string(value));
}

}  // namespace

Options Options::fromEnvironment() {
    Options options;
    ifSet("QUERN_EMULATOR_THREADS", [&](const char* variable, const std::string& value) {
        options.threads = static_cast<int>(std::min<std::uint64_t>(wholeNumber(variable, value), 1024));
    });
    ifSet("QUERN_EMULATOR_SCHEDULE",
          [&](const char* variable, const std::string& value) { setSchedule(variable, value, options); });
    ifSet("QUERN_EMULATOR_CHECKS",
          [&](const char* variable, const std::string& value) { setChecks(variable, value, options); });
    ifSet("QUERN_EMULATOR_COUNTERS",
          [&](const char* variable, const std::string& value) { options.counters = onOff(variable, value); });
    ifSet("QUERN_EMULATOR_TIMEOUT", [&](const char* variable, const std::string& value) {
        options.timeoutSeconds = static_cast<double>(wholeNumber(variable, value));
    });
    ifSet("QUERN_EMULATOR_BUDGET", [&](const char* variable, const std::string& value) {
        options.instructionBudget = wholeNumber(variable, value);
    });
    return options;
}

}  // namespace quern::emulator
