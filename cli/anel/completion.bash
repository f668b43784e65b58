# Completion of anel(1) for bash: the tool itself says which words may follow; without one, files.
_anel() {
    local IFS=$'\n'
    COMPREPLY=($(anel complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _anel anel
