"""What the rows of a checkout share beyond harness/ of the installed part: load, bare servers, goals, profiles."""
