"""The publisher's HTTP side."""
