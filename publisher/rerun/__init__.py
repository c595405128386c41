"""Reruns: private replays, each a pure function of its URL, the log and the moment; and a channel as it stood."""
