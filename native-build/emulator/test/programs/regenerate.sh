#!/usr/bin/env bash
# Writes the PTX of the test programs beside their sources, for compute_75 and compute_80, those that need tensor cores
# of sm_80 for that alone. Needs nvcc of CUDA 13.0
# ($NVCC, else the one on PATH), whose headers hold CUB and the cooperative groups.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
for source in *.cu; do
    for arch in compute_75 compute_80; do
        [[ $source == tensor_* && $arch == compute_75 ]] && continue
        ptx=$arch/${source%.cu}.ptx
        mkdir -p "$arch"
        "${NVCC:-nvcc}" -ptx -fmad=false -std=c++17 -arch="$arch" -o "$ptx" "$source"
        # As native-build/ptx.sh does for the rooms: nothing that differs between two machines stays in.
        sed -E -i -e "s/^\.version .*/.version 7.8/" -e '/^\/\/ Compiler Build ID/d' \
            -e 's/^(\/\/ Cuda compilation tools, release 13.0), .*/\1/' \
            -e 's/(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_/\100000000_/g' "$ptx"
    done
done
