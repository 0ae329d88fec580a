// Operations of libraries on top of the driver.
#include "driver/library_call.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "driver/call.hpp"
#include "driver/operation.hpp"

using namespace quern::driver;
namespace emulator = quern::emulator;

namespace {

struct Range {
    std::string role;
    CUdeviceptr address;
    std::size_t bytes;
    std::size_t alignment;
    bool written;
};

class LibraryOperation final : public Operation {
  public:
    explicit LibraryOperation(const QuernLibraryCall& call) : name_(call.name), perform_(call.perform) {
        for (std::size_t i = 0; i < call.rangeCount; ++i) {
            const QuernRange& range = call.ranges[i];
            ranges_.push_back({range.role, range.address, range.bytes, range.alignment, range.written});
        }
        const auto* const bytes = static_cast<const std::byte*>(call.arguments);
        arguments_.assign(bytes, bytes + call.argumentBytes);
    }

    // What the real library launches is kernels.
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_KERNEL; }

    void perform(Context&) const override {
        checkRanges();
        perform_(arguments_.data());
        const emulator::DeviceMemory& memory = Driver::instance().memory();
        for (const Range& range : ranges_) {
            if (range.written) memory.markInitialised(range.address, range.bytes);
        }
    }

  private:
    void checkRanges() const {
        Driver& driver = Driver::instance();
        const std::lock_guard<std::mutex> guard(driver.mutex);
        for (const Range& range : ranges_) {
            if (range.bytes == 0) continue;
            if (range.address % range.alignment != 0) {
                throw Failure(CUDA_ERROR_MISALIGNED_ADDRESS, name_ + ": " + range.role + " at " +
                                                                 hex(range.address) + " is not aligned to " +
                                                                 std::to_string(range.alignment) + " bytes");
            }
            try {
                driver.allocations().requireRange(range.address, range.bytes, range.role.c_str());
            } catch (const Failure& wrong) {
                throw Failure(CUDA_ERROR_ILLEGAL_ADDRESS, name_ + ": " + wrong.message());
            }
        }
    }

    std::string name_;
    std::vector<Range> ranges_;
    void (*perform_)(const void* arguments);
    std::vector<std::byte> arguments_;
};

}  // namespace

QUERN_EXPORT CUresult quernEmulatorSubmit(CUstream handle, const QuernLibraryCall* libraryCall) {
    return entry(libraryCall->name, [&](Call& call) {
        const auto stream = call.stream(handle);
        call.countOrFail(CallKind::LAUNCH);
        call.submit(stream, std::make_shared<LibraryOperation>(*libraryCall));
    });
}

QUERN_EXPORT void quernEmulatorReport(const char* message) {
    Driver& driver = Driver::instance();
    const std::lock_guard<std::mutex> guard(driver.mutex);
    driver.keepReport(message);
}
