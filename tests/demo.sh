#!/usr/bin/env bash
# Starts the README's first command in a folder of its own, waits until it is ready, runs the README's
# walkthroughs against it, and ends it with Ctrl-C's signal.
set -euo pipefail
repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# The build first, so that waiting below is for the program and not for the compiler.
cargo build --release --locked --manifest-path "$repository/Cargo.toml"
LEJA_CUSTOMERS=off cargo run --release --locked --manifest-path "$repository/Cargo.toml" >demo.log 2>&1 &
demo=$!
trap 'kill -INT $demo 2>/dev/null || true; wait $demo 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 300); do
    grep -q "Leja is ready" demo.log && break
    kill -0 $demo 2>/dev/null || { cat demo.log >&2; echo "error: the demo ended before it was ready" >&2; exit 1; }
    sleep 0.1
done

# Every block between "… walkthroughs" and "On your own" is typed as it stands there.
awk '/^## .* walkthroughs$/ {on=1} /^## On your own/ {on=0} /^```/ {if (block) {block=0} else if (on && $0 ~ /sh/) {block=1; next}} block && on' \
    "$repository/README.md" | sed "s|cargo run --release --|cargo run --quiet --release --locked --manifest-path $repository/Cargo.toml --|" >walk.sh
[ "$(grep -c curl walk.sh)" -ge 9 ] || { echo "error: the README's walkthroughs were not found" >&2; exit 1; }
bash -euo pipefail walk.sh >walk.log
grep -q '"reference":"A1"' walk.log || { cat walk.log >&2; echo "error: the first walkthrough sold nothing" >&2; exit 1; }
grep -q 'the body is no JSON object' walk.log || { cat walk.log >&2; echo "error: the inbox lists nothing" >&2; exit 1; }
grep -q 'bytes, on the disk' walk.log || { cat walk.log >&2; echo "error: nothing was exported" >&2; exit 1; }

# What the walkthroughs set going comes to its end.
until_paid() {
    for _ in $(seq 300); do
        curl -s "http://127.0.0.1:8301/check-payment-status/$1" | grep -q completed && return
        sleep 0.1
    done
    echo "error: sale $1 of the walkthroughs was never paid" >&2
    exit 1
}
until_paid 1
until_paid 2
# The lost payment was pulled, and the orphan was given to its shop.
for amount in 77.00 60.00; do
    curl -s -X POST http://127.0.0.1:8301/v1/sync >/dev/null
    curl -s 'http://127.0.0.1:8301/v1/payments?state=unclaimed' | grep -q "\"amount\":\"$amount\"" && continue
    cat walk.log >&2
    echo "error: the payment of $amount of the walkthroughs did not reach its till" >&2
    exit 1
done
kill -INT $demo
wait $demo
trap 'rm -rf "$folder"' EXIT
echo "the README's commands do what it says"
