"""Documents of every kind become passages that can be found and said; what cannot be read is named."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.agents.knowledge.documents import MOST_WORDS, READERS, check_patterns, read_documents
from lineside.errors import ConfigError

MARKDOWN = """# Terms

Intro text. And more.

## Cancelling

- You can cancel in writing:
  - by letter

| Plan | Price |
|---|---|
| Pro | 55 |
"""


def read(folder: Path, name: str, content: bytes | str) -> list[tuple[str, str]]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    [document] = read_documents(folder, [name])
    assert document.name == name
    return [(passage.about, passage.says) for passage in document.passages]


def test_markdown_is_read_under_its_headings(tmp_path: Path) -> None:
    """Paragraphs, list items, rows of tables; each by itself."""
    assert read(tmp_path, "terms.md", MARKDOWN) == [
        ("Terms", "Intro text. And more."),
        ("Terms – Cancelling", "You can cancel in writing:"),
        ("Terms – Cancelling", "by letter"),
        ("Terms – Cancelling", "Plan: Pro. Price: 55."),
    ]


def test_html_is_read_without_what_is_no_text(tmp_path: Path) -> None:
    """No scripts, styles or menus; text that stands bare in a block counts."""
    page = (
        "<nav>Menu</nav><style>p{}</style><h1>Help</h1><div>Bare text.</div>"
        "<p>It is <b>bold</b>.<script>x()</script></p>"
        "<table><tr><th>Plan</th><th>Price</th></tr><tr><td><p>Pro</p></td><td>55</td></tr></table>"
    )
    assert read(tmp_path, "help.html", page) == [
        ("Help", "Bare text."),
        ("Help", "It is bold."),
        ("Help", "Plan: Pro. Price: 55."),
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_row_of_a_table_is_a_passage(tmp_path: Path, mark: str) -> None:
    """With the names of its columns, whatever separates them."""
    rows = [["Plan", "Price", "Note"], ["Pro", "55", ""], ["Basic", "25", "cheap"]]
    told = read(tmp_path, "plans.csv", "\n".join(mark.join(row) for row in rows))
    assert told == [("", "Plan: Pro. Price: 55."), ("", "Plan: Basic. Price: 25. Note: cheap.")]


def test_a_pdf_is_read_for_its_text(tmp_path: Path) -> None:
    """Page by page."""
    assert read(tmp_path, "terms.pdf", pdf_with("Parking is free.")) == [("", "Parking is free.")]


def test_long_text_is_cut_between_sentences(tmp_path: Path) -> None:
    """A passage has eighty words at most; no word is lost, and a sentence without end is cut between words."""
    text = " ".join(f"Sentence number {n} has six words." for n in range(40)) + " " + "word " * 200
    passages = [says for _, says in read(tmp_path, "long.txt", text)]
    assert all(len(says.split()) <= MOST_WORDS for says in passages)
    assert " ".join(passages) == " ".join(text.split())
    assert passages[0].endswith(".")


@pytest.mark.parametrize(
    "pattern", ["../secrets.md", "/etc/passwd.txt", "a/../../b.md", "", "notes", "notes.docx", "c:\\x.md"]
)
def test_a_pattern_that_leads_elsewhere_is_refused(tmp_path: Path, pattern: str) -> None:
    """Whoever may edit an agent on the page reads no other file of the machine."""
    with pytest.raises(ValueError, match="documents"):
        check_patterns([pattern])
    with pytest.raises(ConfigError, match="documents"):
        read_documents(tmp_path, [pattern])


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    """Though it lies in the folder."""
    (tmp_path / "agent").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "agent" / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(ConfigError, match="leads outside"):
        read_documents(tmp_path / "agent", ["*.txt"])


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """Rather than an agent that knows nothing."""
    with pytest.raises(ConfigError, match=r'nothing matches "documents/\*\.md"'):
        read_documents(tmp_path, ["documents/*.md"])


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n", b"%PDF-1.7 \xff\xfe nonsense", bytes(1000)])
def test_a_broken_pdf_is_named(tmp_path: Path, content: bytes) -> None:
    """By its file; no traceback of a library's."""
    (tmp_path / "broken.pdf").write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.pdf"):
        read_documents(tmp_path, ["broken.pdf"])


def test_other_encodings_are_read(tmp_path: Path) -> None:
    """A byte-order mark, Latin-1 from an old program."""
    assert read(tmp_path, "bom.txt", "\ufeffCafé".encode()) == [("", "Café")]
    assert read(tmp_path, "old.txt", "Café".encode("latin-1")) == [("", "Café")]
    assert read(tmp_path, "new.txt", "Café".encode("utf-16")) == [("", "Café")]
    assert read(tmp_path, "sheet.csv", "Plan\tPrice\r\nPro\t55\r\n".encode("utf-16")) == [("", "Plan: Pro. Price: 55.")]


@pytest.mark.parametrize("name", ["terms.txt", "terms.md", "terms.html", "terms.csv"])
def test_a_file_of_another_program_under_a_wrong_name_is_named(tmp_path: Path, name: str) -> None:
    """An office document that was only renamed: its bytes would be passages that an agent reads aloud."""
    (tmp_path / name).write_bytes(b"PK\x03\x04\x14\x00\x06\x00\x08\x00word/document.xml")
    with pytest.raises(ConfigError, match=rf"{name}: this is no text"):
        read_documents(tmp_path, [name])


def test_a_pdf_with_a_filter_that_there_is_none_of_is_named(tmp_path: Path) -> None:
    """One letter of it was lost on its way."""
    whole = pdf_with("Parking is free.")
    assert b"/Length" in whole
    (tmp_path / "odd.pdf").write_bytes(whole.replace(b"/Length", b"/Filter /Flat /Length"))
    with pytest.raises(ConfigError, match=r"odd\.pdf: no PDF that can be read"):
        read_documents(tmp_path, ["odd.pdf"])


def test_a_pattern_that_no_folder_knows_is_named(tmp_path: Path) -> None:
    """Two stars stand for folders, by themselves."""
    with pytest.raises(ConfigError, match=r'documents: "\*\*terms\.md"'):
        read_documents(tmp_path, ["**terms.md"])


@given(st.binary(max_size=400), st.sampled_from(sorted(set(READERS) - {".pdf"})))
def test_any_bytes_are_read_or_named(content: bytes, kind: str) -> None:
    """Never anything else than sections or a `ConfigError`."""
    try:
        for section in READERS[kind](content):
            assert section.text.strip()
    except ConfigError:
        pass


def pdf_with(text: str) -> bytes:
    """The smallest PDF with one line of text (ISO 32000-1, 7.5)."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + tail
