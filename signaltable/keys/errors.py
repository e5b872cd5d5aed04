"""What can be wrong with keys, and with what they sealed."""

from signaltable.domain import SignaltableError


class KeyRingError(SignaltableError):
    """The keys cannot be used; the message names file and key and what was expected, never key material."""


class CannotOpen(SignaltableError):
    """A sealed value does not open with this key and these surroundings. The message does not say more on purpose."""
