#include "driver/fault_injection.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "driver/results.hpp"

namespace quern::driver {

namespace {

constexpr const char* ACCEPTED =
    "KIND:N:RESULT such as ALLOCATION:3:CUDA_ERROR_OUT_OF_MEMORY, several divided by commas; KIND is "
    "ALLOCATION, "
    "LAUNCH, COPY, MODULE_LOAD, SYNCHRONIZE or CREATION, N counts from 1";

[[noreturn]] void refuse(const std::string& text) {
    throw std::invalid_argument("QUERN_EMULATOR_FAIL=" + text + ": expected " + ACCEPTED);
}

std::vector<std::string> split(const std::string& text, char divider) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == divider) {
            parts.emplace_back();
        } else if (c != ' ') {
            parts.back() += c;
        }
    }
    return parts;
}

std::optional<std::uint64_t> number(const std::string& text) {
    if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    return std::stoull(text);
}

std::optional<CallKind> kindNamed(const std::string& name) {
    for (std::size_t i = 0; i < CALL_KINDS; ++i) {
        if (name == nameOf(static_cast<CallKind>(i))) return static_cast<CallKind>(i);
    }
    return std::nullopt;
}

std::optional<CUresult> resultNamed(const std::string& text) {
    const ResultText* row = findResultNamed(text);
    if (const auto code = number(text); code && *code < 1000) row = findResult(static_cast<int>(*code));
    if (row == nullptr || row->code == CUDA_SUCCESS) return std::nullopt;
    return static_cast<CUresult>(row->code);
}

}  // namespace

const char* nameOf(CallKind kind) {
    switch (kind) {
        case CallKind::ALLOCATION: return "ALLOCATION";
        case CallKind::LAUNCH: return "LAUNCH";
        case CallKind::COPY: return "COPY";
        case CallKind::MODULE_LOAD: return "MODULE_LOAD";
        case CallKind::SYNCHRONIZE: return "SYNCHRONIZE";
        case CallKind::CREATION: return "CREATION";
    }
    return "unknown";
}

void FaultInjection::failNext(CallKind kind, std::uint64_t n, CUresult result) {
    orders_.push_back({kind, calls(kind) + n, result});
}

void FaultInjection::order(const std::string& text) {
    std::vector<Order> orders;
    for (const std::string& one : text.empty() ? std::vector<std::string>{} : split(text, ',')) {
        const auto parts = split(one, ':');
        if (parts.size() != 3) refuse(text);
        const auto kind = kindNamed(parts[0]);
        const auto n = number(parts[1]);
        const auto result = resultNamed(parts[2]);
        if (!kind || !n || *n == 0 || !result) refuse(text);
        orders.push_back({*kind, calls(*kind) + *n, *result});
    }
    orders_ = std::move(orders);
}

CUresult FaultInjection::pass(CallKind kind) {
    const std::uint64_t call = ++calls_[static_cast<std::size_t>(kind)];
    const auto found = std::find_if(orders_.begin(), orders_.end(),
                                    [&](const Order& o) { return o.kind == kind && o.call == call; });
    if (found == orders_.end()) return CUDA_SUCCESS;
    const CUresult result = found->result;
    orders_.erase(found);
    return result;
}

void FaultInjection::reset() {
    calls_ = {};
    orders_.clear();
}

bool isSticky(CUresult result) {
    switch (result) {
        case CUDA_ERROR_ILLEGAL_ADDRESS:
        case CUDA_ERROR_LAUNCH_TIMEOUT:
        case CUDA_ERROR_ASSERT:
        case CUDA_ERROR_ILLEGAL_INSTRUCTION:
        case CUDA_ERROR_MISALIGNED_ADDRESS:
        case CUDA_ERROR_INVALID_ADDRESS_SPACE:
        case CUDA_ERROR_LAUNCH_FAILED: return true;
        default: return false;
    }
}

}  // namespace quern::driver
