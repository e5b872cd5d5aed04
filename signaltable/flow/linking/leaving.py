"""A subject that is erased leaves everything that links; who was one with it only through it is proposed again."""

from signaltable.flow.linking import groups
from signaltable.flow.linking.history import one_at_a_time
from signaltable.flow.linking.proposing import again
from signaltable.transaction import Transaction


def leave(tx: Transaction, subject_id: str) -> None:
    """Take a subject out of its group and delete its links with their acts and answers.

    Call it before its tags go. The others of its group stay one as far as other confirmed links connect them; the rest is
    proposed to each other, for their owners to say.
    """
    one_at_a_time(tx)
    others = groups.members(tx, [subject_id]) - {subject_id}
    groups.leave(tx, subject_id)
    if len(others) > 1:
        again(tx, others, without=subject_id)
