"""The tree against the public vectors, the constants of RFC 6962's own tests, and a naive second implementation."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import merkle, nodes
from audit.errors import BadProof

VECTORS = Path(__file__).parents[3] / "shared/vectors/merkle/testdata"
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
hashes = [merkle.leaf_hash(str(number).encode()) for number in range(600)]


def vectors(kind: str) -> list[object]:
    if not VECTORS.is_dir():
        reason = f"the vectors of transparency-dev/merkle are not at {VECTORS}; they are not part of the project"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    files = sorted((VECTORS / kind).rglob("*.json"))
    return [pytest.param(json.loads(file.read_bytes()), id=str(file.relative_to(VECTORS))) for file in files]


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_vector(vector: dict) -> None:
    def check() -> None:
        merkle.verify_inclusion(
            index=vector["leafIdx"],
            size=vector["treeSize"],
            leaf=decoded(vector["leafHash"]),
            proof=[decoded(step) for step in vector["proof"] or []],
            root=decoded(vector["root"]),
        )

    if vector["wantErr"]:
        with pytest.raises(BadProof):
            check()
    else:
        check()


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_vector(vector: dict) -> None:
    def check() -> None:
        merkle.verify_consistency(
            size1=vector["size1"],
            size2=vector["size2"],
            root1=decoded(vector["root1"]),
            root2=decoded(vector["root2"]),
            proof=[decoded(step) for step in vector["proof"] or []],
        )

    if vector["wantErr"]:
        with pytest.raises(BadProof):
            check()
    else:
        check()


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no vectors at {VECTORS}")
def test_all_vectors_are_there() -> None:
    assert len(vectors("inclusion")) == 98
    assert len(vectors("consistency")) == 98


def test_known_roots() -> None:
    leaf_hashes = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    assert merkle.root([]).hex() == EMPTY_ROOT
    assert [merkle.root(leaf_hashes[:size]).hex() for size in range(1, 9)] == ROOTS


# The text of RFC 6962 2.1, word for word in Python, as the second opinion.


def naive_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = naive_k(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = naive_k(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = naive_k(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole=whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], whole=False), naive_root(leaves[:k])]


def naive_k(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


pairs = st.integers(1, 600).flatmap(lambda size: st.tuples(st.integers(1, size), st.just(size)))


@settings(deadline=None)
@given(pairs)
def test_consistency_agrees_with_the_oracle_and_verifies(pair: tuple[int, int]) -> None:
    size1, size2 = pair
    proof = merkle.consistency_proof(hashes[:size2], size1)
    root1, root2 = naive_root(hashes[:size1]), naive_root(hashes[:size2])
    assert proof == naive_subproof(size1, hashes[:size2], whole=True)
    assert (merkle.root(hashes[:size1]), merkle.root(hashes[:size2])) == (root1, root2)
    merkle.verify_consistency(size1=size1, size2=size2, root1=root1, root2=root2, proof=proof)


@settings(deadline=None)
@given(pairs)
def test_inclusion_agrees_with_the_oracle_and_verifies(pair: tuple[int, int]) -> None:
    index, size = pair[0] - 1, pair[1]
    proof = merkle.inclusion_proof(hashes[:size], index)
    root = naive_root(hashes[:size])
    assert proof == naive_path(index, hashes[:size])
    merkle.verify_inclusion(index=index, size=size, leaf=hashes[index], proof=proof, root=root)


@settings(deadline=None)
@given(pairs, st.integers(0, 255), st.data())
def test_a_spoilt_proof_is_refused(pair: tuple[int, int], bit: int, data: st.DataObject) -> None:
    index, size = pair[0] - 1, pair[1]
    honest = {
        "index": index,
        "size": size,
        "leaf": hashes[index],
        "proof": merkle.inclusion_proof(hashes[:size], index),
        "root": merkle.root(hashes[:size]),
    }
    parts = [honest["leaf"], honest["root"], *honest["proof"]]
    spoilt_at = data.draw(st.integers(0, len(parts) - 1))
    spoilt = (int.from_bytes(parts[spoilt_at]) ^ (1 << bit)).to_bytes(32)
    parts[spoilt_at] = spoilt
    with pytest.raises(BadProof):
        merkle.verify_inclusion(**(honest | {"leaf": parts[0], "root": parts[1], "proof": parts[2:]}))
    for other in (index - 1, index + 1, index**2 + size):
        with pytest.raises(BadProof):
            merkle.verify_inclusion(**(honest | {"index": other}))
    with pytest.raises(BadProof):
        merkle.verify_inclusion(**(honest | {"proof": [*honest["proof"], b"\0" * 32]}))


@settings(deadline=None)
@given(pairs.filter(lambda pair: pair[0] < pair[1]), st.integers(0, 255), st.data())
def test_a_spoilt_consistency_proof_is_refused(pair: tuple[int, int], bit: int, data: st.DataObject) -> None:
    size1, size2 = pair
    proof = merkle.consistency_proof(hashes[:size2], size1)
    honest = {"size1": size1, "size2": size2, "proof": proof}
    honest |= {"root1": naive_root(hashes[:size1]), "root2": naive_root(hashes[:size2])}
    at = data.draw(st.integers(0, len(proof) - 1))
    flipped = (int.from_bytes(proof[at]) ^ (1 << bit)).to_bytes(32)
    probes: list[dict[str, object]] = [
        {"proof": [*proof[:at], flipped, *proof[at + 1 :]]},
        {"proof": [*proof, b"\0" * 32]},
        {"proof": [b"\0" * 32, *proof]},
        {"proof": [honest["root1"], *proof]},
        {"proof": [*proof, honest["root2"]]},
        {"proof": proof[:-1]},
        {"proof": []},
        {"proof": [*proof[:at], b"short", *proof[at + 1 :]]},
        {"root1": honest["root2"], "root2": honest["root1"]},
        {"root1": b"wrong".ljust(32)},
        {"root2": b"wrong".ljust(32)},
        {"size1": 0},
        {"size1": size1 + size2},
    ]
    for probe in probes:
        with pytest.raises(BadProof):
            merkle.verify_consistency(**(honest | probe))  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.integers(0, 600), st.integers(0, 40))
def test_range_survives_storage_between_any_two_appends(stored_at: int, more: int) -> None:
    tree = merkle.CompactRange()
    for leaf in hashes[:stored_at]:
        tree.append(leaf)
    tree = merkle.CompactRange.from_bytes(tree.to_bytes())
    for leaf in hashes[stored_at : stored_at + more]:
        tree.append(leaf)
    assert tree.size == min(stored_at + more, 600)
    assert tree.root() == naive_root(hashes[: tree.size])


@pytest.mark.parametrize("raw", [b"", b"\0" * 7, b"\0" * 9, b"\0" * 7 + b"\x03" + b"x" * 32, b"\xff" * 40])
def test_range_refuses_bytes_that_do_not_fit(raw: bytes) -> None:
    with pytest.raises(BadProof):
        merkle.CompactRange.from_bytes(raw)


@pytest.mark.parametrize(("size1", "size2"), [(0, 5), (6, 5), (-1, 5)])
def test_no_consistency_proof_for_such_sizes(size1: int, size2: int) -> None:
    with pytest.raises(BadProof):
        merkle.consistency_proof(hashes[:size2], size1)


@pytest.mark.parametrize("index", [-1, 5, 10**30])
def test_no_inclusion_proof_for_such_an_index(index: int) -> None:
    with pytest.raises(BadProof):
        merkle.inclusion_proof(hashes[:5], index)


def test_a_leaf_of_another_length_is_refused() -> None:
    with pytest.raises(BadProof):
        merkle.CompactRange().append(b"short")


# --- proofs from stored subtrees


def store_of(size: int) -> dict[tuple[int, int], bytes]:
    """What a store keeps of the first `size` leaves, as `append` hands it out."""
    tree = merkle.CompactRange()
    closed = [one for leaf in hashes[:size] for one in tree.append(leaf)]
    return {(level, position): root for level, position, root in closed if nodes.is_stored(level)}


STORE = store_of(600)


@settings(deadline=None)
@given(st.integers(1, 600))
def test_append_hands_out_every_complete_subtree_once(size: int) -> None:
    tree = merkle.CompactRange()
    closed = [one for leaf in hashes[:size] for one in tree.append(leaf)]
    for level, position, found in closed:
        assert found == naive_root(hashes[position << level : (position + 1) << level])
    expected = {(level, at) for level in range(10) for at in range(size >> level)}
    assert {(level, at) for level, at, _ in closed} == expected
    assert len(closed) == len(expected)


@settings(deadline=None)
@given(pairs)
def test_stored_subtrees_give_the_same_proofs(pair: tuple[int, int]) -> None:
    # Given a store of more leaves than the tree that is asked about, and only the rows that were announced
    small, size = pair

    def reader(runs: list[nodes.Run]) -> nodes.NodeReader:
        fetched = {(level, at): STORE[level, at] for level, first, end in runs for at in range(first, end)}
        return lambda level, position: fetched[level, position]

    # Then roots and proofs are those of the naive implementation
    assert nodes.tree_root(reader(nodes.tree_runs(size)), size) == naive_root(hashes[:size])
    included = nodes.inclusion_proof(reader(nodes.inclusion_runs(small - 1, size)), small - 1, size)
    assert included == naive_path(small - 1, hashes[:size])
    consistent = nodes.consistency_proof(reader(nodes.consistency_runs(small, size)), small, size)
    assert consistent == naive_subproof(small, hashes[:size], whole=True)


def test_a_proof_about_ten_million_entries_needs_few_rows() -> None:
    runs = nodes.inclusion_runs(4_999_999, 10_000_000)
    assert sum(end - first for _, first, end in runs) < 125
    assert len(runs) < 25
    assert all(nodes.is_stored(level) for level, _, _ in runs)


@settings(deadline=None)
@given(pairs)
def test_a_tree_may_grow_by_whole_subtrees(pair: tuple[int, int]) -> None:
    small, size = pair
    tree, start = merkle.CompactRange(), 0
    while start < size:
        level = min(((start & -start) or 1024).bit_length() - 1, (size - start).bit_length() - 1, small.bit_length())
        tree.extend(level, naive_root(hashes[start : start + (1 << level)]))
        start += 1 << level
    assert (tree.size, tree.root()) == (size, naive_root(hashes[:size]))


def test_a_subtree_fits_only_where_one_of_its_size_begins() -> None:
    tree = merkle.CompactRange()
    tree.append(hashes[0])
    with pytest.raises(BadProof):
        tree.extend(1, hashes[1])


@pytest.mark.parametrize("stored", [b"", b"x" * 31])
def test_a_store_that_gives_no_hash_is_refused(stored: bytes) -> None:
    with pytest.raises(BadProof):
        nodes.inclusion_proof(lambda level, position: stored, 3, 9)
    with pytest.raises(BadProof):
        nodes.tree_root(lambda level, position: stored, 0)
