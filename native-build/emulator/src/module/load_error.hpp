// Why PTX does not load.
#pragma once

#include <stdexcept>
#include <string>

namespace quern::emulator {

enum class LoadErrorKind {
    INVALID_PTX,         // not PTX, or an instruction or directive that the emulator does not know
    UNSUPPORTED_TARGET,  // PTX for a newer device than the presented one
    OUT_OF_MEMORY,       // the module's variables do not fit
};

/// what() is "line 12, column 5: message: text".
class LoadError : public std::runtime_error {
  public:
    LoadError(LoadErrorKind kind, int line, int column, std::string text, std::string message);

    LoadErrorKind kind;
    int line;          // from 1; 0: the module as a whole
    int column;        // from 1; 0: the line as a whole
    std::string text;  // the offending instruction or directive
    std::string message;
};

}  // namespace quern::emulator
