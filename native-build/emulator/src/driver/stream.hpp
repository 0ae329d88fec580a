// Streams: in-order queues of operations that are carried out as late as their order allows.
//
// Nothing runs when it is queued. Work runs when somebody waits for it (a synchronisation, a synchronous copy, a free),
// on the thread that waits; a query lets one step happen; and a progress thread runs what nobody has waited for after
// a while, because a real device needs no nudging either. A program that reads a result before it synchronised
// therefore reads the old bytes here, every time, instead of once in a thousand runs on a fast card.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "driver/cuda_types.hpp"
#include "driver/operation.hpp"

namespace quern::driver {

class Capture;
class Context;
class Stream;
struct GraphNode;

/// One operation in its place in a stream. Guarded by the driver's mutex, except while it is RUNNING.
struct Work {
    enum class State { QUEUED, RUNNING, DONE };

    OperationPtr operation;
    std::shared_ptr<Stream> stream;
    std::vector<std::shared_ptr<Work>> after;  // work of other streams; the stream's own order is implied
    std::chrono::steady_clock::time_point queuedAt;
    State state = State::QUEUED;
};

using WorkPtr = std::shared_ptr<Work>;

class Stream {
  public:
    enum class Kind { LEGACY, PER_THREAD, CREATED };

    Stream(std::shared_ptr<Context> context, Kind kind, unsigned flags, int priority, std::uint64_t id)
        : context(std::move(context)), kind(kind), flags(flags), priority(priority), id(id) {}

    /// Whether it takes turns with the legacy default stream.
    bool blocking() const { return kind != Kind::LEGACY && (flags & CU_STREAM_NON_BLOCKING) == 0; }

    std::shared_ptr<Context> context;
    const Kind kind;
    const unsigned flags;
    const int priority;
    const std::uint64_t id;
    CUstream handle = nullptr;
    bool destroyed = false;

    std::deque<WorkPtr> queue;         // unfinished, oldest first
    std::shared_ptr<Capture> capture;  // set while operations are recorded instead of queued
    std::vector<std::shared_ptr<GraphNode>> captureTail;  // nodes the next captured operation depends on
};

}  // namespace quern::driver
