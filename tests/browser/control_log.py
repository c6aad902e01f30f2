"""Which controls of the page the tests of this folder have seen, and which they have pressed."""

import re
from pathlib import Path

import pytest
from msgspec import Struct
from playwright.sync_api import BrowserContext

HERE = Path(__file__).parent
VARIES = (  # what a name has of the moment in which it is read
    (re.compile(r"^Copied$"), "Copy transcript"),  # what a button says after it was pressed
    (re.compile(r"^Call [0-9a-f]{8}"), "Call ID"),
    (re.compile(r"^Theme: .*"), "Theme"),
    (re.compile(r"^Used for"), "Use for"),
    (re.compile(r"^\d[\d,]* ms$"), "Latency"),
    (re.compile(r"^(Model|Voice|Log|Hide log) of .*"), r"\1 of …"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{6,32}\b"), "ID"),
    (re.compile(r"\d[\d,.:/]*( [AP]M)?"), "N"),
    (re.compile(r"“.*”"), "“…”"),
)


class Control(Struct, frozen=True, order=True):
    """One control, whichever row, call or moment it stands in."""

    view: str
    role: str
    name: str

    def __str__(self) -> str:
        return f"{self.view}: {self.role} “{self.name}”"


class ControlLog:
    """What was shown and pressed so far, in every browser of this run."""

    def __init__(self) -> None:
        self.whole = True  # whether every test of this folder is run
        self.shown: dict[Control, str] = {}  # → the test in which it was first
        self._pressed: set[Control] = set()

    def watch(self, profile: BrowserContext, test: str) -> None:
        """Note the controls of every page that is opened in this profile."""

        def note(_: object, what: str, view: str, role: str, name: str) -> None:
            for pattern, word in VARIES:
                name = pattern.sub(word, name)
            control = Control(view, role, name)
            self.shown.setdefault(control, test)
            if what == "pressed":
                self._pressed.add(control)

        profile.expose_binding("noteControl", note)
        profile.add_init_script(path=HERE / "controls.js")

    def never_pressed(self) -> list[str]:
        """Each with the test in which it was first shown."""
        left = sorted(self.shown.keys() - self._pressed)
        return [f"{control} (shown in {self.shown[control]})" for control in left]


LOG = pytest.StashKey[ControlLog]()
