// Events: marks in a stream that others can wait for and that carry the time they were passed.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "driver/capture.hpp"
#include "driver/operation.hpp"
#include "driver/stream.hpp"

namespace quern::driver {

/// One recording of an event. The time is written when the operation runs and read only after its work is done.
struct EventMark {
    std::chrono::steady_clock::time_point passed{};
};

class Event {
  public:
    Event(std::shared_ptr<Context> context, unsigned flags) : context(std::move(context)), flags(flags) {}

    bool timed() const { return (flags & CU_EVENT_DISABLE_TIMING) == 0; }

    const std::shared_ptr<Context> context;
    const unsigned flags;
    CUevent handle = nullptr;

    std::shared_ptr<EventMark> mark;  // of the latest cuEventRecord; null before the first
    WorkPtr work;                     // done when the event has happened

    std::weak_ptr<Capture> capture;          // the capture it was last recorded in, while that is active
    std::vector<GraphNodePtr> captureNodes;  // what the event stands for in that capture
};

class EventRecordOperation final : public Operation {
  public:
    EventRecordOperation(std::shared_ptr<Event> event, std::shared_ptr<EventMark> mark)
        : event_(std::move(event)), mark_(std::move(mark)) {}
    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_EVENT_RECORD; }
    void perform(Context&) const override { mark_->passed = std::chrono::steady_clock::now(); }
    const std::shared_ptr<Event>& event() const { return event_; }
    const std::shared_ptr<EventMark>& mark() const { return mark_; }

  private:
    std::shared_ptr<Event> event_;
    std::shared_ptr<EventMark> mark_;
};

}  // namespace quern::driver
