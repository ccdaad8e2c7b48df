"""Ways in: each package here turns one kind of model into the float graph."""
