"""Transcripts: a live blog saved as plain text."""
