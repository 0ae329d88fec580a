#!/usr/bin/env bash
# PTX of the rooms: cuda/<room>/<room>.cu -> native-build/ptx/<arch>/<room>.ptx, which is committed and ships in the jar.
#
#   native-build/ptx.sh [ROOM...]           write the PTX of these rooms (default: all)
#   native-build/ptx.sh --check [ROOM...]   write nothing; exit 1 and show the difference where committed PTX is stale
#
# Needs nvcc of CUDA 13.0 ($NVCC, else $CUDA_HOME/bin/nvcc, else the one on PATH): another release chooses other
# instructions, and the files would change without a change of ours. Exit 3 where there is no such nvcc.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly RELEASE=13.0
# compute_75 is the oldest that nvcc 13 writes; compute_80 adds cp.async and bf16 mma.sync.
readonly ARCHS=(compute_75 compute_80)
# nvcc labels everything 9.0, which drivers before CUDA 13 refuse; these instructions all exist in 7.8 (CUDA 11.8).
readonly ISA=7.8
# -fmad=false: kernels say fma() where they mean it, so that every device rounds alike.
readonly FLAGS=(-ptx -fmad=false -std=c++20 -I cuda/shared)
readonly OUT=native-build/ptx

fail() { echo "ptx.sh: $*" >&2; exit "${code:-1}"; }

# What differs between two machines although the code is the same: the build of nvcc within one release, and the hash
# of the working directory in the names of variables with internal linkage.
normalise() {
    sed -E -i \
        -e "s/^\.version .*/.version $ISA/" \
        -e '/^\/\/ Compiler Build ID/d' \
        -e "s/^(\/\/ Cuda compilation tools, release $RELEASE), .*/\1/" \
        -e 's/(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_/\100000000_/g' "$1"
}

check=false
if [[ ${1:-} == --check ]]; then
    check=true
    shift
fi

nvcc=${NVCC:-${CUDA_HOME:+$CUDA_HOME/bin/}nvcc}
command -v "$nvcc" >/dev/null ||
    code=3 fail "no nvcc on PATH; install the CUDA $RELEASE toolkit, or name its compiler in NVCC"
release=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
[[ $release == "$RELEASE" ]] || code=3 fail "$nvcc is release $release, the committed PTX is made by release $RELEASE"

rooms=("$@")
if [[ ${#rooms[@]} == 0 ]]; then
    for source in cuda/*/*.cu; do
        [[ $source == "cuda/$(basename "$source" .cu)/"* ]] && rooms+=("$(basename "$source" .cu)")
    done
fi

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
stale=0
for room in "${rooms[@]}"; do
    source=cuda/$room/$room.cu
    [[ -f $source ]] || fail "no room '$room': $source does not exist"
    for arch in "${ARCHS[@]}"; do
        ptx=$made/$arch/$room.ptx
        mkdir -p "$made/$arch"
        "$nvcc" "${FLAGS[@]}" -arch="$arch" -o "$ptx" "$source"
        normalise "$ptx"
        if $check; then
            diff -u --label "committed $arch/$room.ptx" --label "made from $source" "$OUT/$arch/$room.ptx" "$ptx" ||
                stale=$((stale + 1))
        else
            mkdir -p "$OUT/$arch"
            cp "$ptx" "$OUT/$arch/$room.ptx"
            echo "$OUT/$arch/$room.ptx: $(grep -c '\.entry' "$ptx") kernels"
        fi
    done
done

# A room that was renamed or removed must not leave its kernels in the jar.
for committed in "$OUT"/*/*.ptx; do
    room=$(basename "$committed" .ptx)
    [[ -f cuda/$room/$room.cu ]] || { echo "$committed: no source cuda/$room/$room.cu" >&2; stale=$((stale + 1)); }
done

[[ $stale == 0 ]] || fail "$stale stale: run native-build/ptx.sh and commit what it writes"
if $check; then echo "ptx.sh: as nvcc $RELEASE makes them: ${rooms[*]:-no room yet}"; fi
