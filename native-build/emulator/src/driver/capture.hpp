// Stream capture: while a stream captures, what is submitted to it becomes nodes of a graph.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "driver/cuda_types.hpp"
#include "driver/graph.hpp"

namespace quern::driver {

class Capture {
  public:
    Capture(std::shared_ptr<Graph> graph, Stream* origin, CUstreamCaptureMode mode)
        : graph(std::move(graph)), origin(origin), mode(mode), thread(std::this_thread::get_id()) {}

    const std::shared_ptr<Graph> graph;
    Stream* const origin;  // where it began and must end
    const CUstreamCaptureMode mode;
    const std::thread::id thread;
    bool invalidated = false;
    std::vector<std::shared_ptr<Stream>> streams;  // all that joined, the origin included
};

}  // namespace quern::driver
