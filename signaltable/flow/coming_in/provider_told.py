"""What comes of asking an identity provider: what it tells of itself, and how it fails."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from signaltable.domain import SignaltableError

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

# The errors that RFC 6749 and OpenID Connect know; another text could say anything, also about a person.
KNOWN_ERRORS: Final = frozenset(
    "access_denied invalid_request unauthorized_client unsupported_response_type invalid_scope server_error "
    "temporarily_unavailable invalid_client invalid_grant interaction_required login_required "
    "account_selection_required consent_required invalid_request_object request_not_supported unmet_authentication_requirements".split()
)


class Away(SignaltableError):
    """The provider cannot be used now. `cause` is a code for the administrator, never what it answered."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the identity provider cannot be used: {cause}")
        self.cause = cause


class Declined(SignaltableError):
    """The provider answered and said no. `cause` is one of its error codes, or "other"."""

    def __init__(self, error: str) -> None:
        self.cause = known_error(error)
        super().__init__(f"the identity provider said no: {self.cause}")


def known_error(error: str) -> str:
    """An error code of a provider, when it is one that the standards know."""
    return error if error in KNOWN_ERRORS else "other"


@dataclass(frozen=True, slots=True)
class Known:
    """What the provider tells of itself, and its keys; fetched at `at`, to be used until `until`."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str
    tells_issuer: bool
    secret_by_post: bool
    keys: "KeySet"
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class State:
    """How the connection is in this process: last reached when, keys until when, why not the last time ("" when it went well)."""

    reached_at: datetime | None
    keys_until: datetime | None
    failed_at: datetime | None
    cause: str
