"""Small documents of every kind, made by other people's writers where there are any, else byte by byte."""

import ctypes
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from email.message import EmailMessage
from itertools import pairwise

import docx
import openpyxl
import pptx
import pypdfium2
from pypdfium2 import raw

SECTOR = 512
END, FREE = 0xFFFFFFFE, 0xFFFFFFFF


def zipped(members: dict[str, bytes | str]) -> bytes:
    """A zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def word() -> bytes:
    """Headings, a table between two paragraphs, a list, a picture's text box is not among them."""
    document = docx.Document()
    document.core_properties.title = "여름 계획"
    document.add_heading("휴가 계획", 1)
    document.add_paragraph("표 앞의 문단입니다.")
    table = document.add_table(rows=2, cols=2)
    for row, texts in enumerate((("도시", "날짜"), ("부산", "8월 1일"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    document.add_paragraph("표 뒤의 문단입니다.")
    document.add_heading("준비물", 2)
    document.add_paragraph("수영복", style="List Bullet")
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def slides(titles: tuple[str, str] = ("분기 보고", "지역별")) -> bytes:
    """Two slides; the second has a table and notes."""
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = titles[0]
    first.placeholders[1].text = "매출이 늘었다\n비용은 줄었다"
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    second.shapes.title.text = titles[1]
    shape = second.shapes.add_table(2, 2, 0, 0, 3_000_000, 1_000_000)
    for row, texts in enumerate((("지역", "매출"), ("서울", "120억"))):
        for column, text in enumerate(texts):
            shape.table.cell(row, column).text = text
    second.notes_slide.notes_text_frame.text = "서울을 먼저 말한다"
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def workbook(rows: int = 3) -> bytes:
    """A sheet `매출` with a table that begins at B2, and a sheet with one cell."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "매출"
    for column, text in enumerate(("품목", "수량", "단가"), 2):
        sheet.cell(2, column, text)
    for row in range(rows):
        for column, value in enumerate((f"품목{row}", row, row * 1000.5), 2):
            sheet.cell(3 + row, column, value)
    book.create_sheet("메모")["A1"] = "끝"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def sheet(rows: Sequence[Sequence[object]]) -> bytes:
    """A workbook with one sheet, `직원`."""
    book = openpyxl.Workbook()
    book.active.title = "직원"
    for row in rows:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def book() -> bytes:
    """An EPUB whose spine does not follow the names of its files."""
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/a.opf"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>작은 책</dc:title></metadata><manifest>"
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="one" href="text/z.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="two" href="text/a.xhtml" media-type="application/xhtml+xml"/>'
        '</manifest><spine><itemref idref="one"/><itemref idref="two"/></spine></package>'
    )
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OEBPS/a.opf": package,
            "OEBPS/nav.xhtml": page.format('<nav><a href="text/z.xhtml">첫째 장</a></nav>'),
            "OEBPS/text/z.xhtml": page.format("<p>처음에 읽는 글</p>"),
            "OEBPS/text/a.xhtml": page.format("<h1>둘째</h1><p>나중에 읽는 글</p>"),
        }
    )


def mail() -> bytes:
    """A mail in plain text and HTML, with an attachment."""
    message = EmailMessage()
    message["Subject"] = "회의 안내"
    message["From"] = "홍길동 <hong@example.com>"
    message["To"] = "kim@example.com"
    message["Date"] = "Mon, 23 Nov 2026 09:00:00 +0900"
    message.set_content("내일 세 시에 만납니다.\n\n장소는 본관입니다.\n")
    message.add_alternative("<p>HTML 쪽의 글</p>", subtype="html")
    message.add_attachment(b"1", maintype="application", subtype="pdf", filename="자료.pdf")
    return message.as_bytes()


def notebook() -> bytes:
    """Markdown, code that printed and drew, code that failed."""
    picture = {"data": {"image/png": "iVBORw0KGgo" * 99, "text/plain": ["<Figure 1>"]}}
    printed = {"output_type": "stream", "text": ["\x1b[31m새\x1b[0m 여섯\n", "끝\n"]}
    failed = {"ename": "ValueError", "evalue": "알이 없다", "traceback": ["\x1b[0m" * 9]}
    cells = [
        {"cell_type": "markdown", "source": ["# 새를 *센다*\n", "\n", "굴뚝새부터 센다."]},
        {"cell_type": "code", "source": "print(count('새'))", "outputs": [printed, picture]},
        {"cell_type": "markdown", "source": "## 둥지\n\n둥근 것만 센다."},
        {"cell_type": "code", "source": ["lay()"], "outputs": [failed]},
        {"cell_type": "raw", "source": "날것"},
    ]
    return json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}).encode()


HH = 'xmlns:hh="http://www.hancom.co.kr/hwpml/2011/head"'
HP = 'xmlns:hp="http://www.hancom.co.kr/hwpml/2011/paragraph" xmlns:hs="http://www.hancom.co.kr/hwpml/2011/section"'


def hwpx(section: str, more: dict[str, bytes | str] | None = None) -> bytes:
    """An HWPX file of one section."""
    return zipped(
        {
            "mimetype": "application/hwp+zip",
            "Contents/section0.xml": f"<hs:sec {HP}>{section}</hs:sec>",
            **(more or {}),
        }
    )


def hwp3(paragraphs: Sequence[bytes], packed: bool = False, title: str = "") -> bytes:
    """An HWP 3 file."""
    header = bytearray(30 + 128)
    header[:30] = b"HWP Document File V3.00 \x1a\x01\x02\x03\x04\x05"
    header[30 + 124] = packed
    summary = hwp3_letters(title).ljust(1008, b"\0")
    body = bytes(16) + b"".join(paragraphs) + bytes(43)
    if packed:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
    return bytes(header) + summary + body


def hwp3_letters(text: str) -> bytes:
    """Letters as HWP 3 keeps them: Hangul in Johab, Hanja counted in the order of KS X 1001."""
    found = b""
    for letter in text:
        code = ord(letter)
        if "가" <= letter <= "힣":
            code = int.from_bytes(letter.encode("johab"), "big")
        elif code > 0x7F:
            row, cell = letter.encode("euc-kr")
            code = 0x4000 + (row - 0xCA) * 94 + cell - 0xA1
        found += struct.pack("<H", code)
    return found


def hwp3_paragraph(content: bytes) -> bytes:
    """A paragraph of letters and signs."""
    return struct.pack("<BH", 1, len(content) // 2 + 1).ljust(43, b"\0") + content + b"\r\0"


def hwp3_table(cells: Sequence[Sequence[str]]) -> tuple[bytes, bytes]:
    """The sign of a table in its paragraph, and what stands behind it: the cells and an empty caption."""
    places, texts = b"", b""
    for row, line in enumerate(cells):
        for column, text in enumerate(line):
            places += struct.pack("<4H", 0, 0, column * 100, row * 50).ljust(27, b"\0")
            texts += hwp3_paragraph(hwp3_letters(text)) + bytes(43)
    count = sum(map(len, cells))
    return struct.pack("<HIH", 10, 0, 10), bytes(80) + struct.pack(
        "<HH", count, 0
    ) + places + texts + bytes(43)


def pdf(
    pages: Sequence[Sequence[tuple[str, float, float, float]]], grid: Sequence[float] = ()
) -> bytes:
    """A PDF of (text, x, y, size) in Helvetica. grid: x0, y0, x1, y1, columns, rows of lines on each page."""
    document = pypdfium2.PdfDocument.new()
    font = raw.FPDFText_LoadStandardFont(document, b"Helvetica")
    for texts in pages:
        page = document.new_page(595, 842)
        for text, x, y, size in texts:
            piece = raw.FPDFPageObj_CreateTextObj(document, font, size)
            letters = (text + "\0").encode("utf-16-le")
            wide = ctypes.cast(
                ctypes.create_string_buffer(letters), ctypes.POINTER(ctypes.c_ushort)
            )
            raw.FPDFText_SetText(piece, wide)
            raw.FPDFPageObj_Transform(piece, 1, 0, 0, 1, x, y)
            raw.FPDFPage_InsertObject(page, piece)
        if grid:
            _draw(page, *grid)
        page.gen_content()
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _draw(
    page: pypdfium2.PdfPage, x0: float, y0: float, x1: float, y1: float, columns: float, rows: float
) -> None:
    xs = [x0 + (x1 - x0) * number / columns for number in range(int(columns) + 1)]
    ys = [y0 + (y1 - y0) * number / rows for number in range(int(rows) + 1)]
    lines = [(x, y0, x, y1) for x in xs] + [(x0, y, x1, y) for y in ys]
    for left, bottom, right, top in lines:
        path = raw.FPDFPageObj_CreateNewPath(left, bottom)
        raw.FPDFPath_LineTo(path, right, top)
        raw.FPDFPath_SetDrawMode(path, 0, True)
        raw.FPDFPage_InsertObject(page, path)


def ole(streams: dict[str, bytes]) -> bytes:
    """An OLE file, its streams padded to 4,096 bytes so that none is a small one; `A/B` lies in the storage A."""
    storages = list(dict.fromkeys(name.partition("/")[0] for name in streams if "/" in name))
    contents = [content.ljust(4096, b"\0") for content in streams.values()]
    sizes = [-(-len(content) // SECTOR) for content in contents]
    names = [*storages, *streams]
    directory_size = len(names) // 4 + 1
    fat_size = (sum(sizes) + directory_size) // 127 + 1
    fat = [0xFFFFFFFD] * fat_size
    fat += [*range(fat_size + 1, fat_size + directory_size), END]
    begins = []
    for size in sizes:
        begins.append(len(fat))
        fat += [*range(len(fat) + 1, len(fat) + size), END]
    within: dict[str, list[int]] = {}  # storage -> the entries in it
    for number, name in enumerate(names, 1):
        within.setdefault(name.rpartition("/")[0], []).append(number)
    right = {one: other for found in within.values() for one, other in pairwise(found)}
    first = {storage: found[0] for storage, found in within.items()}
    entries = [_entry("Root Entry", 5, child=first.get("", FREE), start=END, size=0)]
    for number, name in enumerate(storages, 1):
        beside = right.get(number, FREE)
        entries.append(_entry(name, 1, right=beside, child=first[name], start=0, size=0))
    for number, (name, content) in enumerate(
        zip(streams, contents, strict=True), len(storages) + 1
    ):
        begin, beside = begins[number - len(storages) - 1], right.get(number, FREE)
        entries.append(
            _entry(name.rpartition("/")[2], 2, right=beside, start=begin, size=len(content))
        )
    directory = b"".join(entries).ljust(directory_size * SECTOR, b"\0")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, fat_size, fat_size, 0, 4096, END, 0, END, 0)
    blocks = [*range(fat_size), *[FREE] * (109 - fat_size)]
    header += struct.pack("<109I", *blocks)
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(fat_size * SECTOR, b"\xff")
    body = b"".join(
        content.ljust(size * SECTOR, b"\0") for content, size in zip(contents, sizes, strict=True)
    )
    return header + table + directory + body


Records = list[tuple[int, int, bytes]]  # level, tag, data


def hwp5(body: Records, flags: int = 0, cut: float = 1.0) -> bytes:
    """An HWP 5 file of one section. flags: of its header; 1 packs it. cut: the share of the section that is there."""
    data = b""
    for level, tag, content in body:
        size = min(len(content), 0xFFF)
        data += struct.pack("<I", tag | level << 10 | size << 20)
        data += struct.pack("<I", len(content)) * (size == 0xFFF) + content
    size_of_body = len(data)
    if flags & 1:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data, info = packer.compress(data) + packer.flush(), b"\x03\0"
        size_of_body = len(data)
    else:  # the streams are padded, so with records that nobody knows
        info = struct.pack("<II", 999 | 0xFFF << 20, 4088) + bytes(4088)
        data += info
    data = data[: int(size_of_body * cut)] if cut < 1 else data
    header = b"HWP Document File".ljust(32, b"\0") + struct.pack("<II", 0x05010105, flags)
    return ole({"FileHeader": header.ljust(256, b"\0"), "DocInfo": info, "BodyText/Section0": data})


def hwp5_paragraph(text: str, *controls: Records, level: int = 0) -> Records:
    """A paragraph; its controls begin at level 0 and are put below it."""
    signs = "".join("\x0b" * 8 for _ in controls)
    found = [
        (level, 66, bytes(22)),
        (level + 1, 67, f"{text}{signs}\r".encode("utf-16-le")),
    ]
    return found + [
        (level + 1 + down, tag, data) for control in controls for down, tag, data in control
    ]


def hwp5_list(kind: str, *texts: str) -> Records:
    """A control with one list of paragraphs: a note, a header, a hidden comment."""
    found = [(0, 71, kind[::-1].encode() + bytes(8)), (1, 72, bytes(16))]
    return found + [one for text in texts for one in hwp5_paragraph(text, level=1)]


def hwp5_table(rows: Sequence[Sequence[Records]]) -> Records:
    """A table; each cell is paragraphs that begin at level 0."""
    found = [(0, 71, b" lbt" + bytes(8)), (1, 77, bytes(18))]
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            found.append((1, 72, struct.pack("<HIHHH", 1, 0, 0, column, row).ljust(40, b"\0")))
            found += [(1 + down, tag, data) for down, tag, data in cell]
    return found


def hwp5_equation(script: str) -> Records:
    """An equation."""
    return [
        (0, 71, b"deqe" + bytes(8)),
        (1, 88, struct.pack("<IH", 0, len(script)) + script.encode("utf-16-le")),
    ]


def _entry(
    name: str, kind: int, *, right: int = FREE, child: int = FREE, start: int, size: int
) -> bytes:
    letters = (name + "\0").encode("utf-16-le")
    head = letters.ljust(64, b"\0") + struct.pack("<HBB", len(letters), kind, 1)
    return (
        head + struct.pack("<III", FREE, right, child) + bytes(36) + struct.pack("<IQ", start, size)
    )
