"""Documents: a snapshot in, bytes out. Pure: the same snapshot gives the same bytes, in every process and locale."""
