"""signaltable: open-source software for the Dutch signaaltafel mensenhandel."""

VERSION = "0.1.0"
