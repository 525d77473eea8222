#!/bin/bash
# run.sh [SECONDS [TARGET...]]: fuzzes each target (all of them, 10 s each) on stable Rust, without
# cargo-fuzz. Found inputs are kept in corpus/<target>, failures in artifacts/<target>-*.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-10}; shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"/\1/p' Cargo.toml | tail -n +2)
triple=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
bins=(); for target in "${targets[@]}"; do bins+=(--bin "$target"); done
cargo build --quiet --release --target "$triple" "${bins[@]}"
mkdir -p artifacts
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target"
    seeds=("corpus/$target" "seeds/$target")
    [ "$target" != project ] || seeds+=(../tests/parity/attributes ../tests/fixtures)
    printf '%s: ' "$target"
    "target/$triple/release/$target" -max_total_time="$seconds" -timeout=1 -rss_limit_mb=500 \
        -dict="dictionaries/$target" -verbosity=0 -print_final_stats=1 -artifact_prefix="artifacts/$target-" "${seeds[@]}" 2>&1 |
        sed -n 's/^stat::number_of_executed_units: */executions: /p; /ERROR\|panicked\|SUMMARY/p'
    [ "${PIPESTATUS[0]}" = 0 ]
done
