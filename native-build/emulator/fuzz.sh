#!/usr/bin/env bash
# Feeds the loader texts that libFuzzer makes of the committed PTX, for so many seconds: whatever the text, loading it ends
# in a module or in an error that names a line. Needs clang with libFuzzer (Debian: clang-14 libclang-rt-14-dev), and BUILD,
# a build of the emulator by emulator.sh. What crashed lies in BUILD/fuzz then; `BUILD/fuzz/fuzz FILE` repeats it.
#   fuzz.sh BUILD SECONDS
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)
seconds=$2
work=$build/fuzz
clang=$(command -v clang++-14 || command -v clang++)
mkdir -p "$work/objects" "$work/corpus"

# The text's way is instrumented: lexer, parser, loader, decoder. Handlers come from the build, whose compiler knows them.
compile() {
    "$clang" -std=c++20 -O1 -g -ffp-contract=off -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
        -I "$here/src" -I "$here/test" -c "$1" -o "$work/objects/$(basename "$(dirname "$1")")-$(basename "$1" .cpp).o"
}
export -f compile
export clang here work
sources=("$here"/src/{ptx,decode,module}/*.cpp "$here"/test/fuzz/{load_once,target}.cpp)
printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'compile "$0"'
"$clang" -fsanitize=fuzzer,address,undefined -o "$work/fuzz" "$work"/objects/*.o "$build/libquern_emulator_core.a" -lpthread

# Kernels as texts of their own, behind what stands before the first of their module.
for ptx in "$here"/../ptx/*/*.ptx "$here"/test/{programs,defects}/*/*.ptx; do
    awk -v to="$work/corpus/$(basename "$(dirname "$ptx")")-$(basename "$ptx" .ptx)" '
        /^\.visible \.entry|^\.entry|^\.weak \.entry/ { kernels++; text = "" }
        kernels == 0 { head = head $0 "\n"; next }
        { text = text $0 "\n" }
        /^}/ { if (length(head text) < 12000 && kernels <= 12) { out = to "." kernels; printf "%s%s", head, text > out; close(out) } }
    ' "$ptx"
done
cat "$work"/corpus/* | grep -oE '[%.]?[a-z][A-Za-z0-9_.:]*' | sort | uniq -c | sort -rn | awk 'NR <= 1500 { print "\"" $2 "\"" }' >"$work/words"

cd "$work"
exec ./fuzz -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -max_len=12000 -dict=words -artifact_prefix="$work/" \
    -print_final_stats=1 -verbosity=1 corpus
