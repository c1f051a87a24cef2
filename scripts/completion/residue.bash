# bash completion for residue(1): commands, their options as `residue help` lists them, traces.
_residue() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]:-}
    if [ "$COMP_CWORD" = 1 ]; then
        local commands
        commands=$(residue help 2>/dev/null | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    elif [[ $word == -* ]]; then
        local options
        options=$(residue help "$command" 2>/dev/null | sed -n 's/^  \(--*[a-z-]*\).*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -d -X '!*residue.*' -- "$word"; compgen -f -- "$word")
    fi
}
complete -o filenames -F _residue residue
