"""Deliberate mistakes in copies of the services; a test must catch each: `python -m tests.mutants`."""
