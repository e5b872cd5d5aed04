"""A believable region of invented people for measuring and for trying out: `signaltable generate`."""
