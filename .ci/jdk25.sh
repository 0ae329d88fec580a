# shellcheck shell=bash
# Finding JDK 25.0.3 or newer, the one thing Quern cannot install. Sourced by ./quern; run by itself it prints the home
# it finds, or one line on what is missing. Older 25s can corrupt pinned arrays (JDK-8377811).

jdk25_candidates() {
    echo "${JDK25_HOME:-}"
    echo "${JAVA_HOME:-}"
    local java
    if java=$(command -v java); then dirname "$(dirname "$(readlink -f "$java")")"; fi
    printf '%s\n' /usr/lib/jvm/* /usr/java/* /opt/*jdk* /opt/java/* \
        "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* "$HOME"/.local/share/mise/installs/java/* \
        "$HOME"/.asdf/installs/java/* "$HOME"/.jenv/versions/*
    if [[ -r $HOME/.m2/toolchains.xml ]]; then
        sed -n 's:.*<jdkHome>\(.*\)</jdkHome>.*:\1:p' "$HOME/.m2/toolchains.xml"
    fi
}

# Prints the first home that is a whole JDK (with javac) of the right version. The file `release` says which it is
# without starting it.
jdk25_home() {
    local home
    while read -r home; do
        [[ -x $home/bin/javac && -r $home/release ]] || continue
        if grep -Eq '^JAVA_VERSION="25\.(0\.([3-9]|[1-9][0-9]+)|[1-9][0-9]*)' "$home/release"; then
            echo "$home"
            return
        fi
    done < <(jdk25_candidates)
    echo "no JDK 25.0.3 or newer 25 in JDK25_HOME, JAVA_HOME, PATH, /usr/lib/jvm or ~/.sdkman;" \
        "cure: install one (https://adoptium.net/temurin/releases/?version=25) and set JDK25_HOME to it" >&2
    return 1
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then jdk25_home; fi
