#include "cublas/driver_door.hpp"

#include <dlfcn.h>

namespace quern::cublas {

namespace {

template <class Function>
void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

const DriverDoor& DriverDoor::instance() {
    static const DriverDoor door = [] {
        DriverDoor found;
        // Not loaded here: a process has one driver, and which one is not this library's to decide.
        void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
        if (driver == nullptr) return found;
        find(driver, "quernEmulatorSubmit", found.submit);
        find(driver, "quernEmulatorReport", found.report);
        find(driver, "cuCtxGetCurrent", found.currentContext);
        return found;
    }();
    return door;
}

}  // namespace quern::cublas
