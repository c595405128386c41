"""The publishing side of newsreel: sources in; feeds, a stream and a live page out."""
