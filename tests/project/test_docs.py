"""The pages say what the code does, their links lead somewhere, and their commands exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*DOCS, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))]


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("script", ["protocol", "api", "env_example", "reference"])
def test_generated_pages_are_what_the_code_says(script: str) -> None:
    """Change the protocol, the API, a setting, a metric or a command, and this fails until `just generate` has run."""
    done = subprocess.run(
        [sys.executable, f"scripts/{script}.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    """Also on the pages that the site does not hold; the site's own build checks the anchors."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"{names(page)} links to {target}"


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """`mkdocs build --strict`: no broken link or anchor, no page outside the contents, no address of another host."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*(?:src|href)=\"?(https?://[^\"> ]+)", page.read_text())
        assert not loaded, f"{page.name} loads {loaded}"


def commands(page: Path) -> list[tuple[str, ...]]:
    """Every `lineside …` in the page's blocks and in its text, without what stands for a value."""
    text = page.read_text("utf-8")
    blocks = [
        line for block in re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, re.S) for line in block.splitlines()
    ]
    spoken = re.findall(r"`((?:\.venv/bin/)?lineside [a-z][^`\n]*)`", text)
    found = []
    for line in (*(line for block in blocks for line in block), *spoken):
        match = re.search(r"(?:^|\s)(?:\.venv/bin/)?lineside ((?:[a-z]|--).*)", line.partition("  #")[0])
        if match and not re.match(r"\s*(?:#|-|FROM|image:)", line):
            found.append(tuple(shlex.split(match[1].split("|")[0].split("&&")[0], comments=True)))
    return found


def test_every_command_in_the_docs_exists_with_its_options() -> None:
    """A command, a subcommand or an option that was renamed fails here, in whatever page it stands."""
    import typer.main

    from lineside.cli.main import COMMANDS, app, load_command

    checked = 0
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        for words in commands(page):
            command = typer.main.get_command(app)
            rest = list(words)
            if rest[0] in COMMANDS:
                command = load_command(rest.pop(0))
            while rest and hasattr(command, "commands") and rest[0] in command.commands:
                command = command.commands[rest.pop(0)]
            assert rest != list(words) or words[0].startswith("-"), f"{names(page)}: lineside {' '.join(words)}"
            command = getattr(command, "commands", {}).get(getattr(command, "default", ""), command)
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            for word in rest:
                option = word.partition("=")[0]
                if option.startswith("--") and option != "--help":
                    assert option in known, f"{names(page)}: lineside {' '.join(words)}"
            checked += 1
    assert checked > 20


OURS = re.compile(r"(?<![\w./-])((?:bench|scripts|examples|src|tests|containers|monitoring|page|docs)/[\w./*-]*\w)")


def test_every_file_that_a_command_or_a_sentence_of_the_docs_names_is_there() -> None:
    """A script or a sample that was moved fails here, in whatever page it stands; `mine.toml` is the reader's own."""
    missing = []
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        text = page.read_text("utf-8")
        code = "\n".join((*re.findall(r"```\w*\n(.*?)```", text, re.S), *re.findall(r"`([^`\n]+)`", text)))
        named = {one for one in OURS.findall(code) if not one.endswith("/mine.toml")}
        named |= {f"{one.replace('.', '/')}.py" for one in re.findall(r"python -m ((?:bench|tests)\.[\w.]+)", code)}
        for one in named:
            places = (*ROOT.glob(one), *page.parent.glob(one), *ROOT.glob(one.replace(".py", "/__main__.py")))
            missing += [] if places else [f"{names(page)}: {one}"]
    assert missing == []


def test_every_setting_in_the_docs_exists() -> None:
    """A name in capitals that a page gives a value is a setting, or belongs to another program."""
    from lineside.settings import OTHERS, complete_settings, variable

    known = {variable(field, info) for field, info in complete_settings().model_fields.items()}
    others = (*OTHERS, "LINESIDE_", "OTEL_", "DOCKER_", "OMP_", "GOMP_", "CUDA_", "RAY_", "NAME", "FOO")
    for page in DOCS:
        if "decisions" in page.parts:
            continue
        for name in re.findall(r"(?:^|[\s`(])([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)=", page.read_text("utf-8")):
            assert name in known or name.startswith(others), f"{names(page)} sets {name}, which is no setting"


def test_the_agent_of_the_tutorial_is_one(tmp_path: Path) -> None:
    """The TOML of the tutorial loads, and has every field that an agent may have."""
    from lineside.agents.agent import Agent, load_agent

    block, *_ = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/tutorials/your-agent.md").read_text("utf-8"), re.S)
    file = tmp_path / "agent.toml"
    file.write_text(block, "utf-8")
    agent = load_agent(file)
    for field in Agent.__struct_fields__:
        assert f"`{field}`" in (ROOT / "docs/tutorials/your-agent.md").read_text("utf-8"), f"{field} is not explained"
    assert agent.facts


@pytest.mark.parametrize("line", ["--help", "settings", "engines", "models list"])
def test_commands_of_the_readme_run_beside_nothing(line: str, tmp_path: Path) -> None:
    """Those that need no running lineside, from the checkout."""
    done = subprocess.run(
        [sys.executable, "-m", "lineside", *line.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_decision_has_its_form() -> None:
    """Date and status, Context, Decision, Alternatives, Consequences."""
    for record in sorted((ROOT / "docs/decisions").glob("0*.md")):
        text = record.read_text("utf-8")
        headings = re.findall(r"^(?:## |\*\*)(Context|Decision|Alternatives|Consequences)\b", text, re.M)
        assert headings == ["Context", "Decision", "Alternatives", "Consequences"], f"{record.name}: {headings}"
        head = text.partition("Context")[0]
        assert re.search(r"\b20\d\d\b", head), f"{record.name} has no date"
        assert re.search(r"accepted|superseded|proposed|rejected", head, re.I), f"{record.name} has no status"


def test_every_alert_is_explained_to_operators() -> None:
    """docs/how-to/operate.md has a row for each."""
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "src/lineside/data/monitoring/rules/alerts.yml").read_text("utf-8"))
    page = (ROOT / "docs/how-to/operate.md").read_text("utf-8")
    assert alerts
    assert [alert for alert in alerts if f"`{alert}`" not in page] == []


def test_python_blocks_of_the_docs_compile_and_the_engine_of_the_how_to_works() -> None:
    """Every block compiles; the engine answers as its page says."""
    import asyncio

    from lineside.engine_options import EngineHost
    from lineside.engines.protocols import LanguageModel, LlmRequest, Message, ToolCall

    for page in DOCS:
        for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S):
            compile(block, names(page), "exec")
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/engine.md").read_text("utf-8"), re.S)
    namespace: dict[str, Any] = {}
    exec(block, namespace)  # noqa: S102 - the page's own block
    parrot = namespace["Parrot"](namespace["Parrot"].Options(), EngineHost(http=None))  # type: ignore[arg-type]
    assert isinstance(parrot, LanguageModel)

    async def answer() -> list[str]:
        return [
            token.text
            async for token in parrot.reply([Message("user", "Hello?")], LlmRequest())
            if not isinstance(token, ToolCall)
        ]

    assert asyncio.run(answer()) == ["You said: Hello?"]


def test_every_test_that_the_threat_model_names_is_there() -> None:
    """`file::test`, or `…::test` of the file named before it; and files alone."""
    tests = ROOT / "tests"
    file, missing = "", list[str]()
    for named in re.findall(r"`((?:[\w/]+\.py|…)(?:::\w+)?)`", (ROOT / "docs" / "security.md").read_text()):
        path, _, test = named.partition("::")
        file = file if path == "…" else path
        if file.startswith(("bench/", "scripts/", "src/")):
            continue
        there = tests / file
        if not there.is_file() or (test and f"def {test}(" not in there.read_text()):
            missing.append(f"{file}::{test}")
    assert missing == []
