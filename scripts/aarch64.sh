#!/usr/bin/env bash
# Builds tieout and its tests for 64-bit ARM on a Debian machine of another kind, and runs them under qemu:
#
#   scripts/aarch64.sh                 the whole library's tests and those of tests/, in a release build with assertions
#   scripts/aarch64.sh --build         only build
#   scripts/aarch64.sh -- NAME...      only tests with such names
#
# None of the vector code of x86-64 is in such a build: what runs is what runs on any machine without it. Packages
# (qemu-user-static, binfmt-support, gcc-aarch64-linux-gnu, libc6-dev-arm64-cross) are installed by name. The standard library for ARM is the
# toolchain's own where it has one (`rustup target add aarch64-unknown-linux-gnu`); else compiler and library of Debian's
# packages rustc-web and libstd-rust-web-dev are unpacked below the target folder, beside the toolchain and not over it.
# An emulated run takes ten to twenty times as long as a native one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=aarch64-unknown-linux-gnu
folder=${CARGO_TARGET_DIR:-target/aarch64}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
run=()
case "${1:-}" in
  --build) run=(--no-run); shift ;;
  --) shift ;;
  '') ;;
  *) sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 64 ;;
esac
if ! { command -v qemu-aarch64-static && command -v aarch64-linux-gnu-gcc && [ -e /usr/aarch64-linux-gnu/lib/libc.so.6 ]; } > /dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross > /dev/null
fi
# Tests start the program as anybody does, so the system has to know what runs it.
if [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binfmt-support > /dev/null
fi
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu

# A compiler that knows the target.
if [ ! -d "$(rustc --print target-libdir --target "$target")" ]; then
  debian=$folder/debian
  if [ ! -x "$debian/rustc" ]; then
    mkdir -p "$debian/packages" "$debian/root"
    dpkg --add-architecture arm64
    apt-get update -qq
    (
      cd "$debian/packages"
      version=$(apt-cache policy rustc-web | sed -n 's/^ *Candidate: *//p')
      series=$(sed 's/^\([0-9]*\.[0-9]*\).*/\1/' <<< "$version")
      llvm=$(apt-cache depends "libstd-rust-web-$series" | sed -n 's/^ *Depends: *\(libllvm.*\)/\1/p')
      apt-get download -qq "rustc-web" "libstd-rust-web-$series" "libstd-rust-web-dev" "libstd-rust-web-dev:arm64" "$llvm"
      for package in *.deb; do dpkg-deb -x "$package" ../root; done
    )
    cat > "$debian/rustc" <<SH
#!/bin/sh
LD_LIBRARY_PATH=$debian/root/usr/lib/$(uname -m)-linux-gnu:$debian/root/usr/lib exec $debian/root/usr/bin/rustc "\$@"
SH
    chmod +x "$debian/rustc"
  fi
  export RUSTC=$debian/rustc
fi
"${RUSTC:-rustc}" --version

export CARGO_TARGET_DIR=$folder
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
# A file that grows past a limit ends the emulator, whatever the program asked for.
cargo test --locked --release --target "$target" --no-fail-fast "${run[@]}" -- --skip a_file_size_limit "$@"
