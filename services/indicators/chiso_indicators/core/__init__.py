"""What the numbers mean, as values and functions. No I/O, no clock, no settings, no logging."""
