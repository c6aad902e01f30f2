"""What `lineside rehearse` may be told."""

from pathlib import Path
from typing import Annotated

import typer

LEVEL_HELP = (
    "text: typed words, scripted engines, no time. sound: callers speak, and the real engines hear them. "
    "line: they call over a real line, in real time."
)
BY_SOUND = "At sound and line level"

ScenariosArgument = Annotated[
    Path | None, typer.Argument(exists=True, help="A file of scenarios, or a folder of them.")
]
CallOption = Annotated[
    str, typer.Option("--from", metavar="CALL", help="Rehearse a kept call instead: its id, or its beginning.")
]
SaveOption = Annotated[Path | None, typer.Option(help="With --from: write it as a file of scenarios, to be kept.")]
RunsOption = Annotated[int, typer.Option(min=1, max=100, help="Calls of each scenario, in slightly other words.")]
LevelOption = Annotated[str, typer.Option(help=LEVEL_HELP)]
LlmOption = Annotated[
    str, typer.Option("--llm", metavar="ENGINE[:MODEL]", help="At text level: the language model that answers.")
]
NativeOption = Annotated[bool, typer.Option("--native", help="The language model calls the tools.")]
OnlyOption = Annotated[str, typer.Option(help="Scenarios with this in their name or tags.")]
VoiceOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ENGINE[:VOICE]", help="A voice of callers; repeatable.", rich_help_panel=BY_SOUND),
]
LineOption = Annotated[str, typer.Option(help="At line level: sip (the default) or browser.", rich_help_panel=BY_SOUND)]
CodecOption = Annotated[str, typer.Option(help="pcm, g711_ulaw or g711_alaw.", rich_help_panel=BY_SOUND)]
NoiseOption = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A WAV heard behind callers.", rich_help_panel=BY_SOUND),
]
SnrOption = Annotated[float, typer.Option(help="Decibels of noise under the caller.", rich_help_panel=BY_SOUND)]
AtOnceOption = Annotated[int, typer.Option(min=1, max=16, help="Calls at once.", rich_help_panel=BY_SOUND)]
LateOption = Annotated[
    float, typer.Option(min=0, help="Seconds added to the silence allowed.", rich_help_panel=BY_SOUND)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting; repeatable.", rich_help_panel=BY_SOUND),
]
JunitOption = Annotated[Path | None, typer.Option(help="Write the results as JUnit XML.")]
HtmlOption = Annotated[Path | None, typer.Option(help="Write a page with the results, conversations and sound.")]
