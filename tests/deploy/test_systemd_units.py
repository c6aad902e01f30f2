"""The units of systemd: taken by systemd's own checker, with programs and options that there are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)


@each_unit
def test_systemd_takes_it(tmp_path: Path, unit: Path) -> None:
    """Every line is one that it knows; the programs are put where the unit looks for them."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed, so no unit was verified")
    text = unit.read_text()
    for program in re.findall(r"^ExecStart=(\S+)", text, re.M):
        here = tmp_path / Path(program).name
        here.write_text("#!/bin/sh\n")
        here.chmod(0o755)
        text = text.replace(program, str(here))
    (tmp_path / unit.name).write_text(text)
    command = [analyze, "verify", "--recursive-errors=no", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@each_unit
def test_a_unit_can_do_little_harm_and_comes_back(unit: Path) -> None:
    """Nothing outside its folder is written, no rights are gained; one that ends is started again."""
    lines = unit.read_text().splitlines()
    assert {
        "Restart=always",
        "NoNewPrivileges=true",
        "ProtectSystem=strict",
        "PrivateTmp=true",
        "User=lineside",
    } <= set(lines)


def test_units_with_a_card_open_it_and_no_other_device() -> None:
    """By the groups and devices of AMD's driver, and with a word on which card."""
    with_card = [unit for unit in UNITS if "/dev/kfd" in unit.read_text()]
    assert [unit.stem for unit in with_card] == ["lineside-ray", "lineside-whisper-server"]
    for unit in with_card:
        lines = set(unit.read_text().splitlines())
        assert {"SupplementaryGroups=render video", "DevicePolicy=closed", "DeviceAllow=char-drm rw"} <= lines
        assert any(line.startswith("Environment=ROCR_VISIBLE_DEVICES=") for line in lines)


def test_the_page_on_deployment_has_the_unit_as_it_is() -> None:
    """Whoever copies it from there has the same."""
    _, _, unit = (ROOT / "deploy" / "systemd" / "lineside.service").read_text().partition("\n")
    assert unit in (ROOT / "docs" / "how-to" / "deploy.md").read_text()
