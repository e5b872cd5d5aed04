"""Attack tools of others against a demonstration of our own: `make attack`. Nothing here is collected by pytest."""
