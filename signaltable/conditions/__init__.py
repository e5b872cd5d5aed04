"""The shapes of the conditions of a ground: a closed set, each filled in by a person and checked by `signaltable.evidence`."""
