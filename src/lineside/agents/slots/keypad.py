"""Keys pressed one after the other, until they are a value: at #, at the full length, or when no more come. Pure."""

from msgspec import Struct

SILENT = 3.0  # seconds without a key after which a value is over
LONGEST = 40  # keys; more are forgotten


class Keypad(Struct, frozen=True):
    """What has been pressed so far of one answer."""

    pressed: str = ""

    def press(self, keys: str, wanted: int | None) -> tuple["Keypad", str]:
        """More keys; the second is the value, if these complete it. `*` begins anew, `#` ends.

        `wanted`: how many digits the answer has; None: any number.
        """
        pressed = self.pressed
        for key in keys:
            if key == "#":
                return Keypad(), pressed
            pressed = "" if key == "*" else (pressed + key)[-LONGEST:]
        return (Keypad(), pressed) if wanted is not None and len(pressed) >= wanted else (Keypad(pressed), "")
