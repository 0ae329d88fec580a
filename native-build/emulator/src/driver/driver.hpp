// The state of the driver: one device, its memory, its contexts, every handle, and what went wrong last.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device_model.hpp"
#include "driver/allocations.hpp"
#include "driver/context.hpp"
#include "driver/fault_injection.hpp"
#include "driver/handles.hpp"
#include "driver/launch_log.hpp"
#include "driver/register_table.hpp"
#include "driver/scheduler.hpp"
#include "driver/settings.hpp"
#include "memory/device_memory.hpp"
#include "options.hpp"

namespace quern::driver {

/// The version cuDriverGetVersion reports: CUDA 13.0.
inline constexpr int DRIVER_VERSION = 13000;

class Driver {
  public:
    /// The process's driver. It is never destroyed: threads may still call it while the process exits.
    static Driver& instance();

    std::mutex mutex;  // guards everything below, and every object reachable from a handle
    HandleTable handles;
    Scheduler scheduler;
    LaunchLog launches;
    FaultInjection faults;
    RegisterTable registers;
    std::shared_ptr<MemoryPool> defaultPool;  // made on first use
    std::shared_ptr<MemoryPool> currentPool;  // null: the default one
    bool initialised = false;

    /// Set by QUERN_EMULATOR_LAUNCH=discard; read by launches without the mutex.
    std::atomic<bool> discardLaunches{false};

    /// Presents the device that the environment asks for. Once; later calls do nothing.
    void initialise();

    /// Reads again what may change between launches: everything but the device and its memory.
    void readSettings();

    const emulator::DeviceModel& model() const { return model_; }
    emulator::DeviceMemory& memory() { return *memory_; }
    AllocationTable& allocations() { return *allocations_; }
    const emulator::Options& options() const { return options_; }

    /// The primary context, made on first use. The object, and so its handle, lasts as long as the process.
    std::shared_ptr<Context> primaryContext();

    /// Ends a context: its work, streams, events, modules and memory. What it leaked is kept for leaks().
    void destroyContext(Scheduler::Lock& lock, const std::shared_ptr<Context>& context);

    /// Keeps `message` as what went wrong last.
    void keepReport(const std::string& message);
    const std::string& report() const { return report_; }
    const std::vector<std::string>& leaks() const { return leaks_; }
    void forgetReports();

  private:
    Driver() = default;

    Settings settings_;
    emulator::Options options_;
    emulator::DeviceModel model_;
    std::unique_ptr<emulator::DeviceMemory> memory_;
    std::unique_ptr<AllocationTable> allocations_;
    std::shared_ptr<Context> primary_;
    std::string report_;
    std::vector<std::string> leaks_;
};

/// The contexts that are current to the calling thread; the last one is on top.
std::vector<std::shared_ptr<Context>>& contextStack();

}  // namespace quern::driver
