#!/usr/bin/env bash
# Fuzzes the board's parser: bash tests/fuzz/protocol.sh [INPUTS = 20000000] [PROCESSES = 1]
# libFuzzer with ASan and UBSan; needs clang and its runtime (Debian: clang, libclang-rt-dev). A finding ends it with 1
# and leaves the input as crash-* in the folder that it names. The corpus stays in MIXCOMP_CACHE (default: a new folder).
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-20000000} processes=${2:-1}
folder=${MIXCOMP_CACHE:-$(mktemp -d)}/fuzz_protocol
mkdir -p "$folder/corpus"
here=tests/firmware/protocol
clang -std=c99 -O2 -g -DMCE_FUZZ -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -I$here -Ifirmware/protocol -Ifirmware/include firmware/protocol/*.c $here/device.c -o "$folder/fuzz"
python3 tests/fuzz/protocol_seeds.py "$folder/corpus"
cd "$folder"
echo "corpus and findings in $folder"
pids=()
for ((i = 0; i < processes; i++)); do
    ./fuzz -runs=$((runs / processes)) -seed=$((i + 1)) -max_len=500 -print_final_stats=1 -verbosity=0 corpus \
        >"log.$i" 2>&1 &
    pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
grep -hE "ERROR|SUMMARY|number_of_executed_units|runtime error" log.* || true
exit $status
