// Running a kernel under every schedule: what a correct one leaves must not depend on it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "options.hpp"

namespace quern::emulator::test {

struct NamedOptions {
    std::string name;
    Options options;
};

/// The schedules, each of them with what `options` says otherwise.
inline std::vector<NamedOptions> everySchedule(Options options) {
    std::vector<NamedOptions> all;
    const auto add = [&](const std::string& name, Schedule schedule, std::uint64_t seed) {
        options.schedule = schedule;
        options.seed = seed;
        all.push_back({name, options});
    };
    add("forward", Schedule::FORWARD, 1);
    add("reverse", Schedule::REVERSE, 1);
    for (std::uint64_t seed : {1, 2}) {
        add("random:" + std::to_string(seed), Schedule::RANDOM, seed);
        add("preempt:" + std::to_string(seed), Schedule::PREEMPT, seed);
    }
    options.lateStores = true;
    add("preempt:3, late stores", Schedule::PREEMPT, 3);
    add("forward, late stores", Schedule::FORWARD, 1);
    return all;
}

/// Calls run(options), which returns the bytes that a kernel left, under every schedule; expects the same bytes of all.
template <typename Bytes>
void expectSameUnderEverySchedule(const Options& options, const std::function<Bytes(const Options&)>& run) {
    Bytes first;
    bool isFirst = true;
    for (const NamedOptions& schedule : everySchedule(options)) {
        const Bytes bytes = run(schedule.options);
        if (isFirst) first = bytes;
        isFirst = false;
        EXPECT_EQ(bytes, first) << "schedule " << schedule.name;
    }
}

}  // namespace quern::emulator::test
