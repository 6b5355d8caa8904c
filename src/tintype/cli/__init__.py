"""The command: words become options, options become one call, the call becomes an exit code."""
