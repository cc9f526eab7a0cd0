"""What must come out of a log of submissions, computed a second time and compared on random histories.

`spans`, `reference`, `judge`, `histories` and `compare` share no code with the services;
only `service` and `kafka` run them.
"""
