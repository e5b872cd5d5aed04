"""W3C Trace Context as it is read and sent, and what the log tells of where a request came from."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.origin import client_address, network_of
from signaltable.trace_context import parse, receive, start

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def random_bytes():
    """Bytes that never come twice, and are never all zero."""
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@pytest.mark.parametrize("header", [GOOD, f"00-{TRACE}-{SPAN}-00", f" {GOOD}\t", f"cc-{TRACE}-{SPAN}-01-more-later"])
def test_a_good_header_is_read(header):
    assert parse(header) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"{GOOD}, {GOOD}",
        f"{GOOD}\n",
        f"cc-{TRACE}-{SPAN}-01-" + "a" * 600,
    ],
)
def test_anything_else_counts_as_absent(header):
    assert parse(header) is None
    assert receive([header], random_bytes()).parent_span_id == ""


def test_a_request_goes_on_from_its_caller_with_a_span_of_its_own():
    work = receive([GOOD], random_bytes())
    assert (work.trace_id, work.parent_span_id) == (TRACE, SPAN)
    assert parse(work.header()) == (TRACE, work.span_id)
    assert work.span_id != SPAN


def test_two_headers_are_none():
    assert receive([GOOD, GOOD], random_bytes()).trace_id != TRACE


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(header):
    found = parse(header)
    assert found is None or (len(found[0]), len(found[1])) == (32, 16)


def test_two_starts_share_nothing():
    randomness = random_bytes()
    assert start(randomness).trace_id != start(randomness).trace_id


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.9", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", ""),
        ("", ""),
    ],
)
def test_a_network_is_what_a_household_shares(address, network):
    assert network_of(address) == network


def test_what_a_stranger_puts_before_our_proxies_does_not_count():
    forwarded = ["203.0.113.9, 198.51.100.4", "192.0.2.1"]
    assert client_address("127.0.0.1", forwarded, 0) == "127.0.0.1"
    assert client_address("127.0.0.1", forwarded, 1) == "192.0.2.1"
    assert client_address("127.0.0.1", forwarded, 2) == "198.51.100.4"
    assert client_address("127.0.0.1", ["192.0.2.1"], 2) == "127.0.0.1"
