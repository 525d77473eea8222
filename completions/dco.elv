set edit:completion:arg-completer[dco] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) DCO_COMPLETE="elvish" dco -- $@words) | to-lines
}
