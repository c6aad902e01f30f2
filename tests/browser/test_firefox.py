"""The page in a real Firefox: it loads, is heard, answers, and is heard by its caller."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.browser.conftest import OpenGateway
from tests.browser.firefox import firefox_page, running_firefox, sound_server

pytestmark = pytest.mark.browser
LINES = "[...document.querySelectorAll('#lines > li')].map(row => row.querySelector('.text:not(.filler)').innerText)"


@pytest.mark.parametrize("resists", [False, True], ids=["as it is", "privacy.resistFingerprinting"])
def test_a_call_is_held_in_firefox(gateway: OpenGateway, tmp_path: Path, resists: bool) -> None:
    """The microphone's tone begins a turn; muted, it ends; the answer is played to its end, and the next one typed."""
    one = gateway(hears=["When are you open?"], answers=["We are open. From nine to six."])

    async def story(address: str) -> None:
        async with aiohttp.ClientSession() as http:
            page = await firefox_page(http, address)
            await page.go(one.url)
            await page.until("document.querySelector('h1')?.innerText === 'lineside'")
            await page.value("document.getElementById('talk').click()")
            await page.until("document.body.dataset.phase === 'listening'")
            await page.until("Number(document.getElementById('level').getAttribute('aria-valuenow')) > 10")
            await asyncio.sleep(1.0)
            await page.value("document.getElementById('mute').click()")
            await page.until("document.getElementById('level').getAttribute('aria-valuenow') === '0'")
            await page.until(f"{LINES}.length >= 2 && {LINES}[1] === 'We are open. From nine to six.'")
            await page.until("document.body.dataset.phase === 'listening'")
            await page.picture(tmp_path / "firefox.png")
            assert (await page.value(LINES))[:2] == ["When are you open?", "We are open. From nine to six."]
            played = await page.value("document.querySelector('#lines').innerHTML")
            (tmp_path / "lines.html").write_text(played)
            await page.value("document.getElementById('talk').click()")
            await page.until("document.body.dataset.phase === 'ended'")
            assert page.errors == []

    profile, server = tmp_path / "firefox", tmp_path / "sound"
    profile.mkdir()
    server.mkdir()
    with (
        sound_server(server) as sound,
        running_firefox(profile, sound, **{"privacy.resistFingerprinting": resists}) as address,
    ):
        asyncio.run(story(address))


def test_without_a_sound_card_the_page_says_so(gateway: OpenGateway, tmp_path: Path) -> None:
    """Firefox' sound never begins then; the call goes on in writing, and a sentence tells what is missing."""
    one = gateway()

    async def story(address: str) -> None:
        async with aiohttp.ClientSession() as http:
            page = await firefox_page(http, address)
            await page.go(one.url)
            await page.until("document.querySelector('h1')?.innerText === 'lineside'")
            await page.value("document.getElementById('talk').click()")
            await page.until("document.querySelector('.interrupted')?.innerText.includes('Resume sound')")

    with running_firefox(tmp_path) as address:
        asyncio.run(story(address))
