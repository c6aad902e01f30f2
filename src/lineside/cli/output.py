"""How commands print: tables that hold at 80 columns and in a pipe, JSON for programs, and nothing of a stranger's that
a terminal would obey.

Callers' names and words, models' answers and services' logs may hold escape sequences and markup. `clean` takes the
first away; text goes to the console as `Text` or without markup, so the second is printed as it stands.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

BETWEEN = 3  # characters that a table spends on each column besides its cells
GROWS_FROM = 16  # characters; see `Column.least`
# C0 and C1 controls with DEL; and the marks that turn the direction of text (Unicode 6.2, UAX 9), which can make one
# sentence look like another.
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_BIDI = (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_GONE = dict.fromkeys((*_CONTROLS, *_BIDI)) | {ord("\n"): " ", ord("\t"): " "}
_GONE_BUT_LINES = _GONE | {ord("\n"): "\n"}


class Column(Struct, frozen=True):
    """One column of a table."""

    title: str
    right: bool = False  # numbers stand on the right
    grows: bool = False  # takes what is left of the line, and wraps
    least: int = GROWS_FROM  # characters that a column which grows must have, before other columns are left out
    drop: int = 0  # where the terminal is too narrow, the column with the highest number goes first; 0: never
    styles: Mapping[str, str] = {}  # of a whole cell's text → how it looks


def clean(text: str, *, lines: bool = False) -> str:
    """The text without control characters and marks of direction. `lines`: line breaks stay."""
    return text.translate(_GONE_BUT_LINES if lines else _GONE)


def say(sentence: str, style: str = "", *, error: bool = False) -> None:
    """Print a sentence as it stands, unbroken where there is no terminal."""
    Console(stderr=error).print(
        clean(sentence, lines=True), style=style, markup=False, highlight=False, soft_wrap=True, emoji=False
    )


def print_json(value: object) -> None:
    """Print a value for programs."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, out: Console | None = None) -> None:
    """Print rows of cells: every value whole in a pipe; in a terminal as wide as that is."""
    out = out or Console()
    cells = [[clean(cell) for cell in row] for row in rows]
    if out.is_terminal:
        _draw(columns, cells, out)
    else:
        _write(columns, cells, out)


def _write(columns: Sequence[Column], rows: list[list[str]], out: Console) -> None:
    lines = [[column.title for column in columns], *rows]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    for line in lines:
        text = "  ".join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, width, cell in zip(columns, widths, line, strict=True)
        )
        print(text.rstrip(), file=out.file)


def _draw(columns: Sequence[Column], rows: list[list[str]], out: Console) -> None:
    shown = _fitting(columns, rows, out.width)
    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for number in shown:
        column = columns[number]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.grows,
            overflow="fold" if column.grows else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(row[number], columns[number].styles.get(row[number], "")) for number in shown))
    out.print(table)


def _fitting(columns: Sequence[Column], rows: list[list[str]], width: int) -> list[int]:
    """The columns for which there is room, by number."""
    needs = [_needed(column, [row[number] for row in rows]) for number, column in enumerate(columns)]
    shown = list(range(len(columns)))
    while 1 + sum(needs[number] + BETWEEN for number in shown) > width:
        droppable = [number for number in shown if columns[number].drop]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda number: columns[number].drop))
    return shown


def _needed(column: Column, cells: list[str]) -> int:
    widest = max(map(len, (column.title, *cells)))
    return min(widest, column.least) if column.grows else widest
