"""An agent's documents, cut into passages: Markdown, HTML, CSV, PDF and plain text.

A passage has at most eighty words, because a small model on a processor reads some sixty new words a second. It keeps
the headings above it, which often hold the words of the question.
"""

import csv
import hashlib
import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct

from lineside.agents.knowledge.index import Passage
from lineside.errors import ConfigError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MOST_WORDS = 80  # of a passage
MOST_BYTES = 20 << 20  # of one document
MOST_FILES = 1000
MOST_PASSAGES = 20_000  # what is beyond is left out, and said
MOST_ROWS = 10_000  # of one CSV file


class Document(Struct, frozen=True):
    """A file and the passages in it."""

    name: str  # as the agent's folder has it: "documents/terms.md"
    sha256: str
    passages: tuple[Passage, ...]


class Section(Struct, frozen=True):
    """A stretch of a document under its headings."""

    headings: tuple[str, ...]
    text: str


def read_documents(folder: Path, patterns: Sequence[str]) -> tuple[Document, ...]:
    """The documents in the folder that match, in order, without those that say nothing.

    Args:
        folder: where the agent's file lies; no document outside is read.
        patterns: such as "documents/*.md", with forward slashes.

    Raises:
        ConfigError: a pattern leads outside or matches nothing, a document cannot be read, or there is too much.
    """
    files = _matching(folder.resolve(), patterns)
    if len(files) > MOST_FILES:
        raise ConfigError(f"documents: {len(files)} files match; at most {MOST_FILES}: name fewer")
    documents = tuple(_read(file, file.relative_to(folder.resolve()).as_posix()) for file in files)
    total = sum(len(document.passages) for document in documents)
    if total > MOST_PASSAGES:
        raise ConfigError(f"documents: {total} passages of {MOST_WORDS} words; at most {MOST_PASSAGES}: name fewer")
    return documents


def check_patterns(patterns: Iterable[str]) -> None:
    """Raises `ValueError` naming a pattern that leads outside the agent's folder or names no kind of document."""
    for pattern in patterns:
        path = PurePosixPath(pattern)
        if path.is_absolute() or ".." in path.parts or "\\" in pattern or not path.parts:
            raise ValueError(f'documents: "{pattern}" must stay in the folder of the agent\'s file: "documents/*.md"')
        if "".join(path.suffixes[-1:]).lower() not in READERS:
            raise ValueError(f'documents: "{pattern}" must end with one of {", ".join(READERS)}')


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    try:
        check_patterns(patterns)
    except ValueError as cause:
        raise ConfigError(str(cause)) from None
    found: dict[Path, None] = {}
    for pattern in patterns:
        try:
            here = sorted(path for path in folder.glob(pattern) if path.is_file())
        except ValueError as cause:  # "**.md"
            raise ConfigError(f'documents: "{pattern}" cannot be read: {cause}') from None
        if not here:
            raise ConfigError(f'documents: nothing matches "{pattern}" in {folder}')
        for path in here:
            if not path.resolve().is_relative_to(folder):
                raise ConfigError(f"documents: {path} is a link that leads outside {folder}")
            found[path] = None
    return list(found)


def _read(path: Path, name: str) -> Document:
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ConfigError(f"documents: {name} has {size} bytes; at most {MOST_BYTES}: split it")
        content = path.read_bytes()
        sections = list(READERS[path.suffix.lower()](content))
    except OSError as cause:
        raise ConfigError(f"documents: {name}: {cause.strerror}") from None
    except ConfigError as cause:
        raise ConfigError(f"documents: {name}: {cause}" if name not in str(cause) else str(cause)) from None
    passages = tuple(passage for section in sections for passage in _passages(section, name))
    return Document(name, hashlib.sha256(content).hexdigest(), passages)


def _passages(section: Section, source: str) -> Iterator[Passage]:
    """Whole sentences, as many as fit; a sentence that is too long is cut between words."""
    about = " – ".join(section.headings)
    words: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", " ".join(section.text.split())):
        more = sentence.split()
        if words and len(words) + len(more) > MOST_WORDS:
            yield Passage(about, " ".join(words), source=source)
            words = []
        words += more
        while len(words) > MOST_WORDS:
            yield Passage(about, " ".join(words[:MOST_WORDS]), source=source)
            words = words[MOST_WORDS:]
    if words:
        yield Passage(about, " ".join(words), source=source)


# ── kinds of documents ─────────────────────────────────────────────────────────────────────────────────────────────


def _text(content: bytes) -> str:
    """UTF-8, with or without a mark, UTF-16 with one, or else Latin-1. Raises `ConfigError` for what is no text."""
    try:
        text = content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\0" in text:
        raise ConfigError("this is no text but what some program wrote; save it as text or as a PDF")
    return text


def plain_text(content: bytes) -> Iterator[Section]:
    """Paragraphs between empty lines."""
    for paragraph in re.split(r"\n\s*\n", _text(content)):
        if paragraph.strip():
            yield Section((), paragraph)


def markdown(content: bytes) -> Iterator[Section]:
    """Paragraphs, list items and rows of tables, under their headings (CommonMark and its tables)."""
    from markdown_it import MarkdownIt

    yield from html(MarkdownIt("commonmark", {"html": False}).enable("table").render(_text(content)).encode())


def html(content: bytes) -> Iterator[Section]:
    """Paragraphs, list items and rows of tables, under their headings; no scripts, styles, navigation."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_text(content))
    tree.strip_tags(["script", "style", "noscript", "template", "nav", "svg", "iframe"])
    headings: list[tuple[int, str]] = []
    header: list[str] = []
    for node in tree.css(f"{','.join(_LEVELS)},{_BLOCKS}"):
        whole = node.tag == "tr" or not _holds_blocks(node)
        said = _said(node.text(separator=" ") if whole else node.text(deep=False))
        if not said or _in_row(node):
            continue  # nothing of its own
        if node.tag in _LEVELS:
            level = _LEVELS[node.tag]
            headings = [one for one in headings if one[0] < level] + [(level, said)]
            continue
        if node.tag == "tr":
            cells = [_said(cell.text(separator=" ")) for cell in node.css("td,th")]
            if node.css("th") and not node.css("td"):
                header = cells
                continue
            said = _row(header, cells)
        yield Section(tuple(text for _, text in headings), said)


def table(content: bytes) -> Iterator[Section]:
    """A passage a row: "Plan: Pro. Price: 55." The first row names the columns."""
    text = _text(content)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = csv.reader(io.StringIO(text), dialect)
        header = next(rows, [])
        for number, row in enumerate(rows):
            if number >= MOST_ROWS:
                raise ConfigError(f"more than {MOST_ROWS} rows; split the file")
            if any(cell.strip() for cell in row):
                yield Section((), _row(header, row))
    except csv.Error as cause:
        raise ConfigError(f"no CSV: {cause}") from None


def pdf(content: bytes) -> Iterator[Section]:
    """Its text, paragraph by paragraph. Tables and pictures are lost; a scanned page has no text."""
    from pypdf import PdfReader

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise ConfigError("the PDF is encrypted; save it without a password")
        pages = [page.extract_text() for page in reader.pages]
    except ConfigError:
        raise
    except Exception as cause:  # a broken file brings about whatever its reader did not think of
        raise ConfigError(f"no PDF that can be read: {type(cause).__name__}") from None
    for page in pages:
        yield from plain_text(page.replace("\0", " ").encode(errors="replace"))


def _row(header: Sequence[str], cells: Sequence[str]) -> str:
    named = [(header[at].strip() if at < len(header) else "", cell.strip()) for at, cell in enumerate(cells)]
    return " ".join(f"{name}: {cell}." if name else f"{cell}." for name, cell in named if cell)


def _said(text: str) -> str:
    """On one line; marks stand at their word, also where a bold word ends before them."""
    return re.sub(r" (?=[.,;:!?)](?:\s|$))", "", " ".join(text.split()))


def _holds_blocks(node: "LexborNode") -> bool:
    return any(inner != node for inner in node.css(_BLOCKS))


def _in_row(node: "LexborNode") -> bool:
    """Whether it stands in a table's row, which is told whole."""
    above = node.parent
    while above is not None and above.tag != "tr":
        above = above.parent
    return above is not None


_BLOCKS = "p,li,dt,dd,tr,pre,blockquote,div,section,article,main,figcaption"
_LEVELS = {f"h{level}": level for level in range(1, 7)}
READERS: dict[str, Callable[[bytes], Iterator[Section]]] = {
    ".md": markdown,
    ".html": html,
    ".htm": html,
    ".csv": table,
    ".pdf": pdf,
    ".txt": plain_text,
}
