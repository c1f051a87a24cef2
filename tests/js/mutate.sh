#!/bin/sh
# What a V8 that we do not know does to us, should its layout have changed: each constant that we use is put
# wrong, one at a time. Nothing may crash, and no frame may get a name or a line that is not its own.
# usage: mutate.sh NODE HARNESS WORK
node=$1 harness=$2 work=$3
here=$(dirname "$0")
failed=0 passed=0

trace() { # OUT PATCH
    JSH_PATCH=$2 JSH_TRUTH=$work/mutate-truth JSH_LOW=20001 JSH_HIGH=20999 JSH_OUT=$1 \
        timeout 60 env LD_PRELOAD="$harness" "$node" "$here/sites/main.js" 30
}

symbols=$(sed -n '/^static const struct source sources/,/^};/p' "$here/../../preload/js/layout.c" |
    grep -o '"[A-Za-z0-9_]*"' | tr -d '"')
trace "$work/reference" "" || exit 1
for symbol in $symbols; do
    for change in +8 -8 +1; do
        rm -f "$work/mutated"
        if trace "$work/mutated" "v8dbg_$symbol=$change,_ZN2v88internal7Version6minor_E=+1" &&
            node "$here/check-less.js" "$work/mutated" "$work/reference" "$symbol $change"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
done
echo "     $passed wrong layouts harmless, $failed not"
[ $failed = 0 ]
