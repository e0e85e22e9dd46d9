"""The `hybrid` command line: `main` finds a command, parses its options and turns errors of the user into one line."""
