"""`lineside settings`: every setting as it stands."""

from lineside.cli.address import JsonOption
from lineside.cli.output import Column, print_json, print_table
from lineside.settings import explain, load_settings

COLUMNS = (
    Column("setting"),
    Column("value", grows=True),
    Column("source", styles=dict.fromkeys(("environment", ".env", "command line"), "bold")),
    Column("what it does", grows=True, least=40, drop=1),
)


def settings(as_json: JsonOption = False) -> None:
    """Show every setting, its value and who set it; secrets are masked."""
    rows = explain(load_settings())
    if as_json:
        print_json({"settings": rows})
    else:
        print_table(COLUMNS, [(row.name, row.value, row.source, row.about) for row in rows])
