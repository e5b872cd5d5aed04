"""Files to attach, made in memory, with words hidden in every corner where programs write who made them."""

import io
import random
import struct
import tomllib
import zipfile
import zlib

import pikepdf
from PIL import Image, PngImagePlugin

from signaltable.attachment_rules import FILE, AttachmentsFile
from signaltable.settings import CHECKOUT

CANARY = "Kanarinda"
RULES = AttachmentsFile.model_validate(tomllib.loads((CHECKOUT / "policies" / FILE).read_text()))
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def a_picture(kind="jpeg", size=(40, 20), *, canary=CANARY, turned=False):
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (0, 0, size[0] // 2, size[1]))
    made = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = canary, canary
    if turned:
        exif[0x0112] = 6
    gps = exif.get_ifd(0x8825)
    gps[1], gps[29] = "N", canary
    if kind == "png":
        said = PngImagePlugin.PngInfo()
        said.add_text("Author", canary)
        said.add_itxt("XML:com.adobe.xmp", f"<x>{canary}</x>")
        picture.save(made, "PNG", pnginfo=said, exif=exif)
    elif kind == "gif":
        picture.save(made, "GIF", comment=canary.encode())
    elif kind == "webp":
        picture.save(made, "WEBP", exif=exif, xmp=canary.encode())
    else:
        picture.save(made, "JPEG", exif=exif, comment=canary.encode(), icc_profile=b"x" * 128 + canary.encode())
    return made.getvalue()


def noise(side=660):
    """A picture that cannot be packed smaller: more than a megabyte."""
    made = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(7).randbytes(side * side * 3)).save(made, "PNG")
    return made.getvalue()


def a_png_header(width, height):
    """A PNG that says it is huge; its points are not there."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


def a_pdf(text="Zij heet niet zo.", *, canary=CANARY, encrypted=False, older=""):
    made = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(300, 300))
        page = pdf.pages[0]
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.obj["/Resources"] = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
        page.obj["/Contents"] = pdf.make_stream(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        if canary:
            _say_everywhere(pdf, page, canary)
        pdf.save(made, encryption=pikepdf.Encryption(owner="a", user="b") if encrypted else False)
    return _with_older_version(made.getvalue(), older) if older else made.getvalue()


def _say_everywhere(pdf, page, canary):
    pdf.docinfo["/Author"] = canary
    with pdf.open_metadata() as said:
        said["dc:creator"] = [canary]
    pdf.attachments["geheim.txt"] = canary.encode()
    pdf.Root["/OpenAction"] = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String(f"app.alert('{canary}')"))
    page.obj["/PieceInfo"] = pikepdf.Dictionary(App=pikepdf.Dictionary(Private=pikepdf.String(canary)))
    page.obj["/Thumb"] = pdf.make_stream(canary.encode())
    mark = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Text,
        Rect=[0, 0, 9, 9],
        Contents=pikepdf.String("een opmerking"),
        T=pikepdf.String(canary),
        A=pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String(canary)),
    )
    file = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.FileAttachment,
        Rect=[0, 0, 9, 9],
        Contents=pikepdf.String(canary),
    )
    page.obj["/Annots"] = pikepdf.Array([pdf.make_indirect(mark), pdf.make_indirect(file)])
    photo = pdf.make_stream(a_picture(canary=canary))
    photo["/Subtype"], photo["/Filter"] = pikepdf.Name.Image, pikepdf.Name.DCTDecode
    photo["/Width"], photo["/Height"], photo["/BitsPerComponent"] = 40, 20, 8
    photo["/ColorSpace"] = pikepdf.Name.DeviceRGB
    page.obj["/Resources"]["/XObject"] = pikepdf.Dictionary(P1=photo)


def _with_older_version(data, canary):
    """An update behind the end of the file, as a program writes that saves quickly: the wording of before is in the bytes."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.pages[0].obj["/Contents"].write(f"BT /F1 12 Tf 20 200 Td ({canary} of before) Tj ET".encode())
        before = io.BytesIO()
        pdf.save(before, object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=False, static_id=True)
        with pikepdf.open(io.BytesIO(before.getvalue())) as again:
            number, size = again.pages[0].obj["/Contents"].objgen[0], int(again.trailer["/Size"])
            root = again.trailer["/Root"].objgen[0]
    old = before.getvalue()
    previous = int(old.rpartition(b"startxref")[2].split()[0])
    drawn = b"BT /F1 12 Tf 20 200 Td (van nu) Tj ET"
    update = b"\n%d 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n" % (number, len(drawn), drawn)
    table = len(old) + len(update)
    return b"".join(
        (
            old,
            update,
            b"xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size %d/Root %d 0 R/Prev %d>>\n"
            % (number, len(old) + 1, size, root, previous),
            b"startxref\n%d\n%%%%EOF\n" % table,
        )
    )


def a_zip(parts, *, stored=()):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content, zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED)
    return made.getvalue()


def a_docx(body="", *, canary=CANARY, more=None, relations=""):
    document = (
        f'<w:document xmlns:w="{W}" xmlns:r="{R}"><w:body><w:p w:rsidR="00AB{len(canary):04}">'
        f"<w:r><w:t>Wat iedereen ziet.</w:t></w:r>"
        f'<w:ins w:id="1" w:author="{canary}" w:date="2026-01-01T00:00:00Z"><w:r><w:t>Erbij.</w:t></w:r></w:ins>'
        f'<w:del w:id="2" w:author="{canary}"><w:r><w:delText>{canary} stond hier</w:delText></w:r></w:del>'
        f'<w:moveFrom w:id="3" w:author="x"><w:r><w:t>{canary} verplaatst</w:t></w:r></w:moveFrom></w:p>{body}</w:body></w:document>'
    )
    comments = (
        f'<w:comments xmlns:w="{W}"><w:comment w:id="0" w:author="{canary}" w:initials="{canary}" w:date="2026-01-01T00:00:00Z">'
        "<w:p><w:r><w:t>een opmerking</w:t></w:r></w:p></w:comment></w:comments>"
    )
    settings = (
        f'<w:settings xmlns:w="{W}" xmlns:r="{R}"><w:rsids><w:rsid w:val="{canary}"/></w:rsids>'
        f'<w:docVars><w:docVar w:name="a" w:val="{canary}"/></w:docVars><w:attachedTemplate r:id="rId1"/></w:settings>'
    )
    office = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {
        "[Content_Types].xml": (
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/><Default Extension="jpeg" ContentType="image/jpeg"/>'
            f'<Override PartName="/word/document.xml" ContentType="{WORD}.document.main+xml"/>'
            f'<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{office}"><Relationship Id="rId1" Type="{R}/officeDocument" Target="word/document.xml"/>'
            f'<Relationship Id="rId2" Type="x/core-properties" Target="docProps/core.xml"/></Relationships>'
        ),
        "word/document.xml": document,
        "word/comments.xml": comments,
        "word/settings.xml": settings,
        "word/_rels/settings.xml.rels": (
            f'<Relationships xmlns="{office}"><Relationship Id="rId1" Type="{R}/attachedTemplate" '
            f'Target="file:///C:/Users/{canary}/Normal.dotm" TargetMode="External"/></Relationships>'
        ),
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{office}">{relations}</Relationships>',
        "word/people.xml": f'<w:people xmlns:w="{W}"><w:person w:author="{canary}"/></w:people>',
        "docProps/core.xml": f"<a>{canary}</a>",
        "docProps/app.xml": f"<a>{canary}</a>",
        "docProps/custom.xml": f"<a>{canary}</a>",
        "docProps/thumbnail.jpeg": a_picture(),
        "customXml/item1.xml": f"<a>{canary}</a>",
        "word/media/image1.jpeg": a_picture(canary=canary),
        **(more or {}),
    }
    return a_zip(parts)


def an_xlsx(cell="0612345678", *, canary=CANARY, more=None):
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return a_zip(
        {
            "[Content_Types].xml": (
                '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                f'<Override PartName="/xl/workbook.xml" ContentType="{SHEET}.sheet.main+xml"/></Types>'
            ),
            "xl/workbook.xml": (
                f'<workbook xmlns="{main}" xmlns:x="urn:x"><fileSharing userName="{canary}"/>'
                f'<x:absPath url="C:\\Users\\{canary}"/><sheets/></workbook>'
            ),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row><c><v>{cell}</v></c></row></sheetData></worksheet>',
            "xl/sharedStrings.xml": f'<sst xmlns="{main}"><si><t>Een cel</t></si></sst>',
            "xl/comments1.xml": (
                f'<comments xmlns="{main}"><authors><author>{canary}</author></authors><commentList><comment ref="A1">'
                f"<text><r><t>{canary}:\nkijk</t></r></text></comment></commentList></comments>"
            ),
            "xl/persons/person.xml": f"<a>{canary}</a>",
            "docProps/core.xml": f"<a>{canary}</a>",
            **(more or {}),
        },
    )


def an_odt(*, canary=CANARY, more=None, manifest=""):
    names = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'xmlns:officeooo="http://openoffice.org/2009/office"'
    )
    content = (
        f"<office:document-content {names}><office:body><office:text><text:tracked-changes><text:changed-region>"
        f"<text:deletion><dc:creator>{canary}</dc:creator><text:p>{canary} was hier</text:p></text:deletion></text:changed-region>"
        f'</text:tracked-changes><text:p officeooo:rsid="{canary}">Wat iedereen ziet.</text:p><office:annotation>'
        f"<dc:creator>{canary}</dc:creator><text:p>let op</text:p></office:annotation></office:text></office:body>"
        "</office:document-content>"
    )
    listed = 'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"'
    return a_zip(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": content,
            "meta.xml": f"<a>{canary}</a>",
            "settings.xml": f"<a>{canary}</a>",
            "Thumbnails/thumbnail.png": a_picture("png"),
            "Pictures/a.jpg": a_picture(),
            "META-INF/manifest.xml": (
                f'<manifest:manifest {listed}><manifest:file-entry manifest:full-path="/"/>'
                f'<manifest:file-entry manifest:full-path="meta.xml"/>{manifest}</manifest:manifest>'
            ),
            **(more or {}),
        },
        stored=("mimetype",),
    )
