"""`lineside talk`: a call from recordings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from lineside.cli.address import CaOption, JsonOption, KeyOption, UrlOption, api_key, base_url, trusted_certificates
from lineside.cli.call_tables import answered_by
from lineside.cli.output import Column, clean, print_json, print_table, say
from lineside.cli.running import run_async
from lineside.settings import load_settings

if TYPE_CHECKING:
    from lineside.testclient.client import ClientCall, ClientTurn

COLUMNS = (
    Column("turn", grows=True),
    Column("voice to voice", right=True),
    Column("end of turn", right=True),
    Column("STT", right=True),
    Column("LLM first", right=True),
    Column("LLM", right=True, drop=2),
    Column("TTS first", right=True),
    Column("TTS", right=True, drop=1),
    Column("answered by", drop=3),
)


def talk(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="WAV files, one for each turn.")],
    url: UrlOption = "",
    save: Annotated[Path | None, typer.Option(help="Write the agent's answers to this WAV file.")] = None,
    as_json: JsonOption = False,
    codec: Annotated[str, typer.Option(help="pcm, g711_ulaw or g711_alaw.")] = "pcm",
    greeting: Annotated[bool, typer.Option(help="Let the agent greet first.")] = True,
    stt: Annotated[str, typer.Option(help="STT engine; default: as set.")] = "",
    llm: Annotated[str, typer.Option(help="LLM engine; default: as set.")] = "",
    tts: Annotated[str, typer.Option(help="TTS engine; default: as set.")] = "",
    voice: Annotated[str, typer.Option(help="Voice of the TTS engine.")] = "",
    test: Annotated[
        bool, typer.Option("--test/--no-test", help="Mark the call as a test, which the history can leave out.")
    ] = True,
    explain: Annotated[
        bool, typer.Option("--explain", help="Name what the caller waited for, and the setting that rules it.")
    ] = False,
    key: KeyOption = "",
    cacert: CaOption = None,
) -> None:
    """Call lineside: speak WAV files in real time; print what was heard and said, and the latencies."""
    from lineside.client_messages import read_hello
    from lineside.protocol import FirstMessage, ServerMessage
    from lineside.testclient.client import CallClient, recordings

    settings = load_settings()
    choices: dict[str, object] = {
        "codec": codec,
        "stt_engine": stt,
        "llm_engine": llm,
        "tts_engine": tts,
        "tts_voice": voice,
        "test": test,
    }
    hello: FirstMessage = read_hello(msgspec.json.encode(choices | ({} if greeting else {"greeting": ""})))
    console = Console()

    def notice(event: ServerMessage) -> None:
        if not as_json:
            _print_words(event, console)

    where, tls = base_url(url, settings), trusted_certificates(cacert)
    caller = CallClient(where, hello, key=api_key(key, settings), notice=notice, tls=tls)
    spoken = recordings(files)
    call = run_async(lambda: caller.run(spoken))
    if save is not None:
        save.write_bytes(caller.reply_wav())
    if as_json:
        print_json(call)
    else:
        _print_times(call)
        if explain:
            print_waits(call)
        _print_fallbacks(call)
    if unanswered := [turn.file for turn in call.turns if not turn.reply]:
        say(f"not answered: {', '.join(unanswered)}", "bold red", error=True)
        raise typer.Exit(1)


def _print_words(event: object, out: Console) -> None:
    from lineside.protocol import ReplyText, Transcript

    match event:
        case Transcript(text=text):
            out.print(Text.assemble("  ", ("caller ", "bold"), clean(text)), soft_wrap=True)
        case ReplyText(text=text):
            out.print(Text.assemble("  ", ("agent  ", "bold"), clean(text)), soft_wrap=True)


def _print_fallbacks(call: "ClientCall") -> None:
    """Which engines stood in for others: a caller hears them, and nobody else would tell."""
    for turn in call.turns:
        for role, by in (turn.metrics.engines if turn.metrics else {}).items():
            if by.why:
                say(f"{turn.file}: {role} {by.instead_of}: {by.why}; {by.model or by.engine} answered", "yellow")


def _print_times(call: "ClientCall") -> None:
    say("milliseconds:")
    print_table(COLUMNS, [_cells(turn) for turn in call.turns])


def print_waits(call: "ClientCall") -> None:
    """A line for every part of the silence before each answer."""
    from lineside.cli.explained_waits import waits

    for turn in call.turns:
        say(f"{turn.file}: the caller waited for" if turn.metrics else f"{turn.file}: nothing was measured")
        for wait in waits(turn.metrics, turn.voice_to_voice_ms) if turn.metrics else ():
            say(f"  {wait.ms:5.0f} ms  {wait.what}  ({wait.ruled_by})")


def _cells(turn: "ClientTurn") -> tuple[str, ...]:
    m = turn.metrics
    times = (m.endpoint_ms, m.asr_ms, m.llm_first_ms, m.llm_ms, m.tts_first_ms, m.tts_ms) if m else (None,) * 6
    shown = (f"{ms:.0f}" if ms is not None else "–" for ms in (turn.voice_to_voice_ms, *times))
    return turn.file, *shown, (answered_by(m.engines) if m else "") or "–"
