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
compile() { # NAME SOURCE...: as one file, for most of what each takes is the headers that all of them include
    local name=$1
    shift
    printf '#include "%s"\n' "$@" >"$work/$name.cpp"
    "$clang" -std=c++20 -O1 -g1 -ffp-contract=off -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
        -I "$here/src" -I "$here/test" -c "$work/$name.cpp" -o "$work/objects/$name.o"
}
compile decode "$here"/src/decode/*.cpp &
compile text "$here"/src/{ptx,module}/*.cpp "$here"/test/fuzz/{load_once,target}.cpp
wait $!
"$clang" -fsanitize=fuzzer,address,undefined -o "$work/fuzz" "$work"/objects/{decode,text}.o "$build/libquern_emulator_core.a" -lpthread

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
