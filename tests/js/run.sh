#!/bin/bash
# Whose JavaScript? What preload/js reads from V8's frames against the sources, and against V8's own stacks.
#
#   run.sh quick    every version of node, a few hundred calls of each site in its default tiers, whole stacks, and an
#                   unknown version; under a minute
#   run.sh tiers    100,000 allocations in each tier of V8's, and whole stacks
#   run.sh motion   collection under stress, MINUTES for each version (default 3)
#   run.sh prove    both, and unknown versions, wrong layouts, and a build without V8's symbols
#
# Tests the compiler's output of preload/js and a harness of its own, without the rest of the recorder. Versions of node
# that are not installed under tests/node_modules are skipped, and counted.
set -u
cd "$(dirname "$0")/../.." || exit 1
mode=${1:-quick}
minutes=${MINUTES:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/residue-js-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
here=$PWD/tests/js
harness=$work/harness.so
passed=0 failed=0 skipped=0

verdict() { # STATUS WHAT
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL $2"; fi
}

build() {
    local flags=(-std=gnu11 -D_GNU_SOURCE -O2 -g -fPIC -fvisibility=hidden -fno-omit-frame-pointer
        -ftls-model=initial-exec -Wall -Wextra -Wundef -Wshadow -Wstrict-prototypes -Iinclude -Ipreload)
    ${CC:-cc} "${flags[@]}" -shared -o "$harness" tests/js/harness.c preload/js/*.c preload/sys.c -ldl -lpthread
}

has() { "$node" --v8-options | grep -q -- "^  --$1 "; }

# Run a script under the harness: traced SCRIPT ROUNDS [flags of node...]; JSH_* as set.
traced() {
    local script=$1 rounds=$2
    shift 2
    rm -f "$work/out" "$work/truth"
    JSH_AGAIN=1 JSH_OUT=$work/out JSH_TRUTH=$work/truth timeout 120 env LD_PRELOAD="$harness" \
        "$node" "$@" "$here/$script" $rounds
}

sites() { # LABEL LEAST_LINES ROUNDS [flags...]
    local label=$1 least=$2 rounds=$3
    shift 3
    printf '%-24s ' "$label"
    JSH_LOW=20001 JSH_HIGH=20999 traced sites/main.js "$rounds" "$@" &&
        node "$here/check.js" "$work/out" "$work/truth" "$least"
    local status=$?
    if [ $status = 0 ] && ! grep -q 'wrong 0$' <(grep '^#proofs' "$work/out"); then
        grep '^#proofs' "$work/out"
        status=1
    fi
    verdict $status "$label"
}

whole_stacks() { # LABEL ROUNDS [flags...]
    printf '%-24s ' "$1"
    JSH_LOW=30001 JSH_HIGH=199999 traced stacks/stacks.js "$2" "${@:3}" &&
        node "$here/check-stacks.js" "$work/out" "$work/truth"
    verdict $? "$1"
}

# Flags that make code hot soon: $hot, and without maglev: $no_maglev.
choose_flags() {
    no_maglev=() hot=(--interrupt-budget=5000)
    has maglev && no_maglev=(--no-maglev)
    has invocation-count-for-turbofan && hot=(--invocation-count-for-turbofan=50)
}

tiers() { # LABEL ROUNDS
    sites "$1 interpreted" 1 "$2" --no-sparkplug --no-opt "${no_maglev[@]}"
    sites "$1 baseline" 1 "$2" --always-sparkplug --no-opt "${no_maglev[@]}"
    if has maglev; then
        sites "$1 maglev" 0.96 "$2" --maglev --no-turbofan --invocation-count-for-maglev=50
    fi
    sites "$1 turbofan" 1 "$2" "${no_maglev[@]}" "${hot[@]}" --no-lazy-feedback-allocation
}

all_tiers() { # LABEL
    choose_flags
    tiers "$1" 1700
    sites "$1 default" 0.96 1700
    sites "$1 many functions" 0.96 "3000 churn" "${hot[@]}" # 12,000 that are made, run hot, and die
    whole_stacks "$1 stacks" 300
}

# A version that nobody tested: names and lines come a little later, and are as right.
unknown_version() {
    printf '%-24s ' "$1 unknown"
    JSH_PATCH=_ZN2v88internal7Version6minor_E=+1 JSH_LOW=20001 JSH_HIGH=20999 traced sites/main.js 100 &&
        node "$here/check.js" "$work/out" "$work/truth" 0.99 0.99
    verdict $? "$1 unknown"
}

# (Without --stress-concurrent-allocation, under which node 18 aborts by itself.)
# All allocations named while the heap is kept in motion; functions met only then may be wrong ones, and
# are looked for in the sources.
collection() { # LABEL
    local until=$((SECONDS + minutes * 60)) at=0
    local -a flags=("--stress-compaction --stress-incremental-marking" "--stress-scavenge=60 --stress-compaction"
        "--gc-interval=400 --stress-compaction-random" "--stress-marking=60 --stress-flush-code --flush-bytecode")
    while [ $SECONDS -lt $until ]; do
        local chosen=${flags[at++ % ${#flags[@]}]}
        printf '%-24s ' "$1 in motion"
        JSH_ALL=1 JSH_LOW=20001 JSH_HIGH=20999 \
            traced sites/main.js "${CHURN:-400} churn" --max-semi-space-size=1 $chosen &&
            node "$here/check.js" "$work/out" "$work/truth" 0.99 && "$node" --no-deprecation "$here/check-strangers.js" "$work/out" &&
            grep -q '^#proofs.*wrong 0$' "$work/out"
        verdict $? "$1 $chosen"
        grep -E '^#(stacks|motion|proofs|wrong)' "$work/out" | tr '\t\n' '  ' | sed 's/^/     /; s/$/\n/'
    done
}

# A build whose symbols are called otherwise: nothing is named, and the program runs.
without_symbols() {
    sed 's/v8dbg_/v9dbg_/g' "$node" >"$work/node" && chmod +x "$work/node"
    printf '%-24s ' "$1 without symbols"
    (node=$work/node && JSH_LOW=20001 JSH_HIGH=20999 traced sites/main.js 20) &&
        grep '^#.0.this build of V8 lacks' "$work/out"
    verdict $? "$1 without symbols"
    rm -f "$work/node"
}

echo "preload/js: names, files, lines"
build || { echo "0 passed, 1 failed"; exit 1; }
for version in ${VERSIONS:-18 20 22 24 26}; do
    node=$PWD/tests/node_modules/node$version/bin/node
    if [ ! -x "$node" ]; then
        echo "     node $version is not installed: skipped"
        skipped=$((skipped + 1))
        continue
    fi
    if [ "$mode" = prove ]; then
        all_tiers "node $version"
        collection "node $version"
        unknown_version "node $version"
        without_symbols "node $version"
        bash "$here/mutate.sh" "$node" "$harness" "$work"
        verdict $? "node $version wrong layouts"
    elif [ "$mode" = tiers ]; then
        all_tiers "node $version"
    elif [ "$mode" = motion ]; then
        collection "node $version"
    else
        sites "node $version default" 0.96 200
        sites "node $version baseline" 1 60 --always-sparkplug
        whole_stacks "node $version stacks" 20
        unknown_version "node $version"
        JSH_ALL=1 sites "node $version in motion" 0.99 "60 churn" --max-semi-space-size=1 --stress-compaction
    fi
done
[ $skipped = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
