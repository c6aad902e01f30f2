"""What people of the trade write: paths, files, programming languages and products with signs in their names."""

import re

from lineside.text.normalize.codes import spelled
from lineside.text.normalize.rule import Rule, before
from lineside.text.normalize.words import capitals, letters

_FILES = (
    "pdf|docx?|xlsx?|pptx?|csv|txt|rtf|odt|jpe?g|png|gif|svg|webp|heic|mp[34]|mov|avi|wav|ogg|flac|zip|gz|tar|rar|7z|exe|msi"
    "|dmg|apk|iso|bat|ps1|sh|py|js|ts|jsx|tsx|rs|go|rb|cpp|c|h|java|php|html?|css|xml|json|ya?ml|toml|ini|cfg|conf|env|log"
    "|md|sql|db|bak|ics|vcf|eml"
)
_SIGNED = {
    "C++": "C plus plus", "c++": "C plus plus", "g++": "G plus plus", "C#": "C sharp", "F#": "F sharp", "J#": "J sharp",
    ".NET": "dot net", ".Net": "dot net", "A+": "A plus", "B+": "B plus", "C+": "C plus", "D+": "D plus",
    "A-": "A minus",
    "B-": "B minus", "C-": "C minus", "AT&T": "A.T and T", "R&B": "R and B", "B&B": "B and B", "P&L": "P and L",
    "H&M": "H and M", "M&S": "M and S", "Q&A": "Q and A", "I/O": "I O", "ASP.NET": "A.S.P dot net",
    "ADO.NET": "A.D.O dot net", "N/A": "not applicable",
}  # fmt: skip


def _signed(m: re.Match[str]) -> str:
    """C++, C#, .NET, A+."""
    return _SIGNED[m[0]]


def _either(m: re.Match[str]) -> str:
    """The Either/or of "Either/or."."""
    return f"{m[1]} or"


def _product(m: re.Match[str]) -> str:
    """Node.js, ASP.NET, Disney+."""
    name = capitals(m["name"]) if m["name"].isupper() else m["name"]
    ending = m["ending"]
    if ending == "+":
        return f"{name} plus"
    return f"{name} dot {'net' if ending.lower() == '.net' else letters(ending[1:].upper())}"


def _file(m: re.Match[str]) -> str:
    """report.pdf, src/main.py."""
    return path(m[0])


def _path(m: re.Match[str]) -> str | None:
    r"""/etc/hosts, ~/docs, ./run.sh, C:\Users\joe."""
    return None if before(m, 1).strip(" (\"'“‘") else path(m[0])


def path(written: str) -> str:
    """A path, its signs by name."""
    said = []
    for part in re.findall(r"[\\/]|~|:|\.+(?=[\\/])|[^\\/~:]+", written):
        if part in _SIGN_NAMES:
            said.append(_SIGN_NAMES[part])
        else:
            name, dot, ending = part.rpartition(".")
            known = dot and re.fullmatch(_FILES, ending, re.I)
            said.append(f"{spelled(name)} dot {letters(ending.upper())}".strip() if known else spelled(part))
    return " ".join(said)


_SIGN_NAMES = {"/": "slash", "\\": "backslash", "~": "tilde", ":": "colon", ".": "dot", "..": "dot dot"}
_NAMES = "|".join(re.escape(name) for name in sorted(_SIGNED, key=len, reverse=True))
_FILE = rf"(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*\.(?:{_FILES})(?![\w-]|\.\w)"
FROM_LETTER: list[Rule] = [
    (re.compile(r"[A-Z]:\\(?:[\w.-]+\\)*[\w.-]*\w"), _path),
    (re.compile(r"(?P<name>[A-Z][A-Za-z]+)(?P<ending>\.(?:js|NET|Net|io|ai)|\+)(?![\w+])"), _product),
    (re.compile(rf"(?=\w)(?:{_FILE})"), _file),
    (re.compile(r"(either)/(?:or)(?!\w)", re.I), _either),
]
NAMES: list[Rule] = [(re.compile(rf"(?:{_NAMES})(?![A-Za-z_+&]|[-.]\w)"), _signed)]
FROM_SIGN: list[Rule] = [
    (re.compile(r"(?:~|\.{1,2})?/(?:[\w.-]+/)*[\w.-]*\w/?(?!\w)|\\\\(?:[\w.-]+\\)*[\w.-]*\w"), _path),
    (re.compile(rf"(?:{_NAMES})(?!\w)"), _signed),
]
