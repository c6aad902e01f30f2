"""What stays of a model's text, and what the rules of markup must know of what has been read before. Pure."""

GAP = "\x1f"  # where something was removed; C0 "unit separator": no model writes it


class KeptText:
    """The text that stays of one answer. While it is muted, what is read leaves no text."""

    def __init__(self) -> None:
        self._out: list[str] = []  # not taken yet
        self.muted = False  # somebody else speaks, or a tool is called
        self.until_line_end = False  # and only to the end of this line
        self.line_start = True
        self.begun = False
        self.last = ""  # the last character read
        self.last_solid = " "  # the last one that was no space

    def keep(self, text: str) -> None:
        """This was read, and stays."""
        if not self.muted:
            self._out.append(text)
        if solid := text.strip(f" \t\r\n{GAP}"):
            self.line_start, self.begun, self.last_solid = False, True, solid[-1]
        self.last = text[-1:] or self.last

    def pass_on(self, text: str) -> str:
        """This was read in mid-line, stays, and is taken at once."""
        self.keep(text)
        return self.take()

    def end_line(self, line_end: str) -> None:
        """A line ends, and what was muted to its end is so no longer."""
        self.muted, self.until_line_end = self.muted and not self.until_line_end, False
        self.keep(line_end)
        self.line_start = True

    def leave_gap(self) -> None:
        """Something was read that does not stay."""
        self._out.append(GAP)
        self.last = " "

    def take(self) -> str:
        """The text since this was called last."""
        out, self._out = "".join(self._out), []
        return out
