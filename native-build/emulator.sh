#!/usr/bin/env bash
# Builds the CUDA emulator:  native-build/emulator.sh BUILD [-D...]   (the options are CMake's)
# Installs it where CMAKE_INSTALL_PREFIX says, if given. Progress goes to BUILD.log, which is shown when the build fails.
set -euo pipefail
build=$1
shift
source=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/emulator

for tool in cmake c++; do
    command -v $tool >/dev/null || { echo "no $tool, which builds the emulator; cure: apt-get install cmake g++" >&2; exit 1; }
done

mkdir -p "$build"
log=$build.log
{
    cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release "$@" &&
        cmake --build "$build" -j"$(nproc)" &&
        if [[ "$*" == *CMAKE_INSTALL_PREFIX* ]]; then cmake --install "$build"; fi
} >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
