"""signaltable: open-source software for the Dutch signaaltafel mensenhandel."""
