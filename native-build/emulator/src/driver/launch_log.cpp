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

void write(std::ostream& out, const char* name, const emulator::GlobalTraffic& traffic) {
    out << '"' << name << "\":{\"requests\":" << traffic.requests << ",\"sectors\":" << traffic.sectors
        << ",\"requestedBytes\":" << traffic.bytes << ",\"sectorBytes\":" << traffic.sectorBytes() << "},";
}

void write(std::ostream& out, const char* name, const emulator::SharedTraffic& traffic) {
    out << '"' << name << "\":{\"requests\":" << traffic.requests << ",\"wavefronts\":" << traffic.wavefronts
        << ",\"idealWavefronts\":" << traffic.idealWavefronts << "},";
}

void write(std::ostream& out, const LaunchRecord& record) {
    // PTX identifiers need no escape in JSON.
    out << "{\"kernel\":\"" << record.kernel << "\",";
    write(out, "grid", record.grid);
    write(out, "block", record.block);
    out << "\"sharedBytes\":" << record.sharedBytes << ",\"status\":\"" << record.status
        << "\",\"seconds\":" << record.seconds << ',';
    const Counters& counters = record.counters;
    write(out, "globalLoads", counters.globalLoads);
    write(out, "globalStores", counters.globalStores);
    write(out, "sharedLoads", counters.sharedLoads);
    write(out, "sharedStores", counters.sharedStores);
    out << "\"atomicRequests\":" << counters.atomicRequests << ",\"barriers\":" << counters.barriers
        << ",\"divergentBranches\":" << counters.divergentBranches
        << ",\"warpInstructions\":" << counters.warpInstructions << ",\"matrixFlop\":" << counters.matrixFlop
        << ",\"ptxInstructions\":{";
    for (std::size_t i = 0; i < emulator::INSTRUCTION_CLASSES; ++i) {
        out << (i == 0 ? "\"" : ",\"") << nameOf(static_cast<emulator::InstructionClass>(i))
            << "\":" << counters.ptxInstructions[i];
    }
    out << "}}";
}

}  // namespace

void LaunchLog::add(LaunchRecord record) {
    if (records_.size() == KEPT) records_.pop_front();
    records_.push_back(std::move(record));
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
        for (const auto& traffic : {c.globalLoads, c.globalStores}) {
            out << '\t' << traffic.requests << '\t' << traffic.sectors << '\t' << traffic.bytes;
        }
        for (const auto& traffic : {c.sharedLoads, c.sharedStores}) {
            out << '\t' << traffic.requests << '\t' << traffic.wavefronts << '\t' << traffic.idealWavefronts;
        }
        out << '\t' << c.atomicRequests << '\t' << c.barriers << '\t' << c.divergentBranches << '\t'
            << c.warpInstructions << '\t' << c.matrixFlop;
        for (std::size_t i = 0; i < emulator::INSTRUCTION_CLASSES; ++i) {
            out << '\t' << nameOf(static_cast<emulator::InstructionClass>(i)) << '\t' << c.ptxInstructions[i];
        }
        out << '\n';
    }
    return out.str();
}

}  // namespace quern::driver
