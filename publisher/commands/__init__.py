"""The commands of the publisher, one module each."""
