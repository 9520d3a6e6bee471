"""The kinds of file that are read: which module reads each, and what each is called."""

from typing import Literal, get_args

from dunoe.errors import Text

Kind = Literal[
    "markdown", "text", "code", "html", "pdf", "docx", "pptx", "xlsx", "hwp", "hwp3", "hwpx",
    "epub", "eml", "ipynb",
]  # fmt: skip
MODULES: dict[Kind, str] = {**{kind: kind for kind in get_args(Kind)}, "eml": "mail"}
NAMES: dict[Kind, Text] = {
    "markdown": Text("마크다운 문서", "Markdown document"),
    "text": Text("텍스트 파일", "text file"),
    "code": Text("소스 코드", "source file"),
    "html": Text("HTML 문서", "HTML page"),
    "pdf": Text("PDF 문서", "PDF"),
    "docx": Text("워드 문서", "Word document"),
    "pptx": Text("파워포인트 문서", "PowerPoint presentation"),
    "xlsx": Text("엑셀 문서", "Excel workbook"),
    "hwp": Text("한글(HWP) 문서", "HWP document"),
    "hwp3": Text("한글 3.0 문서", "HWP 3 document"),
    "hwpx": Text("한글(HWPX) 문서", "HWPX document"),
    "epub": Text("전자책(EPUB)", "EPUB book"),
    "eml": Text("전자우편", "e-mail"),
    "ipynb": Text("주피터 노트북", "Jupyter notebook"),
}
