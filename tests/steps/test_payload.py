"""The frozen document: what goes in comes out, the same bytes for the same content, and nothing else is accepted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable import payload
from signaltable.payload import Payload, SentField, SentSubject, SentValue, UnreadablePayload
from signaltable.texts import Text

words = st.text(min_size=1, max_size=30)
values = st.builds(payload.typed, words) | st.builds(SentValue, st.builds(Text, words, words), words)
fields = st.builds(SentField, words, st.lists(values, max_size=3).map(tuple), st.booleans())
documents = st.builds(
    Payload,
    *[words] * 6,
    st.lists(fields, max_size=4).map(tuple),
    st.lists(st.builds(SentSubject, words, st.lists(fields, max_size=4).map(tuple)), max_size=3).map(tuple),
)


@given(documents, st.binary(min_size=16, max_size=16))
def test_what_goes_in_comes_out(document, salt):
    written = payload.to_bytes(document, salt)
    assert payload.from_bytes(written) == document
    assert written == payload.to_bytes(payload.from_bytes(written), salt)


@given(documents)
def test_the_hash_says_nothing_about_the_content_without_its_salt(document):
    one, other = (payload.digest(payload.to_bytes(document, salt)) for salt in (b"1" * 16, b"2" * 16))
    assert one != other


@pytest.mark.parametrize(
    "stranger", [b"", b"no json", b"[]", b"{}", b'{"format":"another"}', b'{"format":"signaltable disclosure 1"}']
)
def test_anything_else_is_refused_without_repeating_it(stranger):
    with pytest.raises(UnreadablePayload) as refused:
        payload.from_bytes(stranger)
    assert "another" not in str(refused.value)


def test_only_typed_words_of_subjects_count_as_identity():
    place = SentField("signal.municipality", (payload.typed("Havendam"),))
    name = SentField("subject.surname", (payload.typed("Proefveld"),))
    kind = SentField("subject.kind", (SentValue(Text("Persoon", "Person"), "person"),))
    document = Payload("D", "a", "b", "P2", "X1", "0", (place,), (SentSubject("P-1", (kind, name)),))
    assert payload.identity_values(document) == ("Proefveld",)
    assert document.field_names == ("signal.municipality", "subject.kind", "subject.surname")
    assert json.loads(payload.to_bytes(document, b""))["reference"] == "D"
