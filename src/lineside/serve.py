"""Start-up, in the order that a wrong setting is found before anything is spent on it; and the end of it all."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import aiohttp
import structlog
from aiohttp import web

from lineside.agent import Agent, load_agent
from lineside.audio.vad import Voice, VoiceModel
from lineside.ear import VoiceDetector
from lineside.engines.protocols import Ask, Message
from lineside.engines.registry import Registry
from lineside.errors import ConfigError, EngineError
from lineside.gateway import Gateway
from lineside.models.store import locate
from lineside.reply import PHRASES
from lineside.settings import Settings, check_exposure

log = structlog.get_logger()

CONNECTIONS = 100  # to one engine server; more requests wait for one of them
EMBEDDED_STT, EMBEDDED_TTS = "faster-whisper-base", "en_US-joe-medium"
