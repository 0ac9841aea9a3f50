#!/bin/sh
# make demo: the programs that were just built, at work. A server on a port that the kernel chooses,
# messages from tcpack and, where it is there, from nc; every acknowledgement, the journal, and the
# stop. What is shown is what happened; an exit code other than 0 says that something did not work.
set -eu

: "${TCPACKD:?make demo sets it: the path of tcpackd}" "${TCPACK:?and that of tcpack}"

work=$(mktemp -d)
journal=$work/journal
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
    echo "demo: FAILED: $*" >&2
    exit 1
}

# Runs the command and shows the command, then what it prints; $replies are the lines it printed.
show()
{
    printf '\n$ %s\n' "$1"
    sh -c "$1" >"$work/replies" 2>&1 || fail "exit code $? of: $1: $(cat "$work/replies")"
    cat "$work/replies"
    replies=$(grep -c '^server received you message\.$' "$work/replies" || true)
}

expect()
{
    [ "$1" = "$2" ] || fail "expected $2 acknowledgements, got $1"
}

# What the server logs comes through a pipe: its lines are waited for, not guessed at.
mkfifo "$work/log"
printf '$ tcpackd -c /dev/null -o server.port=0 -o journal.file=%s &\n' "$journal"
"$TCPACKD" -c /dev/null -o server.port=0 -o journal.file="$journal" 2>"$work/log" &
server=$!
exec 3<"$work/log"
port=
while read -r line <&3; do
    echo "$line"
    case $line in
    *'server start at '*) port=${line##*:} ;;
    *'wait for connection...') break ;;
    esac
done
[ -n "$port" ] || fail 'the server did not start'

# The commands below find the programs by name, as they stand in the transcript.
PATH=$(dirname "$TCPACK"):$PATH
export PATH

show "tcpack -c /dev/null -p $port hello world"
expect "$replies" 1
show "printf 'one\ntwo\nthree\n' | tcpack -c /dev/null -p $port"
expect "$replies" 3
messages=4
if nc -h 2>&1 | grep -q -e '-N'; then
    show "printf 'a line from nc\nand another\n' | nc -N 127.0.0.1 $port"
    expect "$replies" 2
    messages=6
else
    printf '\n(no nc with -N here, which ends sending at the end of its input)\n'
fi

show "cat $journal"
[ "$(wc -l <"$journal")" -eq "$messages" ] || fail "the journal has not $messages records"
grep -q '^1 [^ ]* 127\.0\.0\.1:[0-9]* hello world$' "$journal" || fail 'record 1 is another'

printf '\n$ kill %s\n' "$server"
kill "$server"
cat <&3
wait "$server" || fail "the server's exit code is $?"
server=
printf '\ndemo: %s messages, each recorded and then acknowledged\n' "$messages"
