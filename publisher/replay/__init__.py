"""A replay that everybody shares: what is to be appended to its log, and the conductor that appends it."""
