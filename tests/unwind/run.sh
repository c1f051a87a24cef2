#!/bin/sh
# The unwinder's own tests: programs that are hard on it, generated code without tables, and real node with real addons,
# each under harness.c, a preload that does nothing but take stacks and judge them.
#
#   tests/unwind/run.sh quick   about two minutes (the default)
#   tests/unwind/run.sh prove   every node version, tens of millions of stacks, ten million armed returns
#
# RSD_TEST_MODULES is the node_modules folder to use (default: tests/node_modules).
set -u
cd -- "$(dirname -- "$0")/../.."
how=${1:-quick}
export RSD_TEST_MODULES="${RSD_TEST_MODULES:-$PWD/tests/node_modules}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() {
    failed=$((failed + 1))
    echo "FAILED  $1"
    tail -n 12 "$work/out" "$work/log" 2>/dev/null
}

# value TOPIC NAME: what the harness said, of several processes the last; value TOPIC "": the topic's first number
value() {
    awk -v topic="$1" -v name="$2" '
        $1 == topic && name == "" { v = $2 }
        $1 == topic { for (i = 2; i < NF; i++) if ($i == name) { v = $(i + 1); sub(/%/, "", v) } }
        END { print v }' "$work/out"
}
# is VALUE OPERATOR LIMIT
is() { [ -n "$1" ] && awk -v a="$1" -v b="$3" "BEGIN { exit !(a $2 b) }"; }

# part SHARE WHOLE
part() { awk "BEGIN { print $1 * $2 }"; }

# under MODE COMMAND...: run a command under the harness
under() {
    mode=$1
    shift
    rm -f "$work/out"
    timeout "${LIMIT:-300}" env RSD_HARNESS="$mode" RSD_HARNESS_DEPTH=1024 RSD_HARNESS_TRACE=2 \
        RSD_HARNESS_OUT="$work/out" LD_PRELOAD="$work/harness.so" "$@" >"$work/log" 2>&1
}

# Enough stacks reach their root, and hardly a frame is guessed.
good_stacks() {
    is "$(value stacks root)" ">=" 99.9 && is "$(value frames scan)" "<=" "$(part 0.0001 "$(value frames "")")"
}

numbers() {
    echo "root $(value stacks root)% of $(value stacks ""), cfi $(value frames cfi) fp $(value frames fp)" \
        "code $(value frames code) scan $(value frames scan), $(value time cached_ns) ns," \
        "derived in $(value rules derive_ms) ms"
}

build() {
    gcc -std=gnu11 -O2 -g -fPIC -shared -fno-omit-frame-pointer -D_GNU_SOURCE -Wall -Wextra -Iinclude \
        -o "$work/harness.so" tests/unwind/harness.c preload/unwind/*.c -lZydis -ldl || exit 1
    for source in tests/unwind/programs/*.c; do
        name=$(basename "$source" .c)
        case $name in generated_main | library) continue ;; esac
        gcc -O2 -g -fno-builtin -w -pthread "$source" -o "$work/$name" -ldl || exit 1
    done
    g++ -O2 -g -pthread tests/unwind/programs/exceptions.cpp -o "$work/exceptions" || exit 1
    gcc -O2 -g -fPIC -shared -DFRAME=100 tests/unwind/programs/library.c -o "$work/library1.so" || exit 1
    gcc -O2 -g -fPIC -shared -DFRAME=900 tests/unwind/programs/library.c -o "$work/library2.so" || exit 1
    gcc -O2 -g -c tests/unwind/programs/generated_main.c -o "$work/generated_main.o" || exit 1
}

# program MODE NAME ARGUMENTS...: exits with 0, and no stack differs
program() {
    mode=$1 name=$2
    shift 2
    if under "$mode" "$work/$name" "$@" && is "$(value compare different)" == 0 &&
        is "$(value stacks root)" ">=" 99.9; then
        ok "$name $*: $(value compare equal) stacks the same ($mode)"
    else
        bad "$name $* ($mode)"
    fi
}

programs() {
    under stats "$work/overflow" && ok "overflow: the program survives it" || bad overflow
    for name in longjmp exceptions cancel contexts small_stack signals variable_frames; do
        program compare $name
    done
    program compare signals alternate
    program libunwind signals
    program libunwind dlclose "$work/library1.so" "$work/library2.so"
    for command in "python3 -c 'import json; print(len(json.dumps([str(i) for i in range(20000)])))'" \
        "perl -e 'my %h; \$h{\$_} = [1 .. \$_ % 9] for 1 .. 20000; print scalar(keys %h)'"; do
        if under compare sh -c "exec $command" && is "$(value compare different)" == 0 &&
            is "$(value stacks root)" ">=" 99.9; then
            ok "$(echo "$command" | cut -d' ' -f1): $(numbers)"
        else
            bad "$command"
        fi
    done
}

# Functions without tables by both compilers at every level: the same result with all return addresses armed.
generated() {
    reached=0 stacks=0 wrong=0 returned=0
    for seed in $(seq 1 "$1"); do
        node tests/unwind/generate.js "$seed" 80 >"$work/generated.c"
        for compiler in gcc clang; do
            for level in 0 1 2 3 s; do
                $compiler -O$level -w -fno-builtin -fno-asynchronous-unwind-tables -fno-unwind-tables \
                    -fomit-frame-pointer -c "$work/generated.c" -o "$work/generated.o" &&
                    gcc "$work/generated_main.o" "$work/generated.o" -o "$work/generated" || exit 1
                expected=$(timeout 20 "$work/generated" 5000)
                under arming "$work/generated" 5000
                if [ "$expected" != "$(cat "$work/log")" ]; then
                    wrong=$((wrong + 1))
                    bad "generated: seed $seed, $compiler -O$level"
                fi
                stacks=$((stacks + $(value stacks "")))
                reached=$((reached + $(awk '$1 == "stacks" { printf "%.0f", $2 * $4 / 100 }' "$work/out")))
                returned=$((returned + $(value arming returned)))
            done
        done
    done
    if [ $wrong = 0 ] && is $reached ">=" "$(part 0.995 $stacks)"; then
        ok "generated: $returned armed returns, none wrong; $reached of $stacks stacks reach the root"
    else
        bad "generated: $reached of $stacks stacks reach the root, $wrong programs wrong"
    fi
}

# workload NODE NAME ROUNDS
workload() {
    script=tests/unwind/workloads/$2.js
    label="$(basename "$(dirname "$(dirname "$1")")") $2"
    if under compare "$1" "$script" "$3" && is "$(value compare different)" == 0 && good_stacks; then
        ok "$label compare: $(value compare equal) equal; $(numbers)"
    else
        bad "$label compare: $(value compare different) different; $(numbers)"
    fi
    if under xcheck "$1" "$script" "$3" && is "$(value xcheck disagree)" == 0 &&
        is "$(value xcheck silent)" "<=" "$(part 0.005 "$(value xcheck pcs)")"; then
        ok "$label xcheck: $(value xcheck agree) of $(value xcheck pcs) pcs agree, none disagrees"
    else
        bad "$label xcheck"
    fi
    if under libunwind "$1" "$script" "$3" && is "$(value compare different)" == 0; then
        ok "$label libunwind: $(value compare equal) stacks equal, $(value compare skipped) without a root there"
    else
        bad "$label libunwind"
    fi
}

# arming NODE NAME ROUNDS
arming() {
    label="$(basename "$(dirname "$(dirname "$1")")") $2"
    if LIMIT=1800 under arming "$1" tests/unwind/workloads/"$2".js "$3" && ! grep -q WRONG "$work/out"; then
        ok "$label arming: $(grep '^arming' "$work/out")"
    else
        bad "$label arming"
    fi
}

# speed NODE NAME ROUNDS: the best of five
speed() {
    best=$(for _ in 1 2 3 4 5; do
        under stats "$1" tests/unwind/workloads/"$2".js "$3"
        value time cached_ns
    done | sort -n | head -n 1)
    under stats "$1" tests/unwind/workloads/"$2".js "$3"
    echo "speed   $2: $best ns per unwind in the cache; all rules derived in $(value rules derive_ms) ms"
    under backtrace "$1" tests/unwind/workloads/"$2".js "$3"
    echo "speed   $2: unw_backtrace $(value time cached_ns) ns, root $(value stacks root)%"
}

build
programs
system=$(command -v node)
if [ "$how" = prove ]; then
    generated 20
    for node in "$system" "$RSD_TEST_MODULES"/node1[0-9]/bin/node "$RSD_TEST_MODULES"/node2[0-9]/bin/node; do
        [ -x "$node" ] || continue
        for name in buffers:1500000 resize:100 wide:2 mix:1000 canvas:400 workers:10 wasm:1000 regexp:8000 \
            async:6000; do
            workload "$node" "${name%:*}" "${name#*:}"
        done
        arming "$node" wide 4
        arming "$node" resize 100
    done
else
    generated 2
    for name in buffers:300000 resize:20 wide:1 mix:100 canvas:60 workers:3 wasm:300 regexp:2000 async:1500; do
        workload "$system" "${name%:*}" "${name#*:}"
    done
    arming "$system" wide 1
fi
speed "$system" buffers 600000
speed "$system" resize 20
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
