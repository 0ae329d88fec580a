#include "exec/program.hpp"

namespace quern::emulator {

std::uint32_t Program::functionAt(std::uint64_t pointer) const {
    const std::uint64_t number = (pointer - FUNCTION_WINDOW) / FUNCTION_STEP - 1;
    if (number >= functions.size() || pointer != functionPointer(number)) return NO_FUNCTION;
    return functions[number];
}

SourceLine Program::sourceLine(const Op& op) const {
    const std::size_t at = static_cast<std::size_t>(&op - code.data());
    return at < sourceLineOf.size() ? sourceLines[sourceLineOf[at]] : SourceLine{};
}

std::string Program::describeSource(const Op& op) const {
    SourceLine at = sourceLine(op);
    const auto name = [](const SourceLine& line) {
        return std::string(line.file) + ":" + std::to_string(line.line);
    };
    if (at.line == 0) return {};
    std::string text = name(at);
    if (at.inlinedAt == 0) return text;
    // Calls within calls: the outermost is the one in the kernel itself.
    while (at.inlinedAt != 0) at = sourceLines[at.inlinedAt];
    return text + " (inlined at " + name(at) + ")";
}

}  // namespace quern::emulator
