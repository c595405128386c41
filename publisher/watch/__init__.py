"""Watching: a live channel that shows what a file or a web address says, read again whenever it changes."""
