#!/bin/sh
# The C core as WebAssembly: build.sh OUTPUT. Needs clang and its linker (on Debian and Ubuntu: clang lld).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
core=$here/../../src/roundel/coding/native
for tool in clang wasm-ld; do
  command -v $tool >/dev/null || { echo "roundel: $tool is missing; on Debian and Ubuntu: apt install clang lld" >&2; exit 1; }
done
mkdir -p "$(dirname "$1")"
clang --target=wasm32 -std=c11 -O3 -msimd128 -mbulk-memory -ffreestanding -nostdlib -Wall -Wextra \
  -I "$here/include" -I "$core" -Wl,--no-entry -Wl,-z,stack-size=262144 -Wl,--strip-all -o "$1" \
  "$here/web.c" "$core/cell.c" "$core/coder.c" "$core/colours.c" "$core/dependent.c" "$core/fit.c" "$core/indices.c" "$core/mixing.c" "$core/mixture.c" \
  "$core/neighbours.c" "$core/samples.c" "$core/wavelet.c"
