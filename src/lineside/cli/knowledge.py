"""`lineside knowledge`: read the agent's documents, and ask what the agent knows of a question.

Ends with 0, or with 2 (see `lineside.cli.main`) where a document cannot be read.
"""

import asyncio
from typing import Annotated

import typer
from msgspec import Struct

from lineside.agents.agent import load_agent
from lineside.agents.knowledge.agent_knowledge import Knows, read_knowledge
from lineside.agents.knowledge.documents import Document, read_documents
from lineside.agents.knowledge.encoder_thread import EncoderThread
from lineside.agents.knowledge.knowledge import DidYouMean, MayBe, NotKnown, Verbatim
from lineside.cli.address import JsonOption
from lineside.cli.output import Column, print_json, print_table, say
from lineside.errors import ConfigError
from lineside.gateway.runtime import ENCODER_MODEL, knowledge_places
from lineside.models.store import locate
from lineside.settings import Settings, load_settings

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Read the agent's documents; ask what it knows of a question."
)

QuestionArgument = Annotated[str, typer.Argument(help="A question, as a caller asks it.")]
DOCUMENTS = (Column("document", grows=True), Column("passages", right=True), Column("SHA-256", drop=1))
PASSAGES = (Column("answered"), Column("about"), Column("says", grows=True), Column("document", drop=1))


class DocumentRow(Struct, frozen=True):
    """One document that was read."""

    name: str
    passages: int
    sha256: str


class PassageRow(Struct, frozen=True):
    """One passage that a question found."""

    about: str
    says: str
    document: str  # empty: the agent's own file


class Known(Struct, frozen=True):
    """What the agent knows of a question."""

    question: str
    answered: str  # "as it stands", "by the model", "not known"
    passages: tuple[PassageRow, ...]


@app.command()
def build(as_json: JsonOption = False) -> None:
    """Read the agent's documents and what they mean, for the next start. 1 s for a hundred passages."""
    settings = load_settings()
    agent = load_agent(settings.agent_file)
    documents = read_documents(knowledge_places(settings).documents, agent.documents)
    if documents:
        asyncio.run(_knows(settings, build=True))
    rows = [DocumentRow(one.name, len(one.passages), one.sha256) for one in documents]
    if as_json:
        print_json({"documents": rows})
    elif not rows:
        say('The agent has no documents. Name some in its file: documents = ["documents/*.md"]')
    else:
        print_table(DOCUMENTS, [(row.name, str(row.passages), row.sha256[:12]) for row in rows])
        _tell_empty(documents)


@app.command()
def ask(question: QuestionArgument, as_json: JsonOption = False) -> None:
    """Show what the agent knows of a question, and who would answer it."""
    known = asyncio.run(_ask(load_settings(), question))
    if as_json:
        print_json(known)
        return
    rows = [(known.answered, row.about, row.says, row.document) for row in known.passages]
    print_table(PASSAGES, rows or [(known.answered, "", "", "")])


async def _ask(settings: Settings, question: str) -> Known:
    knows = await _knows(settings)
    match await knows.answer(question):
        case Verbatim(passage=passage):
            return Known(question, "as it stands", (PassageRow(passage.about, passage.says, passage.source),))
        case NotKnown():
            return Known(question, "not known", ())
        case DidYouMean(candidates=candidates):
            passages = [one.passage for one in candidates]
            rows = tuple(PassageRow(one.about, one.says, one.source) for one in passages)
            return Known(question, "asked back", rows)
        case MayBe(passages=passages):
            rows = tuple(PassageRow(one.about, one.says, one.source) for one in passages)
            return Known(question, "by the model", rows)


async def _knows(settings: Settings, *, build: bool = False) -> Knows:
    """The knowledge of the agent's file. Without the encoder words alone count; `build` needs it."""
    try:
        encoder = EncoderThread(locate(ENCODER_MODEL, settings.models_dir))
    except ConfigError:
        if build:
            raise
        encoder = None
    try:
        agent = load_agent(settings.agent_file)
        return await read_knowledge(agent, encoder, knowledge_places(settings), build=build)
    finally:
        if encoder is not None and build:
            encoder.close()


def _tell_empty(documents: tuple[Document, ...]) -> None:
    for one in documents:
        if not one.passages:
            say(f"{one.name} has no text. A scanned page has none; recognise its text first.", "yellow", error=True)
