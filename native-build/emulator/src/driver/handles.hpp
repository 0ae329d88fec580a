// Handles are serial numbers, never pointers and never reused: a destroyed handle stays recognisable for ever, and
// using one is an error code and a sentence, not a crash or (worse) somebody else's object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "driver/failure.hpp"

namespace quern::driver {

class Context;
class Event;
class Function;
class Graph;
class GraphExec;
class Link;
class MemoryPool;
class Module;
class Stream;
struct GraphNode;

enum class HandleKind : std::uint8_t {
    CONTEXT = 1,
    MODULE,
    FUNCTION,
    STREAM,
    EVENT,
    GRAPH,
    GRAPH_NODE,
    GRAPH_EXEC,
    POOL,
    LINK
};

const char* nameOf(HandleKind kind);

/// Ties an object type to its handle type, its tag and the result a bad handle gives.
template <class Object>
struct HandleTraits;

#define QUERN_HANDLE(OBJECT, HANDLE, KIND, BAD)              \
    template <>                                              \
    struct HandleTraits<OBJECT> {                            \
        using Handle = HANDLE;                               \
        static constexpr HandleKind kind = HandleKind::KIND; \
        static constexpr CUresult badHandle = BAD;           \
    };
QUERN_HANDLE(Context, CUcontext, CONTEXT, CUDA_ERROR_INVALID_CONTEXT)
QUERN_HANDLE(Module, CUmodule, MODULE, CUDA_ERROR_INVALID_HANDLE)
QUERN_HANDLE(Function, CUfunction, FUNCTION, CUDA_ERROR_INVALID_HANDLE)
QUERN_HANDLE(Stream, CUstream, STREAM, CUDA_ERROR_INVALID_HANDLE)
QUERN_HANDLE(Event, CUevent, EVENT, CUDA_ERROR_INVALID_HANDLE)
QUERN_HANDLE(Graph, CUgraph, GRAPH, CUDA_ERROR_INVALID_VALUE)
QUERN_HANDLE(GraphNode, CUgraphNode, GRAPH_NODE, CUDA_ERROR_INVALID_VALUE)
QUERN_HANDLE(GraphExec, CUgraphExec, GRAPH_EXEC, CUDA_ERROR_INVALID_VALUE)
QUERN_HANDLE(Link, CUlinkState, LINK, CUDA_ERROR_INVALID_HANDLE)
QUERN_HANDLE(MemoryPool, CUmemoryPool, POOL, CUDA_ERROR_INVALID_VALUE)
#undef QUERN_HANDLE

/// All live objects of the process. Guarded by the driver's mutex.
class HandleTable {
  public:
    template <class Object>
    typename HandleTraits<Object>::Handle add(const std::shared_ptr<Object>& object) {
        const std::uintptr_t value =
            (++serial_ << 8) | static_cast<std::uintptr_t>(HandleTraits<Object>::kind);
        objects_.emplace(value, object);
        return reinterpret_cast<typename HandleTraits<Object>::Handle>(value);
    }

    /// The live object behind `handle`; throws the kind's error, saying whether it is null, foreign or destroyed.
    template <class Object>
    std::shared_ptr<Object> get(typename HandleTraits<Object>::Handle handle) const {
        const auto value = reinterpret_cast<std::uintptr_t>(handle);
        const auto found = objects_.find(value);
        if (found == objects_.end() || static_cast<HandleKind>(value & 0xFF) != HandleTraits<Object>::kind) {
            throw Failure(HandleTraits<Object>::badHandle, describeBad(value, HandleTraits<Object>::kind));
        }
        return std::static_pointer_cast<Object>(found->second);
    }

    template <class Handle>
    void remove(Handle handle) {
        objects_.erase(reinterpret_cast<std::uintptr_t>(handle));
    }

    /// Every live object of one kind, for the sweep when a context ends.
    template <class Object>
    std::vector<std::shared_ptr<Object>> all() const {
        std::vector<std::shared_ptr<Object>> result;
        for (const auto& [value, object] : objects_) {
            if (static_cast<HandleKind>(value & 0xFF) == HandleTraits<Object>::kind) {
                result.push_back(std::static_pointer_cast<Object>(object));
            }
        }
        return result;
    }

  private:
    std::string describeBad(std::uintptr_t value, HandleKind expected) const;

    std::unordered_map<std::uintptr_t, std::shared_ptr<void>> objects_;
    std::uintptr_t serial_ = 0;
};

}  // namespace quern::driver
