"""The `chiso` command: submit, look, follow and simulate from a terminal."""
