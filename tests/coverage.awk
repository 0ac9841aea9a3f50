# Reads what gcov prints. Prints for each source in src how many of its lines were executed, the
# least covered first, and names those below 90 %.

BEGIN {
    FS = "[':%]| of "
    sorted = "sort -n"
}

/^File / {
    file = $2
    sub(/^source\//, "", file)
}

/^Lines executed/ && file ~ /^src\/.*\.c$/ {
    lines += $4
    executed += $2 * $4 / 100
    printf "%6.1f %% of %4d  %s\n", $2, $4, file | sorted
    if ($2 < 90)
        low = low "  " file
}

{
    if ($0 ~ /^Lines/)
        file = ""
}

END {
    close(sorted)
    if (lines == 0) {
        print "no counts" >"/dev/stderr"
        exit 1
    }
    printf "%6.1f %% of %4d  all\n", executed * 100 / lines, lines
    print low == "" ? "no file below 90 %" : "below 90 %:" low
}
