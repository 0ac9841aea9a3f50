#!/bin/sh
# Is each call of libc that the programs make known to the simulation? One that is neither replaced
# (calls.txt) nor known to need no kernel (known.txt) would reach the real one from within a history.
set -eu

here=$TCPACK_SRCDIR/tests/simulation
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

objects="src/libserver.a src/libclient.a src/libcommon.a src/server/tcpackd.o src/client/tcpack.o"
# Words, on purpose. What sanitizers and gcov add is theirs.
# shellcheck disable=SC2086
nm -u $objects | sed -n 's/^ *U //p' | grep -v -e '^__asan' -e '^__ubsan' -e '^__gcov' \
    -e '^__sanitizer' | sort -u >"$work/used"
# shellcheck disable=SC2086
nm --defined-only $objects | sed -n 's/^[0-9a-f]* [A-Za-z] //p' | sort -u >"$work/own"
{ sed -n 's/^--wrap=//p' "$here/calls.txt"; grep -v '^#' "$here/known.txt"; } |
    sort -u >"$work/known"
comm -23 "$work/used" "$work/own" | comm -23 - "$work/known" >"$work/unknown"
if test -s "$work/unknown"; then
    echo "calls that the simulation does not know (tests/simulation/README says what to do):"
    cat "$work/unknown"
    exit 1
fi
