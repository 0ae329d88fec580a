// Decides when queued work runs. See stream.hpp for why that is "late".
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "driver/stream.hpp"

namespace quern::driver {

/// All methods take the lock on the driver's mutex; those that run work give it up while an operation executes.
class Scheduler {
  public:
    using Lock = std::unique_lock<std::mutex>;

    /// Queues `operation` at the end of `stream`, after what the stream and the legacy default stream demand.
    WorkPtr enqueue(Lock& lock, const std::shared_ptr<Stream>& stream, OperationPtr operation,
                    std::vector<WorkPtr> after = {});

    /// Runs everything `work` depends on, then `work`. By value: the queue that names it lets go of it meanwhile.
    void finish(Lock& lock, WorkPtr work);

    /// Runs all of a stream's work that was queued before the call.
    void finish(Lock& lock, const std::shared_ptr<Stream>& stream);

    /// Runs all of a context's work that was queued before the call.
    void finish(Lock& lock, Context& context);

    /// Lets one operation on the way to the end of `stream` happen, so that a program which polls makes progress.
    void step(Lock& lock, const std::shared_ptr<Stream>& stream);

    /// Runs work as soon as it is queued: the friendly mode, for comparison.
    void setEager(bool eager) { eager_ = eager; }

    /// How long work that nobody waits for stays put before the progress thread runs it.
    void setPatience(std::chrono::milliseconds patience) { patience_ = patience; }

  private:
    static WorkPtr nextRunnable(WorkPtr work);
    void run(Lock& lock, const WorkPtr& work);
    void startProgressThread();
    [[noreturn]] void progressLoop();

    // As deep as a real device's launch queue: a program that never synchronises must not collect work without end.
    static constexpr std::size_t MAX_QUEUED = 1024;

    std::condition_variable finished_;  // some work is DONE
    std::condition_variable queued_;    // some work was queued
    std::chrono::milliseconds patience_{100};
    bool eager_ = false;
    bool progressThreadStarted_ = false;
};

}  // namespace quern::driver
