"""Putting things that belong together in one place (union-find)."""


class Clusters:
    """Sets that grow together: `join` two, and `key` tells of each in which set it is. A thing not seen yet is alone."""

    def __init__(self) -> None:
        self._up: dict[str, str] = {}

    def key(self, one: str) -> str:
        """The name of the set that this one is in: the same for all of them until the next `join`."""
        while (up := self._up.get(one, one)) != one:
            self._up[one] = self._up.get(up, up)
            one = up
        return one

    def join(self, one: str, other: str) -> None:
        """These two, and all that were with either, are one set from now on. The smallest name stands for it."""
        first, second = sorted((self.key(one), self.key(other)))
        self._up[second] = first
