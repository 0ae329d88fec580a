#include "driver/driver.hpp"

#include <cstdio>
#include <stdexcept>
#include <utility>

#include "driver/event.hpp"
#include "driver/failure.hpp"
#include "driver/module.hpp"
#include "driver/pool.hpp"

namespace quern::driver {

Driver& Driver::instance() {
    static Driver& driver = *new Driver;
    return driver;
}

void Driver::readSettings() {
    try {
        settings_.log = Settings::logFromEnvironment();
        Settings settings = Settings::fromEnvironment();
        emulator::Options options = emulator::Options::fromEnvironment();
        // An order is carried out once, not again whenever some other setting changes.
        if (settings.fail != settings_.fail) faults.order(settings.fail);
        if (settings.registers != settings_.registers) registers.read(settings.registers);
        settings_ = std::move(settings);
        options_ = options;
    } catch (const std::invalid_argument& wrong) {
        throw Failure(CUDA_ERROR_INVALID_VALUE, wrong.what());
    }
    scheduler.setEager(settings_.eagerStreams);
    scheduler.setPatience(settings_.patience);
    discardLaunches = settings_.discardLaunches;
    if (memory_) memory_->followInitialisation(options_.uninitialised);
}

void Driver::initialise() {
    if (initialised) return;
    readSettings();
    model_ = *emulator::DeviceModel::of(settings_.capability);
    if (settings_.memoryBytes != 0) model_.totalMemoryBytes = settings_.memoryBytes;
    emulator::DeviceMemory::Limits limits;
    limits.totalBytes = model_.totalMemoryBytes;
    memory_ = std::make_unique<emulator::DeviceMemory>(limits);
    memory_->followInitialisation(options_.uninitialised);
    allocations_ = std::make_unique<AllocationTable>(*memory_);
    initialised = true;
}

std::shared_ptr<Context> Driver::primaryContext() {
    if (!primary_) {
        primary_ = std::make_shared<Context>(0, 0, true);
        primary_->handle = handles.add(primary_);
    }
    return primary_;
}

void Driver::destroyContext(Scheduler::Lock& lock, const std::shared_ptr<Context>& context) {
    context->alive = false;  // refuses new work while the lock is released below
    scheduler.finish(lock, *context);

    for (const auto& stream : handles.all<Stream>()) {
        if (stream->context != context) continue;
        if (stream->kind == Stream::Kind::CREATED) leaks_.push_back("a stream that was not destroyed");
        handles.remove(stream->handle);
    }
    for (const auto& event : handles.all<Event>()) {
        if (event->context != context) continue;
        leaks_.push_back("an event that was not destroyed");
        handles.remove(event->handle);
    }
    for (const auto& function : handles.all<Function>()) {
        if (function->module->context == context) handles.remove(function->handle);
    }
    for (const auto& module : handles.all<Module>()) {
        if (module->context == context) handles.remove(module->handle);
    }
    // A freed block whose free was queued last has been freed by finish(); after a sticky error it has not.
    for (const Block& block : allocations_->ownedBy(*context)) {
        if (!block.freeQueued) leaks_.push_back(block.describe());
        allocations_->release(block.address);
    }
    // Streams and their context hold each other.
    context->streams.clear();
    context->perThread.clear();
    context->legacy.reset();
    context->error = CUDA_SUCCESS;
    context->errorMessage.clear();
    if (!context->primary) handles.remove(context->handle);
}

void Driver::keepReport(const std::string& message) {
    report_ = message;
    if (settings_.log) std::fprintf(stderr, "quern emulator: %s\n", message.c_str());
}

void Driver::forgetReports() {
    report_.clear();
    leaks_.clear();
    launches.clear();
    faults.reset();
}

std::vector<std::shared_ptr<Context>>& contextStack() {
    thread_local std::vector<std::shared_ptr<Context>> stack;
    return stack;
}

}  // namespace quern::driver
