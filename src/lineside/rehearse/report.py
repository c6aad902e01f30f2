"""What came of a rehearsal: JUnit for a build server, one page of HTML for people."""

import base64
from collections import Counter
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from lineside.rehearse.results import HeldCall, ScenarioResult

STYLE = """body{font:15px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd}
.bad{color:#b00020}.good{color:#0a6b2d}details{margin:.2rem 0}p{margin:.1rem 0}p.user{margin-left:2rem}
small{color:#666}audio{width:100%;margin:.4rem 0}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}td,th{border-color:#333}.bad{color:#ff8a95}
.good{color:#7ddc9c}small{color:#aaa}}"""


def write_junit(path: Path, results: list[ScenarioResult]) -> None:
    """A test suite with a case for each run."""
    suite = ElementTree.Element("testsuite", name="rehearsal")
    runs = failed = 0
    for result in results:
        for number, run in enumerate(result.runs, 1):
            runs += 1
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname="rehearsal",
                name=f"{result.scenario.name} #{number}",
                time=str(run.seconds),
            )
            if run.failures:
                failed += 1
                text = "\n".join(f"{failure.kind}: {failure.what}" for failure in run.failures)
                ElementTree.SubElement(case, "failure", message=run.failures[0].kind).text = text
    suite.set("tests", str(runs))
    suite.set("failures", str(failed))
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def write_html(path: Path, results: list[ScenarioResult], summary: str) -> None:
    """One page without anything from elsewhere."""
    kinds = Counter(failure.kind for result in results for run in result.runs for failure in run.failures)
    rows = "".join(_row(result) for result in results)
    told = "".join(f"<li>{escape(kind)}: {many}</li>" for kind, many in kinds.most_common())
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Rehearsal</title><style>{STYLE}</style>"
        f"<h1>Rehearsal</h1><p>{escape(summary)}</p><ul>{told}</ul>"
        f"<table><tr><th>scenario<th>passed<th>what went wrong</tr>{rows}</table></html>"
    )
    path.write_text(page, encoding="utf-8")


def _row(result: ScenarioResult) -> str:
    kind = "good" if result.passed == len(result.runs) else "bad"
    worst = next((run for run in result.runs if run.failures), result.runs[0])
    wrong = "<br>".join(escape(f"{failure.kind}: {failure.what}") for failure in worst.failures)
    return (
        f"<tr><td>{escape(result.scenario.name)}<details><summary>conversation</summary>{_call(worst)}</details>"
        f"<td class={kind}>{result.passed} of {len(result.runs)}<td>{wrong}</tr>"
    )


def _call(run: HeldCall) -> str:
    """What was heard, what the caller had said, and the sound of both sides."""
    talk = "".join(f"<p class={role}>{escape(role)}: {escape(text)}</p>" for role, text in run.conversation)
    said = f"<p><small>said by {escape(run.voice)}: {escape(' / '.join(run.said))}</small></p>" if run.said else ""
    if not run.sound:
        return talk + said
    sound = base64.b64encode(run.sound).decode("ascii")
    return f'{talk}{said}<audio controls preload=none src="data:audio/ogg;base64,{sound}"></audio>'
