"""The pictures are text that goes into pages unfiltered: they must be whole, escaped, and readable."""

import xml.etree.ElementTree as ET
from datetime import date, timedelta
from functools import partial
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.pictures import (
    Bar,
    GraphEdge,
    GraphNode,
    TimelineEvent,
    UnusablePictureError,
    bars,
    link_graph,
    named_bars,
    place_nodes,
    timeline,
)

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> & \"quotes\" 'x' \x00\x1b"


def nodes(count):
    kinds = ["signal", "person", "address", "phone", "company"]
    return [GraphNode(f"n{i}", f"S-7F3K-{i:02}", kinds[i % 5], f"/signalen/{i}", current=i == 0) for i in range(count)]


def star(count):
    return [GraphEdge("n0", f"n{i}", "match" if i % 2 else "possible", "telefoon") for i in range(1, count)]


def chain(count):
    return [GraphEdge(f"n{i}", f"n{i + 1}") for i in range(count - 1)]


def view_box(root):
    _, _, width, height = (float(part) for part in root.get("viewBox").split())
    return width, height


def boxes_of_nodes(root):
    """Left, top, right, bottom of the shape of every node in the picture."""
    found = []
    for group in root.iter(f"{SVG}g"):
        if "pic-node" not in group.get("class", "").split():
            continue
        rect = group.find(f".//{SVG}rect")
        if rect is not None:
            x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
            found.append((x, y, x + w, y + h))
        else:
            points = [pair.split(",") for pair in group.find(f".//{SVG}polygon").get("points").split()]
            xs, ys = [float(x) for x, _ in points], [float(y) for _, y in points]
            found.append((min(xs), min(ys), max(xs), max(ys)))
    return found


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12, 40])
@pytest.mark.parametrize("shape", [star, chain, lambda count: []])
def test_every_node_lies_inside_the_picture_and_covers_no_other(count, shape):
    root = ET.fromstring(link_graph(nodes(count), shape(count), "Koppelingen"))

    boxes = boxes_of_nodes(root)
    width, height = view_box(root)

    assert len(boxes) == count
    assert all(x >= 0 and y >= 0 and right <= width and bottom <= height for x, y, right, bottom in boxes)
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_no_graph_of_up_to_twelve_nodes_has_overlapping_labels(data):
    count = data.draw(st.integers(1, 12))
    ends = st.integers(0, count - 1)
    drawn = data.draw(st.lists(st.tuples(ends, ends), max_size=20))
    labels = data.draw(
        st.lists(st.text("ABCDEFGHIJ-0123456789", min_size=1, max_size=24), min_size=count, max_size=count)
    )

    places = place_nodes(
        [GraphNode(str(index), label) for index, label in enumerate(labels)],
        [GraphEdge(str(a), str(b), "possible") for a, b in drawn],
    )

    assert not [1 for one, other in combinations(places.values(), 2) if one.overlaps(other)]


def test_words_on_the_lines_cover_no_node_and_no_other_words():
    root = ET.fromstring(link_graph(nodes(12), star(12)))

    grounds = [
        tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))
        for rect in root.iter(f"{SVG}rect")
        if rect.get("class") == "pic-ground"
    ]
    edges = [(x, y, x + w, y + h) for x, y, w, h in grounds]

    assert edges
    assert not [pair for pair in combinations(edges, 2) if overlap(*pair)]
    assert not [1 for edge in edges for node in boxes_of_nodes(root) if overlap(edge, node)]


@pytest.mark.parametrize("count", [1, 2, 5, 12])
@pytest.mark.parametrize("days_between", [0, 1, 40])
def test_labels_of_a_timeline_lie_inside_it_and_apart(count, days_between):
    start = date(2026, 1, 1)
    events = [
        TimelineEvent(
            start + timedelta(days=i * days_between), "1 januari 2026", f"Signaal ontvangen {i}", "done", f"/e/{i}"
        )
        for i in range(count)
    ]

    root = ET.fromstring(timeline(events, "Verloop"))
    width, height = view_box(root)
    spans = []
    for link in root.iter(f"{SVG}a"):
        when, label = link.findall(f"{SVG}text")
        x, y, half = float(label.get("x")), float(when.get("y")), len(label.text) * 3.6
        spans.append((x - half, y - 12, x + half, float(label.get("y")) + 4))

    assert len(spans) == count
    assert all(left >= 0 and top >= 0 and right <= width and bottom <= height for left, top, right, bottom in spans)
    assert not [pair for pair in combinations(spans, 2) if overlap(*pair)]


def everything(text):
    return [
        link_graph(
            [GraphNode("a", text, text, f"/x?{text}"), GraphNode("b", "b")],
            [GraphEdge("a", "b", "match", text)],
            text,
            text,
        ),
        timeline([TimelineEvent(date(2026, 5, 1), text, text, "done", text)], text, text),
        bars([Bar(text, 3), Bar(text, None)], text, text, hidden=text),
        named_bars([Bar(text, 3), Bar(text, None)], text, hidden=text),
    ]


def test_all_text_is_escaped():
    for picture in everything(HOSTILE):
        root = ET.fromstring(picture)
        assert not list(root.iter(f"{SVG}script"))
        assert "<script" not in picture
        assert root.find(f"{SVG}title").text.startswith("<script>alert(1)</script> &")


@given(st.text(max_size=60))
@settings(max_examples=40, deadline=None)
def test_any_text_gives_well_formed_xml(text):
    for picture in everything(text):
        ET.fromstring(picture)


def test_there_is_no_style_in_a_picture():
    for picture in everything("tekst"):
        assert not [1 for part in ET.fromstring(picture).iter() if part.tag == f"{SVG}style" or "style" in part.attrib]


def test_the_same_values_give_the_same_picture():
    assert link_graph(nodes(12), star(12)) == link_graph(nodes(12), star(12))
    assert everything("tekst") == everything("tekst")


def test_links_are_kept_because_the_picture_is_a_group_and_not_an_image():
    root = ET.fromstring(link_graph(nodes(3), star(3), "Koppelingen", "Drie signalen"))

    assert root.get("role") == "group"
    assert [link.get("href") for link in root.iter(f"{SVG}a")] == ["/signalen/0", "/signalen/1", "/signalen/2"]
    assert root.find(f"{SVG}desc").text == "Drie signalen"


def test_a_possible_link_is_drawn_with_dashes():
    root = ET.fromstring(link_graph(nodes(3), [GraphEdge("n0", "n1", "match"), GraphEdge("n0", "n2", "possible")]))

    lines = [path.get("class") for path in root.iter(f"{SVG}path")]

    assert lines == ["pic-edge", "pic-edge pic-edge--possible"]


def test_an_edge_to_nowhere_is_refused_without_naming_it():
    with pytest.raises(UnusablePictureError, match="found 1 that end elsewhere"):
        link_graph(nodes(2), [GraphEdge("n0", "geheim")])


def test_nodes_with_the_same_id_are_refused():
    with pytest.raises(UnusablePictureError, match="different ids"):
        link_graph([GraphNode("a", "x"), GraphNode("a", "y")], [])


@pytest.mark.parametrize("draw", [bars, partial(bars, narrow=True), named_bars])
def test_long_bars_stay_inside_and_a_small_number_is_not_told(draw):
    root = ET.fromstring(draw([Bar("Regio", 1_000_000), Bar("Klein", None), Bar("Nul", 0)], hidden="minder dan 10"))
    width, _ = view_box(root)

    rects = list(root.iter(f"{SVG}rect"))
    words = [text.text for text in root.iter(f"{SVG}text")]

    assert all(float(rect.get("x")) + float(rect.get("width")) <= width for rect in rects)
    assert "minder dan 10" in words
    assert "None" not in words


@pytest.mark.parametrize("picture", [link_graph([], []), timeline([]), bars([]), named_bars([])])
def test_nothing_to_draw_is_still_a_picture(picture):
    assert ET.fromstring(picture).tag == f"{SVG}svg"
