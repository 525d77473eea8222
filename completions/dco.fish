complete --keep-order --exclusive --command dco --arguments "(DCO_COMPLETE=fish dco -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
