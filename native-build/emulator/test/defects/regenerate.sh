#!/usr/bin/env bash
# Writes the PTX of the seeded defects beside their sources, with the lines of the sources. Needs nvcc of CUDA 13.0
# ($NVCC, else the one on PATH).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
arch=compute_80
mkdir -p $arch
for source in *.cu; do
    ptx=$arch/${source%.cu}.ptx
    "${NVCC:-nvcc}" -ptx -lineinfo -fmad=false -std=c++17 -arch=$arch -o "$ptx" "$source"
    # Nothing that differs between two machines stays in.
    sed -E -i -e "s/^\.version .*/.version 7.8/" -e '/^\/\/ Compiler Build ID/d' \
        -e 's/^(\/\/ Cuda compilation tools, release 13.0), .*/\1/' \
        -e 's/^(\s*\.file\s+[0-9]+ ")[^"]*\//\1/' \
        -e 's/(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_/\100000000_/g' "$ptx"
done
