# fish completion for tcpackd

# The keys as section.key=, read from the configuration in effect: those of this version.
function __tcpackd_keys
    set -l program (commandline -opc)[1]
    set -l section
    command -sq $program; or return
    for line in ($program -c /dev/null -T 2>/dev/null)
        if string match -q '[*' -- $line
            set section (string trim -c '[]' -- $line)
        else if string match -qr '^[a-z_]+ *=' -- $line
            echo $section.(string replace -r ' *=.*' '=' -- $line)
        end
    end
end

complete -c tcpackd -f
complete -c tcpackd -s c -l config -r -F -d 'Configuration'
complete -c tcpackd -s h -l help -d 'Print the options'
complete -c tcpackd -s o -l option -x -a '(__tcpackd_keys)' -d 'Set one key'
complete -c tcpackd -s q -l quiet -d 'Log less'
complete -c tcpackd -s T -l print -d 'Print the whole configuration'
complete -c tcpackd -s t -l check -d 'Check the configuration'
complete -c tcpackd -s V -l version -d 'Print the version'
complete -c tcpackd -s v -l verbose -d 'Log more'
