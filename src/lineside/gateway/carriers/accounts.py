"""The carriers whose keys are set."""

from collections.abc import Callable

import aiohttp

from lineside.errors import ConfigError
from lineside.gateway.carriers.account import CarrierAccount
from lineside.gateway.carriers.exotel import ExotelAccount
from lineside.gateway.carriers.jambonz import JambonzAccount
from lineside.gateway.carriers.plivo import PlivoAccount
from lineside.gateway.carriers.telnyx import TelnyxAccount
from lineside.gateway.carriers.twilio import SignalWireAccount, TwilioAccount
from lineside.gateway.carriers.vonage import VonageAccount
from lineside.settings import Settings

MAKERS: tuple[tuple[str, Callable[[Settings, aiohttp.ClientSession], CarrierAccount]], ...] = (
    ("twilio_auth_token", TwilioAccount),
    ("signalwire_signing_key", SignalWireAccount),
    ("telnyx_public_key", TelnyxAccount),
    ("plivo_auth_token", PlivoAccount),
    ("vonage_signature_secret", VonageAccount),
    ("exotel_password", ExotelAccount),
    ("jambonz_webhook_secret", JambonzAccount),
)


def carriers_of(settings: Settings, http: aiohttp.ClientSession) -> dict[str, CarrierAccount]:
    """The carriers whose keys are set, by the name of the line. Raises `ConfigError`."""
    found = [make(settings, http) for setting, make in MAKERS if getattr(settings, setting)]
    if found and not settings.public_url.startswith("https://"):
        raise ConfigError(
            f"PUBLIC_URL={settings.public_url}: carriers reach lineside over https only, and their signatures cover "
            "the address; set it to the one that they call, e.g. https://voice.example.com"
        )
    return {account.line: account for account in found}
