#include "driver/launch_log.hpp"

#include <sstream>
#include <utility>

namespace quern::driver {

namespace {

using emulator::Counters;
using emulator::Dim3;

void write(std::ostream& out, const char* name, const Dim3& size) {
    out << '"' << name << "\":[" << size.x << ',' << size.y << ',' << size.z << "],";
}

void write(std::ostream& out, const LaunchRecord& record) {
    // PTX identifiers need no escape in JSON.
    out << "{\"kernel\":\"" << record.kernel << "\",";
    write(out, "grid", record.grid);
    write(out, "block", record.block);
    out << "\"sharedBytes\":" << record.sharedBytes << ",\"status\":\"" << record.status
        << "\",\"seconds\":" << record.seconds << ',';
    // Names with a dot become objects: "globalLoads.sectors" is the member "sectors" of "globalLoads".
    std::string open;
    forEachCounter(record.counters, [&](const std::string& name, std::uint64_t value) {
        const std::size_t dot = name.find('.');
        const std::string group = dot == std::string::npos ? "" : name.substr(0, dot);
        if (group != open) {
            if (!open.empty()) out << "},";
            if (!group.empty()) out << '"' << group << "\":{";
            open = group;
        } else if (!group.empty()) {
            out << ',';
        }
        out << '"' << name.substr(group.empty() ? 0 : dot + 1) << "\":" << value
            << (group.empty() ? "," : "");
    });
    out << "\"ptxInstructions\":{";
    for (std::size_t i = 0; i < emulator::INSTRUCTION_CLASSES; ++i) {
        out << (i == 0 ? "\"" : ",\"") << nameOf(static_cast<emulator::InstructionClass>(i))
            << "\":" << record.counters.ptxInstructions[i];
    }
    out << "}}";
}

}  // namespace

void LaunchLog::add(LaunchRecord record) {
    if (!record.lines.empty()) listings_[record.kernel] = std::exchange(record.lines, {});
    if (records_.size() == KEPT) records_.pop_front();
    records_.push_back(std::move(record));
}

void LaunchLog::clear() {
    records_.clear();
    listings_.clear();
}

std::string LaunchLog::listing(const std::string& kernel) const {
    const auto found = listings_.find(kernel);
    if (found == listings_.end()) return {};
    std::ostringstream out;
    for (const emulator::LineCounters& line : found->second) {
        const emulator::Traffic& traffic = line.traffic;
        const emulator::AtomicTraffic* const atomics[] = {&traffic.globalAtomics, &traffic.sharedAtomics};
        out << line.line << '\t' << line.executions.warps << '\t' << line.executions.threads << '\t'
            << line.executions.divergent << '\t' << traffic.global.requests << '\t' << traffic.global.sectors
            << '\t' << traffic.global.bytes << '\t' << traffic.local.sectors << '\t'
            << traffic.shared.requests << '\t' << traffic.shared.wavefronts << '\t'
            << traffic.shared.idealWavefronts;
        std::uint64_t contention = 0;
        for (const auto* of : atomics) contention += of->contention();
        out << '\t' << contention << '\t' << line.source << '\t';
        for (const char c : line.text) out << (c == '\t' ? ' ' : c);
        out << '\n';
    }
    return out.str();
}

std::string LaunchLog::json() const {
    std::ostringstream out;
    out << '[';
    for (std::size_t i = 0; i < records_.size(); ++i) {
        if (i != 0) out << ",\n";
        write(out, records_[i]);
    }
    out << ']';
    return out.str();
}

std::string LaunchLog::lines() const {
    std::ostringstream out;
    for (const LaunchRecord& record : records_) {
        const Counters& c = record.counters;
        out << record.kernel;
        for (const Dim3& size : {record.grid, record.block})
            out << '\t' << size.x << '\t' << size.y << '\t' << size.z;
        out << '\t' << record.sharedBytes << '\t' << record.status << '\t' << record.seconds;
        forEachCounter(
            c, [&](const std::string& name, std::uint64_t value) { out << '\t' << name << '\t' << value; });
        for (std::size_t i = 0; i < emulator::INSTRUCTION_CLASSES; ++i) {
            out << "\tptxInstructions." << nameOf(static_cast<emulator::InstructionClass>(i)) << '\t'
                << c.ptxInstructions[i];
        }
        out << '\n';
    }
    return out.str();
}

}  // namespace quern::driver
