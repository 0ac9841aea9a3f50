#!/usr/bin/env bash
# numbered.sh HOST PORT NAME FILE: sends each line of FILE to a tcpackd with `framing = octet`, as
# numbered message `NAME LINE-NUMBER LINE`, again and again until it is acknowledged.

host=$1 port=$2 name=$3
LC_ALL=C      # characters are bytes
mapfile -t lines <"$4"
window=16     # messages under way at once; each connection begins with one
timeout=5     # seconds for the next acknowledgement
acknowledged=0
attempts=0    # that failed, in a row
trap '' PIPE  # a connection that is lost is an error of printf

# Reads the next reply: its length, a blank, and then so many bytes.
read_reply() {
    local length reply
    read -r -d ' ' -t $timeout length <&3 && read -r -N "$length" -t $timeout reply <&3 &&
        [[ $reply != 'refused: '* ]]
}

# Sends what is not acknowledged, and counts the replies: one each, in order.
transfer() {
    local message sent begin=$acknowledged end
    while ((acknowledged < ${#lines[@]})); do
        end=$((acknowledged + 1 + acknowledged - begin))
        ((end > acknowledged + window)) && end=$((acknowledged + window))
        for ((sent = acknowledged; sent < end && sent < ${#lines[@]}; sent++)); do
            message="$name $((sent + 1)) ${lines[sent]}"
            printf '%d %s' ${#message} "$message" >&3 || return
        done
        while ((acknowledged < sent)); do
            read_reply || return
            ((++acknowledged))
            attempts=0
        done
    done
}

while ((acknowledged < ${#lines[@]})); do
    if { exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null; then
        transfer 2>/dev/null && break
        exec 3>&-
    fi
    echo "$host: no connection; $acknowledged acknowledged" >&2
    # 0.1 s, twice as long each time, up to 6.4 s; less a random part.
    ((attempts < 7 && ++attempts))
    milliseconds=$((50 << attempts))
    ((milliseconds -= RANDOM % (milliseconds / 2)))
    printf -v pause '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000))
    sleep "$pause"
done
