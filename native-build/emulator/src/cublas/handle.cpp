#include "cublas/handle.hpp"

#include <cstdint>
#include <map>
#include <mutex>

#include "cublas/driver_door.hpp"

namespace quern::cublas {

namespace {

std::mutex mutex;

// Serial numbers, never addresses: one that was destroyed stays recognisable.
std::map<std::uintptr_t, std::shared_ptr<Handle>>& handles() {
    static auto& all = *new std::map<std::uintptr_t, std::shared_ptr<Handle>>;
    return all;
}

std::uintptr_t last = 0;

}  // namespace

cublasHandle_t addHandle() {
    const std::lock_guard<std::mutex> guard(mutex);
    handles()[++last] = std::make_shared<Handle>();
    return reinterpret_cast<cublasHandle_t>(last);
}

bool removeHandle(cublasHandle_t handle) {
    const std::lock_guard<std::mutex> guard(mutex);
    return handles().erase(reinterpret_cast<std::uintptr_t>(handle)) != 0;
}

std::shared_ptr<Handle> find(cublasHandle_t handle) {
    const std::lock_guard<std::mutex> guard(mutex);
    const auto found = handles().find(reinterpret_cast<std::uintptr_t>(handle));
    return found == handles().end() ? nullptr : found->second;
}

void require(bool condition, cublasStatus_t status, const std::string& why) {
    if (!condition) throw Refusal{status, why};
}

cublasStatus_t refused(const char* function, const Refusal& refusal) {
    const DriverDoor& driver = DriverDoor::instance();
    if (driver.open() && !refusal.why.empty())
        driver.report((std::string(function) + ": " + refusal.why).c_str());
    return refusal.status;
}

}  // namespace quern::cublas
