"""The language both sides of newsreel speak: posts, events, positions, the stream, feeds."""
