#!/usr/bin/env bash
# arm.sh ROOT: a folder in which Python 3.11 for Arm runs under qemu-user, with what the product needs and its C coder.
# From Debian 12's packages and PyPI's wheels; needs apt-get, dpkg, pip and gcc-aarch64-linux-gnu (or CROSS=compiler).
set -euo pipefail
root=$(mkdir -p "$1" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")/../.." && pwd)
if [ ! -e "$root/site/onnxruntime" ]; then
  lists=$root/apt
  mkdir -p "$lists"/{state/lists/partial,cache/archives/partial,debs}
  apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$lists/state"
       -o Dir::State::status="$lists/status" -o Dir::Cache="$lists/cache" -o APT::Sandbox::User=root)
  touch "$lists/status"
  "${apt[@]}" update
  packages="libc6 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libpython3.11-dev zlib1g libexpat1 libssl3
            libgcc-s1 libstdc++6 libffi8 libbz2-1.0 liblzma5 libcrypt1 libuuid1 libsqlite3-0 libncursesw6 libtinfo6 libreadline8"
  # shellcheck disable=SC2086
  (cd "$lists/debs" && "${apt[@]}" download $packages)
  for deb in "$lists"/debs/*.deb; do dpkg -x "$deb" "$root"; done
  # The newest runtime that Debian 12's qemu-user can load is 1.22.1.
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 --platform manylinux_2_28_aarch64 \
    --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 --dest "$lists/wheels" \
    numpy==2.4.6 onnxruntime==1.22.1 safetensors==0.8.0 pillow==13.0.0
  python3 -m pip download -q --no-deps --dest "$lists/wheels" -c "$here/constraints.txt" click tqdm flatbuffers packaging protobuf
  mkdir -p "$root/site"
  for wheel in "$lists"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$root/site"; done
fi
"${CROSS:-aarch64-linux-gnu-gcc}" -O3 -fwrapv -ffp-contract=off -shared -fPIC -I"$root/usr/include/python3.11" -I"$root/usr/include" \
  "$here"/src/roundel/coding/native/*.c -o "$root/_native.cpython-311-aarch64-linux-gnu.so"
echo "$root is ready"
