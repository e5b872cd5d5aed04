"""Cleaning files: what told who made them is gone from the bytes, and what cannot be cleaned is refused with its cause."""

import base64
import io
import zipfile
import zlib

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from signaltable.attached import PARTLY, READ
from signaltable.attached.cleaning import clean
from signaltable.attached.pdf import clean_pdf
from signaltable.attached.unfit import Unfit
from tests.attached_files import (
    CANARY,
    RULES,
    W,
    a_docx,
    a_pdf,
    a_picture,
    a_png_header,
    a_zip,
    an_odt,
    an_xlsx,
)


def everything_in(data):
    """All bytes that a searcher could reach: the file, what is packed in it, and every stream of a PDF."""
    found = [data]
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            found += [packed.read(name) for name in packed.namelist()]
            found += [name.encode() for name in packed.namelist()]
    if data.startswith(b"%PDF"):
        with pikepdf.open(io.BytesIO(data)) as pdf:
            for one in pdf.objects:
                found.append(repr(one).encode())
                if isinstance(one, pikepdf.Stream):
                    found.append(one.read_raw_bytes())
                    if str(one.get("/Filter", "")) in {"", "/FlateDecode"}:
                        found.append(one.read_bytes())
    return b"\n".join(found)


def says(data, word=CANARY):
    haystack = everything_in(data)
    return any(word.encode(encoding) in haystack for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


FILES = {
    "jpeg": a_picture("jpeg"),
    "png": a_picture("png"),
    "webp": a_picture("webp"),
    "gif": a_picture("gif"),
    "pdf": a_pdf(older=CANARY),
    "docx": a_docx(),
    "xlsx": an_xlsx(),
    "odt": an_odt(),
}


@pytest.mark.parametrize("kind", FILES)
def test_nothing_of_who_made_a_file_stays_in_it(kind):
    assert says(FILES[kind])
    made = clean(FILES[kind], RULES)
    assert made.kind == kind
    assert not says(made.data)
    assert clean(made.data, RULES).kind == kind


def test_a_photo_stands_upright_and_keeps_its_points():
    with Image.open(io.BytesIO(clean(a_picture(turned=True), RULES).data)) as made:
        assert made.size == (20, 40)
        assert not made.getexif()
        assert made.getpixel((10, 5))[2] > 200 > made.getpixel((10, 35))[2]


def test_a_moving_picture_still_moves():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    made = io.BytesIO()
    frames[0].save(made, "GIF", save_all=True, append_images=frames[1:], duration=50, comment=CANARY.encode())
    with Image.open(io.BytesIO(clean(made.getvalue(), RULES).data)) as cleaned:
        assert cleaned.n_frames == 3


def test_what_people_see_in_a_document_stays_and_its_text_is_read():
    word, sheet, text = (clean(FILES[kind], RULES) for kind in ("docx", "xlsx", "odt"))
    assert "Wat iedereen ziet." in word.text
    assert "Erbij." in word.text
    assert "een opmerking" in word.text
    assert "0612345678" in sheet.text
    assert "Een cel" in sheet.text
    assert "Wat iedereen ziet." in text.text
    assert CANARY not in word.text + sheet.text + text.text
    assert (word.text_state, sheet.text_state) == (PARTLY, READ)  # A picture in it may hold words.


def test_a_row_of_a_table_that_was_taken_out_goes():
    row = f"<w:tbl><w:tr><w:trPr><w:del w:id='9'/></w:trPr><w:tc><w:p><w:r><w:t>{CANARY}</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    assert not says(clean(a_docx(row), RULES).data)


def test_a_link_and_a_page_number_are_fields_that_stay():
    fields = '<w:p><w:r><w:instrText>HYPERLINK "http://x.nl/link" PAGE</w:instrText></w:r></w:p>'
    assert "x.nl/link" in clean(a_docx(fields), RULES).text


def test_a_link_to_the_web_stays_in_an_odt():
    assert clean(an_odt_to("https://x.nl/a", "text:a"), RULES).kind == "odt"


def test_remarks_in_the_source_of_a_document_go():
    body = f'<!-- {CANARY} --><?mso {CANARY}?><w:sdt><w:sdtPr><w:alias w:val="{CANARY}"/><w:tag w:val="{CANARY}"/></w:sdtPr></w:sdt>'
    hidden = a_docx(body, more={"word/styles.xml": f'<!-- {CANARY} --><w:styles xmlns:w="{W}"/>'})
    assert says(hidden)
    assert not says(clean(hidden, RULES).data)
    sheet = an_xlsx(more={"xl/worksheets/sheet2.xml": f'<worksheet xmlns="{MAIN}"><!-- {CANARY} --></worksheet>'})
    assert not says(clean(sheet, RULES).data)


def test_the_text_of_a_pdf_is_read_and_a_picture_in_it_is_told():
    plain = clean(a_pdf("Bel 0612345678", canary=""), RULES)
    assert "Bel 0612345678" in plain.text
    assert plain.text_state == READ
    assert clean(_with_picture(), RULES).text_state == PARTLY


def _with_picture():
    made = io.BytesIO()
    with pikepdf.open(io.BytesIO(a_pdf())) as pdf:
        drawn = pdf.pages[0].obj["/Contents"].read_bytes()
        pdf.pages[0].obj["/Contents"] = pdf.make_stream(drawn + b" /P1 Do")
        pdf.save(made)
    return made.getvalue()


def test_the_wording_of_before_is_gone_from_a_pdf_that_was_changed():
    changed = a_pdf(canary="", older="Kanarinda")
    made = clean(changed, RULES)
    assert b"Kanarinda of before" in changed
    assert "van nu" in made.text
    assert not says(made.data)


def with_page(change):
    """A PDF of one page to which something was done."""
    made = io.BytesIO()
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(200, 200)).obj
        change(pdf, page)
        pdf.save(made, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return made.getvalue()


def marked(**more):
    """A page with a mark that is written inside the list of marks, not as an object of its own."""
    mark = {"Type": pikepdf.Name.Annot, "Subtype": pikepdf.Name.Link, "Rect": [0, 0, 1, 1], **more}
    return lambda _pdf, page: page.__setitem__("/Annots", pikepdf.Array([pikepdf.Dictionary(**mark)]))


def action(kind, **more):
    return pikepdf.Dictionary(S=pikepdf.Name(f"/{kind}"), **more)


BESIDE = {
    "a script of a mark": marked(AA=pikepdf.Dictionary(E=action("JavaScript", JS=CANARY))),
    "a link of before": marked(PA=action("URI", URI=f"http://{CANARY}")),
    "a link to a file": marked(A=action("URI", URI=f"file:///home/{CANARY}")),
    "a link to a machine": marked(A=action("URI", URI=f"\\\\{CANARY}\\share")),
    "a link that runs": marked(A=action("URI", URI=f"javascript:{CANARY}")),
    "words of before in a box": marked(DV=CANARY, V="nu"),
    "a remark on a page": lambda _pdf, page: page.__setitem__("/Remark", pikepdf.String(CANARY)),
    "a remark in a table": lambda _pdf, page: page.__setitem__(
        "/Resources",
        pikepdf.Dictionary(Properties=pikepdf.Dictionary(A=pikepdf.Dictionary(Author=CANARY, Metadata=CANARY))),
    ),
}


@pytest.mark.parametrize("what", BESIDE)
def test_what_stands_beside_a_drawing_goes_also_where_it_is_no_object_of_its_own(what):
    data = with_page(BESIDE[what])
    assert says(data)
    assert not says(clean(data, RULES).data)


def test_a_drawing_in_another_file_is_refused():
    def elsewhere(pdf, page):
        page.Contents = pdf.make_stream(b"")
        page.Contents.F = pikepdf.Dictionary(F=pikepdf.String("http://x.nl/a"), FS=pikepdf.Name.URL)

    with pytest.raises(Unfit, match="external"):
        clean(with_page(elsewhere), RULES)


def test_the_tables_of_a_page_keep_the_names_that_they_came_with():
    def named(pdf, page):
        form = pdf.make_stream(b"0 0 1 1 re f")
        form.Type, form.Subtype, form.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, pikepdf.Array([0, 0, 1, 1])
        tables = (pikepdf.Dictionary(M=form), pdf.make_indirect(pikepdf.Dictionary(M=form)))
        page.Resources = pikepdf.Dictionary(XObject=tables[0], Pattern=tables[1])
        page.Contents = pdf.make_stream(b"/M Do")

    with pikepdf.open(io.BytesIO(clean(with_page(named), RULES).data)) as made:
        resources = made.pages[0].obj.Resources
        assert "/M" in resources.XObject
        assert "/M" in resources.Pattern


def test_words_that_are_read_out_instead_of_a_drawing_are_read():
    spoken = with_page(
        lambda pdf, page: page.__setitem__(
            "/Contents", pdf.make_stream(b"/Span <</ActualText (Bel 0612345678)>> BDC EMC")
        )
    )
    assert "0612345678" in clean(spoken, RULES).text


def test_letters_of_a_font_with_a_table_of_its_own_are_read():
    made = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        table = pdf.make_stream(
            b"2 beginbfchar <0001> <0041> <0002> <006D> endbfchar 1 beginbfrange <0003> <0005> <0061> endbfrange"
        )
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type0, ToUnicode=table)
        pdf.pages[0].obj["/Resources"] = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
        pdf.pages[0].obj["/Contents"] = pdf.make_stream(b"BT /F1 9 Tf [<00010002> -400 <000300040005>] TJ ET")
        pdf.save(made)
    assert "Am abc" in clean_pdf(made.getvalue(), RULES.inside).text


def test_text_is_kept_as_it_reads_whatever_it_was_written_in():
    for encoding in ("utf-8", "utf-16", "cp1252"):
        made = clean("José belt naar\t06-12345678\r\n".encode(encoding), RULES)
        assert (made.kind, made.text_state) == ("text", READ)
        assert made.data.decode() == "José belt naar\t06-12345678\r\n"


MORE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
BOMB = a_docx(more={"word/media/image2.png": b"\0" * 40_000_000})
ODT = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:x="http://www.w3.org/1999/xlink" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)


def an_odt_to(target, element="style:background-image"):
    return an_odt(
        more={"styles.xml": f'<office:document-styles {ODT}><{element} x:href="{target}"/></office:document-styles>'}
    )


LAUGHS = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>'
REFUSED = {
    "nothing": (b"", "empty"),
    "too large": (b"a" * (RULES.largest + 1), "too_large"),
    "a program": (b"MZ\x90\x00" + b"\0" * 200, "executable"),
    "a script": (b"#!/bin/sh\nrm -rf /\n", "executable"),
    "a page": (b"<!DOCTYPE html><html><body>x</body></html>", "active"),
    "a page further on": (b"gewone tekst\n" * 50 + b"<SCRIPT>alert(1)</SCRIPT>", "active"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "active"),
    "a letter with code": (b"{\\rtf1\\ansi x}", "active"),
    "a mail": (b"From: a@b.nl\nReceived: by x\nMIME-Version: 1.0\n\nhallo", "mail"),
    "an archive": (a_zip({"a.txt": "x"}), "archive"),
    "a packed file": (b"\x1f\x8b\x08" + b"\0" * 40, "archive"),
    "old word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old_office"),
    "word with a password": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
        "encrypted",
    ),
    "a photo and an archive": (a_picture() + a_zip({"a": "b"}), "polyglot"),
    "a photo and a page": (a_picture(canary="<script>alert(1)</script>"), "polyglot"),
    "a pdf and an archive": (a_pdf() + a_zip({"a": "b"}), "polyglot"),
    "a moving picture and a program": (a_picture("gif") + b"This program cannot be run in DOS mode", "polyglot"),
    "macros": (a_docx(more={"word/vbaProject.bin": b"x"}), "macros"),
    "macros by another name": (
        a_zip({"[Content_Types].xml": "application/vnd.ms-word.document.macroEnabled.main+xml"}),
        "macros",
    ),
    "macros in odt": (an_odt(more={"Basic/Standard/Module1.xml": "<a/>"}), "macros"),
    "another file inside": (a_docx(more={"word/embeddings/oleObject1.bin": b"x"}), "inside"),
    "an archive as a picture": (a_docx(more={"word/media/image2.png": a_zip({"a": "b"})}), "inside"),
    "a background from elsewhere": (an_odt_to("http://x.nl/a.png"), "external"),
    "a background from a machine": (an_odt_to("//x/share/a.png"), "external"),
    "a link that runs something": (an_odt_to("vnd.sun.star.script:x", "text:a"), "external"),
    "a field that fetches a picture": (
        a_docx(f"<w:p><w:fldSimple w:instr=' INCLUDEPICTURE \"http://x.nl/{CANARY}.png\" \\d '/></w:p>"),
        "external",
    ),
    "a field that runs a program": (
        a_docx(
            "<w:p><w:r><w:instrText>DDE</w:instrText></w:r><w:r><w:instrText>AUTO c:\\\\cmd.exe</w:instrText></w:r></w:p>"
        ),
        "external",
    ),
    "a picture from elsewhere that does not say so": (
        a_docx(relations=f'<Relationship Id="r9" Type="{MORE}/image" Target="http://x.nl/a.png"/>'),
        "external",
    ),
    "a cell that fetches something": (
        an_xlsx(
            more={
                "xl/worksheets/sheet2.xml": f'<worksheet xmlns="{MAIN}"><f>_xlfn.WEBSERVICE("http://x")</f></worksheet>'
            }
        ),
        "external",
    ),
    "a part that nothing leads to": (a_docx(more={f"word/{CANARY}.bin": "x"}), "inside"),
    "a picture that cannot be cleaned": (a_docx(more={"word/media/image2.emf": b"x"}), "inside"),
    "a picture from elsewhere": (
        a_docx(
            relations=f'<Relationship Id="r9" Type="{MORE}/image" Target="http://x.nl/a.png" TargetMode="External"/>'
        ),
        "external",
    ),
    "laughs": (a_docx(more={"word/footer1.xml": LAUGHS}), "bomb"),
    "a bomb": (BOMB, "bomb"),
    "many parts": (a_docx(more={f"word/a{n}.xml": "<a/>" for n in range(RULES.inside.entries)}), "bomb"),
    "names that lead out": (a_docx(more={"../../etc/passwd.xml": "<a/>"}), "broken"),
    "two parts of one name": (a_docx(more={"word/Document.xml": "<a/>"}), "broken"),
    "a huge picture": (a_png_header(30_000, 30_000), "picture_size"),
    "a long picture": (a_png_header(1, 25_000), "picture_size"),
    "half a photo": (a_picture()[:200], "broken"),
    "half a pdf": (b"%PDF-1.7\nnot really", "broken"),
    "a pdf with a password": (a_pdf(encrypted=True), "encrypted"),
    "an odt with a password": (an_odt(manifest='<manifest:encryption-data manifest:checksum="x"/>'), "encrypted"),
    "a film": (b"\x00\x00\x00\x18ftypmp42" + b"\0" * 200, "kind"),
    "a photo of a phone": (b"\x00\x00\x00\x18ftypheic" + b"\0" * 200, "kind"),
    "noise": (bytes(range(256)) * 4, "kind"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_cleaned_is_refused_with_its_cause(what):
    data, cause = REFUSED[what]
    with pytest.raises(Unfit) as refused:
        clean(data, RULES)
    assert refused.value.cause == cause
    assert CANARY not in str(refused.value)


def test_a_stream_of_a_pdf_that_unpacks_to_something_huge_is_refused_before_it_is_unpacked_whole():
    rules = RULES.model_copy(update={"inside": RULES.inside.model_copy(update={"total_kib": 1024})})
    packed = zlib.compress(b"\0" * (1 << 16))
    body = b"".join(
        b"%d 0 obj<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream endobj\n" % (n, len(packed), packed)
        for n in range(1, 80)
    )
    with pytest.raises(Unfit) as refused:
        clean(b"%PDF-1.7\n" + body, rules)
    assert refused.value.cause == "bomb"


@pytest.mark.parametrize("wrapper", ["ASCII85Decode", "ASCIIHexDecode"])
def test_such_a_stream_is_refused_too_when_it_is_written_as_letters(wrapper):
    rules = RULES.model_copy(update={"inside": RULES.inside.model_copy(update={"total_kib": 64})})
    packed = zlib.compress(b" " * (1 << 20))
    letters = base64.a85encode(packed) + b"~>" if wrapper == "ASCII85Decode" else packed.hex().encode() + b">"
    filters = pikepdf.Array([pikepdf.Name(f"/{wrapper}"), pikepdf.Name.FlateDecode])

    def huge(pdf, page):
        page.Contents = pdf.make_stream(b"")
        page.Contents.write(letters, filter=filters)

    with pytest.raises(Unfit, match="bomb"):
        clean(with_page(huge), rules)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 10_000), st.binary(min_size=1, max_size=6))
def test_a_damaged_file_is_cleaned_or_refused_and_never_breaks_the_program(kind, at, noise):
    data = bytearray(FILES[kind])
    place = at % len(data)
    data[place : place + len(noise)] = noise
    try:
        made = clean(bytes(data), RULES)
    except Unfit:
        return
    assert made.data


def test_prefixes_of_a_document_stay_as_they_were():
    made = clean(a_docx(), RULES)
    with zipfile.ZipFile(io.BytesIO(made.data)) as packed:
        assert b"<w:document" in packed.read("word/document.xml")
        assert packed.namelist()[0] == "[Content_Types].xml"
