#!/usr/bin/env bash
# PTX of the rooms, which is committed and ships in the jar: cuda/<room>/<room>.cu -> native-build/ptx/<arch>/<room>.ptx.
# A room of many kernels has a source for each family of them, cuda/<room>/<family>.cu -> <room>_<family>.ptx; one with a
# line "// types: fp64 fp32" gives a module for each, <room>_<family>_<type>.ptx, one with "// parts: solve save" one for each of
# these, <room>_<family>_<part>_<type>.ptx, and one with "// from: compute_80" none for older architectures.
#
#   native-build/ptx.sh [ROOM...]              write the PTX of these rooms (default: all), and on record what it is made of
#   native-build/ptx.sh --check [ROOM...]      compile nothing; exit 1 where a source, a header, the recipe below or PTX is
#                                              not what is on record
#   native-build/ptx.sh --recompile [ROOM...]  write nothing; exit 1 and show the difference where nvcc makes other PTX
#
# The record of a room, native-build/ptx/made/<room>.sha256, is all that nvcc was given and all that it gave: while the one is
# the same, so is the other, and --check sees in a second what --recompile takes minutes for. A header in cuda/shared is given
# to every room.
#
# To compile needs nvcc of CUDA 13.0 ($NVCC, else $CUDA_HOME/bin/nvcc, else the one on PATH): another release chooses other
# instructions, and the files would change without a change of ours. Exit 3 where there is no such nvcc.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# compute_75 is the oldest that nvcc 13 writes; compute_80 adds cp.async and bf16 mma.sync.
readonly ARCHS=(compute_75 compute_80)
readonly OUT=native-build/ptx
readonly MADE=$OUT/made
# Names in the same order everywhere.
export LC_ALL=C

fail() { echo "ptx.sh: $*" >&2; exit "${code:-1}"; }

# The recipe, down to its end below, is on record: another one makes all rooms anew.
readonly RELEASE=13.0
# nvcc labels everything 9.0, which drivers before CUDA 13 refuse; these instructions all exist in 7.8 (CUDA 11.8).
readonly ISA=7.8
# -fmad=false: kernels say fma() where they mean it, so that every device rounds alike.
readonly FLAGS=(-ptx -fmad=false -std=c++20 -I cuda/shared)

# compile ARCH NAME SOURCE PART TYPE
compile() {
    local ptx=$made/$1/$2.ptx define=()
    [[ $4 == - ]] || define+=(-DQUERN_PART="$4")
    [[ $5 == - ]] || define+=(-DQUERN_TYPE="$5")
    "$nvcc" "${FLAGS[@]}" "${define[@]}" -arch="$1" -o "$ptx" "$3"
    normalise "$ptx"
}

# What differs between two machines although the code is the same: the build of nvcc within one release, and the hash
# of the working directory in the names of variables with internal linkage.
normalise() {
    sed -E -i \
        -e "s/^\.version .*/.version $ISA/" \
        -e '/^\/\/ Compiler Build ID/d' \
        -e "s/^(\/\/ Cuda compilation tools, release $RELEASE), .*/\1/" \
        -e 's/(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_/\100000000_/g' "$1"
}
# The recipe's end.

mode=write
case ${1:-} in
    --check | --recompile)
        mode=${1#--}
        shift
        ;;
    -*) fail "no option $1; there are --check and --recompile" ;;
esac

rooms=("$@")
if [[ ${#rooms[@]} == 0 ]]; then
    for folder in cuda/*/; do
        sources=("$folder"*.cu)
        [[ ${#sources[@]} == 0 ]] || rooms+=("$(basename "$folder")")
    done
fi

# What a line of a source's head says: "// types: fp64 fp32" of "types".
stated() { sed -n "s/^\/\/ $1: //p" "$2"; }

# A line for each module of a room: architecture, name, source, part and type (or "-").
modules() {
    local source family arch part type
    for source in cuda/"$1"/*.cu; do
        family=$(basename "$source" .cu)
        for arch in "${ARCHS[@]}"; do
            [[ $arch < $(stated from "$source") ]] && continue
            for part in $(stated parts "$source" | grep . || echo -); do
                for type in $(stated types "$source" | grep . || echo -); do
                    local name=$1
                    [[ $family == "$1" ]] || name+=_$family
                    [[ $part == - ]] || name+=_$part
                    [[ $type == - ]] || name+=_$type
                    echo "$arch $name $source $part $type"
                done
            done
        done
    done
}

# What nvcc is given for a room.
given() {
    sed -n '/^# The recipe, /,/^# The recipe.s end/p' native-build/ptx.sh | sha256sum | sed 's/-$/recipe/'
    sha256sum cuda/shared/*.cuh cuda/"$1"/*.cu cuda/"$1"/*.cuh
}

# What it gave.
gave() {
    modules "$1" | while read -r arch name _; do
        sha256sum "$OUT/$arch/$name.ptx" || true
    done
}

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir "${ARCHS[@]/#/$made/}"
for room in "${rooms[@]}"; do
    [[ -n $(modules "$room") ]] || fail "no room '$room': there is no cuda/$room/*.cu"
    modules "$room"
done >"$made/all"
# What is included beside the room and cuda/shared would be on no record.
! grep -nE '#include +"[^"]*/' cuda/*/*.cu cuda/*/*.cuh || fail "an include names a folder: only cuda/shared is looked into"

# Compiles what $made/all lists into $made.
compile_all() {
    nvcc=${NVCC:-${CUDA_HOME:+$CUDA_HOME/bin/}nvcc}
    command -v "$nvcc" >/dev/null ||
        code=3 fail "no nvcc on PATH; install the CUDA $RELEASE toolkit, or name its compiler in NVCC"
    local release running=0
    release=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
    [[ $release == "$RELEASE" ]] || code=3 fail "$nvcc is release $release, the committed PTX is made by release $RELEASE"
    # As many at a time as there are processors; wait -n gives the status of one.
    while read -r -a module; do
        ((running < $(nproc))) || { wait -n || fail "nvcc failed"; running=$((running - 1)); }
        compile "${module[@]}" </dev/null &
        running=$((running + 1))
    done <"$made/all"
    while ((running > 0)); do
        wait -n || fail "nvcc failed"
        running=$((running - 1))
    done
}

stale=0
case $mode in
    check)
        for room in "${rooms[@]}"; do
            { given "$room"; gave "$room"; } >"$made/now"
            diff -U 0 --label "$room on record" --label "$room now" "$MADE/$room.sha256" "$made/now" ||
                stale=$((stale + 1))
        done
        ;;
    recompile)
        compile_all
        while read -r arch name source _; do
            diff -u --label "committed $arch/$name.ptx" --label "made from $source" \
                "$OUT/$arch/$name.ptx" "$made/$arch/$name.ptx" || stale=$((stale + 1))
        done <"$made/all"
        ;;
    write)
        # Before nvcc reads it: what is edited meanwhile is stale.
        for room in "${rooms[@]}"; do
            given "$room" >"$made/$room.sha256"
        done
        compile_all
        while read -r arch name _; do
            mkdir -p "$OUT/$arch"
            cp "$made/$arch/$name.ptx" "$OUT/$arch/$name.ptx"
            echo "$OUT/$arch/$name.ptx: $(grep -c '\.entry' "$OUT/$arch/$name.ptx") kernels"
        done <"$made/all"
        mkdir -p "$MADE"
        for room in "${rooms[@]}"; do
            gave "$room" >>"$made/$room.sha256"
            cp "$made/$room.sha256" "$MADE/$room.sha256"
        done
        ;;
esac

# A room or a family that was renamed or removed must not leave its kernels in the jar.
for folder in cuda/*/; do
    modules "$(basename "$folder")"
done >"$made/known"
for committed in "$OUT"/*/*.ptx; do
    name=$(basename "$committed" .ptx)
    arch=$(basename "$(dirname "$committed")")
    grep -q "^$arch $name " "$made/known" || {
        echo "$committed: no source makes it" >&2
        stale=$((stale + 1))
    }
done

for committed in "$MADE"/*.sha256; do
    [[ -n $(modules "$(basename "$committed" .sha256)") ]] || {
        echo "$committed: there is no such room" >&2
        stale=$((stale + 1))
    }
done

[[ $stale == 0 ]] || fail "$stale stale: run native-build/ptx.sh and commit what it writes"
case $mode in
    check) echo "ptx.sh: made of what is here: ${rooms[*]}" ;;
    recompile) echo "ptx.sh: as nvcc $RELEASE makes them: ${rooms[*]}" ;;
esac
