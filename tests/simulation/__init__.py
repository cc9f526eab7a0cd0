"""The three pure cores on logs in memory, with faults, from a seed (`python -m tests.simulation --help`)."""
