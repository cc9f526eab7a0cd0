"""One module a command: reads its options, calls the rest, prints, returns the exit code."""
