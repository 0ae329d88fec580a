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

void setChecks(const char* variable, const std::string& value, Options& options) {
    options.checks = options.races = options.uninitialised = false;
    if (value == "off") return;
    for (std::size_t begin = 0; begin <= value.size();) {
        const std::size_t comma = std::min(value.find(',', begin), value.size());
        const std::string name = value.substr(begin, comma - begin);
        begin = comma + 1;
        const bool all = name == "all";
        if (all || name == "races") options.races = true;
        if (all || name == "uninitialised") options.uninitialised = true;
        // The others look at memory that this one has found to be there.
        options.checks = true;
        if (!all && name != "on" && name != "memory" && name != "races" && name != "uninitialised")
            refuse(variable, value, "on, off, all, or a list of memory, races and uninitialised");
    }
}

void setSchedule(const char* variable, const std::string& value, Options& options) {
    const std::size_t colon = std::min(value.find(':'), value.size());
    const std::string name = value.substr(0, colon);
    const bool seeded = colon < value.size();
    if (value == "forward") {
        options.schedule = Schedule::FORWARD;
    } else if (value == "reverse") {
        options.schedule = Schedule::REVERSE;
    } else if ((name == "random" || name == "preempt") && (!seeded || isDecimal(value.substr(colon + 1)))) {
        options.schedule = name == "random" ? Schedule::RANDOM : Schedule::PREEMPT;
        if (seeded) options.seed = std::stoull(value.substr(colon + 1));
    } else {
        refuse(variable, value, "forward, reverse, random, random:SEED, preempt or preempt:SEED");
    }
}

void setCounters(const char* variable, const std::string& value, Options& options) {
    if (value != "on" && value != "off" && value != "lines") refuse(variable, value, "on, off or lines");
    options.counters = value != "off";
    options.lines = value == "lines";
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
    ifSet("QUERN_EMULATOR_STORES", [&](const char* variable, const std::string& value) {
        if (value != "early" && value != "late") refuse(variable, value, "early or late");
        options.lateStores = value == "late";
    });
    ifSet("QUERN_EMULATOR_COUNTERS",
          [&](const char* variable, const std::string& value) { setCounters(variable, value, options); });
    ifSet("QUERN_EMULATOR_TIMEOUT", [&](const char* variable, const std::string& value) {
        options.timeoutSeconds = static_cast<double>(wholeNumber(variable, value));
    });
    ifSet("QUERN_EMULATOR_BUDGET", [&](const char* variable, const std::string& value) {
        options.instructionBudget = wholeNumber(variable, value);
    });
    ifSet("QUERN_EMULATOR_COPIES", [&](const char* variable, const std::string& value) {
        if (value != "late" && value != "eager") refuse(variable, value, "late or eager");
        options.lateCopies = value == "late";
    });
    ifSet("QUERN_EMULATOR_MATRIX", [&](const char* variable, const std::string& value) {
        if (value != "exact" && value != "truncating") refuse(variable, value, "exact or truncating");
        options.truncatingMatrix = value == "truncating";
    });
    ifSet("QUERN_EMULATOR_APPROX", [&](const char* variable, const std::string& value) {
        if (value != "exact" && value != "low" && value != "high")
            refuse(variable, value, "exact, low or high");
        options.approximation = value == "low"    ? Approximation::LOW
                                : value == "high" ? Approximation::HIGH
                                                  : Approximation::EXACT;
    });
    return options;
}

}  // namespace quern::emulator
