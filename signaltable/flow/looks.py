"""Looking at what is shared or counted, where the page needs no use case of its own: the log still says who looked."""

from collections.abc import Sequence

from signaltable.access import Permission, require
from signaltable.domain import Actor
from signaltable.transaction import Program, Transaction, transaction


def rules(tx: Transaction, view: str, object_id: str = "", *, digests: Sequence[str] = (), count: int = 0) -> None:
    """Somebody read, printed or tried the rules. `digests` are the older and the newer one of a comparison."""
    require(tx.actor, Permission.POLICY_CONSULT_ALL)
    older, newer = digests or ("", tx.program.policy.digest)
    tx.record(
        "policy:consult",
        object_type="policy",
        object_id=object_id,
        details={
            "view": view,
            "policy_digest": newer,
            **({"previous_digest": older} if older else {}),
            **({"count": count} if count else {}),
        },
    )


def demo_accounts(program: Program, actor: Actor, count: int) -> None:
    """Somebody at the machine had the demo accounts shown, passwords included."""
    with transaction(program, actor) as tx:
        tx.record("account:consult", object_type="account", details={"view": "demo", "count": count})


def log(tx: Transaction, view: str) -> None:
    """Somebody looked at, or fetched, what stands around the log: its newest state, its public key."""
    tx.record("log:consult", object_type="log", details={"view": view})
