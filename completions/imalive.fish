# Completion of imalive(8) for fish.
complete -c imalive -f
complete -c imalive -s h -l help -d 'print commands, variables and exit codes'
complete -c imalive -s V -l version -d 'print version, commit and target'
complete -c imalive -n __fish_use_subcommand -a once -d 'print one reading of the node'
complete -c imalive -n __fish_use_subcommand -a healthcheck -d 'ask a running agent whether it is alive'
complete -c imalive -n __fish_use_subcommand -a check -d 'print the effective configuration, check imalive.yml'
complete -c imalive -n '__fish_seen_subcommand_from once' -l format -x -a 'text json prom' -d 'form of the reading'
complete -c imalive -n '__fish_seen_subcommand_from check' -F
complete -c imalive -n '__fish_seen_subcommand_from healthcheck' -a 'http://127.0.0.1:8080/v1/health'
