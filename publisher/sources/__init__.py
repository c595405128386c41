"""Sources: bytes in, a Reading out. Pure: no clock, no files, no network."""
