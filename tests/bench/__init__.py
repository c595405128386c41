"""Benchmarks: ``make bench``. Ratios and percentiles, never limits of a unit test."""
