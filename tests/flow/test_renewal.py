"""Fields that a database hands over in whatever order: no digest is told that fsck would not make of the same rows."""

import os
from itertools import permutations

from signaltable.flow import sealing
from signaltable.flow.rotating.renewal import Renewal
from signaltable.keys import new_data_key, open_field, seal_field

NAMES = ("birth_date", "given_name", "surname")


def test_a_digest_is_told_only_of_fields_that_came_in_the_order_of_their_names():
    old, new = (new_data_key(os.urandom(32)) for _ in range(2))
    where = {"table": sealing.TABLE, "version": sealing.FIELD_VERSION}
    rows = {
        (subject, name): seal_field(old, **where, row=subject, column=name, plaintext=b"x", nonce=os.urandom(12))
        for subject in ("a", "b")
        for name in NAMES
    }
    for order in permutations([(subject, name) for subject in ("a", "b") for name in NAMES[:2]]):
        renewal = Renewal({"a": (old, new), "b": (old, new)}, os.urandom, lambda packed: b"".join(packed).hex())
        each = renewal.each()
        made = {key: each(*key, rows[key], 1) for key in order}
        for (subject, name), sealed in made.items():
            assert open_field(new, **where, row=subject, column=name, sealed=sealed) == b"x"
        told = renewal.told
        for subject in ("a", "b"):
            came = [key for key in order if key[0] == subject]
            together = order.index(came[1]) == order.index(came[0]) + 1
            in_order = together and came == sorted(came)
            assert (subject in told) == in_order
            assert ((subject,) in renewal.unordered) == (not in_order)
