"""The language both sides of newsreel speak: posts, events, positions, the stream, feeds."""

__version__ = "0.1.0"
