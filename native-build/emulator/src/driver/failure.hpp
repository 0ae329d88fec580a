// How a driver call fails: a CUDA result for the program, and a sentence for the human who reads the report.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "driver/cuda_types.hpp"

namespace quern::driver {

/// Thrown anywhere below an entry point; the entry point turns it into its CUresult and keeps the sentence.
class Failure : public std::exception {
  public:
    Failure(CUresult code, std::string message) : code_(code), message_(std::move(message)) {}

    CUresult code() const noexcept { return code_; }
    const std::string& message() const noexcept { return message_; }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    CUresult code_;
    std::string message_;
};

/// Throws `code` with `message` unless `condition` holds.
inline void require(bool condition, CUresult code, const char* message) {
    if (!condition) throw Failure(code, message);
}

/// The check every out-parameter passes first.
inline void requireNotNull(const void* pointer, const char* parameter) {
    if (pointer == nullptr) throw Failure(CUDA_ERROR_INVALID_VALUE, std::string(parameter) + " is null");
}

}  // namespace quern::driver
