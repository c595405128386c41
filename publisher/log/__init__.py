"""The event log: engines behind one contract."""
