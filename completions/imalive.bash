# Completion of imalive(8) for bash.
# shellcheck shell=bash

_imalive() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=
    # `--format=json` is three words: = is in COMP_WORDBREAKS.
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if ((COMP_CWORD == 1)); then
        words='once healthcheck check -h --help -V --version'
    elif [[ $command == once && $before == --format ]]; then
        words='text json prom'
    elif [[ $command == once ]]; then
        words='--format -h --help -V --version'
    elif [[ $command == healthcheck && $COMP_CWORD == 2 ]]; then # a URL begun is three words more
        words='http://127.0.0.1:8080/v1/health -h --help -V --version'
    elif [[ $command == check ]]; then
        words='-h --help -V --version'
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if [[ $command == check && $COMP_CWORD == 2 && $word != -* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -X '!*.yml' -- "$word"; compgen -f -X '!*.yaml' -- "$word"; compgen -d -- "$word")
    fi
}
complete -F _imalive imalive
