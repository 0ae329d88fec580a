#include "driver/handles.hpp"

#include <cstdio>

namespace quern::driver {

const char* nameOf(HandleKind kind) {
    switch (kind) {
        case HandleKind::CONTEXT: return "context";
        case HandleKind::MODULE: return "module";
        case HandleKind::FUNCTION: return "function";
        case HandleKind::STREAM: return "stream";
        case HandleKind::EVENT: return "event";
        case HandleKind::GRAPH: return "graph";
        case HandleKind::GRAPH_NODE: return "graph node";
        case HandleKind::GRAPH_EXEC: return "executable graph";
        case HandleKind::POOL: return "memory pool";
        case HandleKind::LINK: return "link";
    }
    return "unknown";
}

std::string HandleTable::describeBad(std::uintptr_t value, HandleKind expected) const {
    const std::string wanted = nameOf(expected);
    if (value == 0) return "the " + wanted + " handle is null";
    char text[32];
    std::snprintf(text, sizeof text, "0x%zx", static_cast<std::size_t>(value));
    const auto kind = static_cast<HandleKind>(value & 0xFF);
    const bool tagged =
        value >> 8 != 0 && value >> 8 <= serial_ && kind >= HandleKind::CONTEXT && kind <= HandleKind::LINK;
    if (!tagged) return std::string(text) + " is not a handle of this driver; expected: " + wanted;
    if (kind != expected) return std::string(text) + " is a " + nameOf(kind) + " handle; expected: " + wanted;
    return "the " + wanted + " " + text + " has been destroyed";
}

}  // namespace quern::driver
