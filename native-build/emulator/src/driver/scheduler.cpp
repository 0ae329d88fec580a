#include "driver/scheduler.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

#include "driver/context.hpp"
#include "driver/driver.hpp"
#include "driver/failure.hpp"

namespace quern::driver {

namespace {

thread_local const Work* runningHere = nullptr;

WorkPtr lastOf(const Stream& stream) { return stream.queue.empty() ? nullptr : stream.queue.back(); }

}  // namespace

WorkPtr Scheduler::enqueue(Lock& lock, const std::shared_ptr<Stream>& stream, OperationPtr operation,
                           std::vector<WorkPtr> after) {
    while (stream->queue.size() >= MAX_QUEUED) finish(lock, stream->queue.front());

    auto work = std::make_shared<Work>();
    work->operation = std::move(operation);
    work->stream = stream;
    work->after = std::move(after);
    work->queuedAt = std::chrono::steady_clock::now();

    // The legacy default stream waits for every blocking stream, and every blocking stream waits for it.
    const Context& context = *stream->context;
    if (stream->kind == Stream::Kind::LEGACY) {
        for (const auto& other : context.streams) {
            if (!other->blocking()) continue;
            if (WorkPtr last = lastOf(*other)) work->after.push_back(std::move(last));
        }
    } else if (stream->blocking()) {
        if (WorkPtr last = lastOf(*context.legacy)) work->after.push_back(std::move(last));
    }
    std::erase_if(work->after,
                  [](const WorkPtr& dependency) { return dependency->state == Work::State::DONE; });
    stream->queue.push_back(work);

    if (eager_) {
        finish(lock, work);
    } else {
        startProgressThread();
        queued_.notify_one();
    }
    return work;
}

// The first operation on the way to `work` whose own dependencies are all done. Terminates because work can only
// depend on work that was queued before it.
WorkPtr Scheduler::nextRunnable(WorkPtr work) {
    for (;;) {
        work = work->stream->queue.front();
        const auto open = std::find_if(work->after.begin(), work->after.end(),
                                       [](const WorkPtr& w) { return w->state != Work::State::DONE; });
        if (open == work->after.end()) return work;
        work = *open;
    }
}

void Scheduler::finish(Lock& lock, WorkPtr work) {
    while (work->state != Work::State::DONE) {
        const WorkPtr next = nextRunnable(work);
        if (next->state == Work::State::RUNNING) {
            // Work that waits for itself would hang for ever; only a host callback that calls the driver could.
            require(next.get() != runningHere, CUDA_ERROR_NOT_PERMITTED,
                    "a stream callback waits for its own stream");
            finished_.wait(lock);
        } else {
            run(lock, next);
        }
    }
}

void Scheduler::finish(Lock& lock, const std::shared_ptr<Stream>& stream) {
    if (const WorkPtr last = lastOf(*stream)) finish(lock, last);
}

void Scheduler::finish(Lock& lock, Context& context) {
    const auto streams = context.streams;  // a copy: the list may change while the lock is released
    for (const auto& stream : streams) finish(lock, stream);
}

void Scheduler::step(Lock& lock, const std::shared_ptr<Stream>& stream) {
    if (stream->queue.empty()) return;
    const WorkPtr next = nextRunnable(stream->queue.back());
    if (next->state == Work::State::QUEUED) run(lock, next);
}

void Scheduler::run(Lock& lock, const WorkPtr& work) {
    Stream& stream = *work->stream;
    const std::shared_ptr<Context> context = stream.context;
    work->state = Work::State::RUNNING;
    CUresult error = CUDA_SUCCESS;
    std::string message;
    // After a sticky error nothing of the context runs any more: its work is over, without effect.
    if (context->error == CUDA_SUCCESS) {
        lock.unlock();
        const Work* const outer = std::exchange(runningHere, work.get());
        try {
            work->operation->perform(*context);
        } catch (const Failure& failure) {
            error = failure.code();
            message = failure.message();
        } catch (const std::exception& unexpected) {
            error = CUDA_ERROR_UNKNOWN;
            message = unexpected.what();
        }
        runningHere = outer;
        lock.lock();
    }
    if (error != CUDA_SUCCESS && context->error == CUDA_SUCCESS) {
        context->error = error;
        context->errorMessage = message;
        Driver::instance().keepReport(message);
    }
    work->state = Work::State::DONE;
    work->operation.reset();  // a recorded event and the operation that records it hold each other
    work->after.clear();
    stream.queue.pop_front();
    if (stream.destroyed && stream.queue.empty()) {
        std::erase_if(context->streams, [&](const auto& other) { return other.get() == &stream; });
    }
    finished_.notify_all();
    if (!stream.queue.empty())
        queued_.notify_one();  // the progress thread did not see it behind running work
}

void Scheduler::startProgressThread() {
    if (std::exchange(progressThreadStarted_, true)) return;
    // Detached and never joined: the library stays loaded, and a process that exits takes the thread with it.
    std::thread([this] { progressLoop(); }).detach();
}

void Scheduler::progressLoop() {
    Driver& driver = Driver::instance();
    Lock lock(driver.mutex);
    for (;;) {
        WorkPtr oldest;
        for (const auto& context : driver.handles.all<Context>()) {
            for (const auto& stream : context->streams) {
                if (stream->queue.empty()) continue;
                const WorkPtr& front = stream->queue.front();
                if (front->state != Work::State::QUEUED) continue;
                if (!oldest || front->queuedAt < oldest->queuedAt) oldest = front;
            }
        }
        if (!oldest) {
            queued_.wait(lock);
        } else if (const auto due = oldest->queuedAt + patience_; std::chrono::steady_clock::now() < due) {
            lock.unlock();
            std::this_thread::sleep_until(due);
            lock.lock();
        } else {
            finish(lock, oldest);
        }
    }
}

}  // namespace quern::driver
