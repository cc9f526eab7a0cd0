"""What the door decides, as values and functions: no I/O, no clock, no settings, no logging."""
