"""What an alert is and how it lives: values and functions. No I/O, no clock, no settings, no logging."""
