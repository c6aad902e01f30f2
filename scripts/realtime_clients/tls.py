"""TLS in front of a gateway, for clients that take no other address: prints its own, and hands bytes on.

    python scripts/realtime_clients/tls.py CERTIFICATE KEY http://127.0.0.1:PORT

`localhost` must stand in the certificate.
"""

import asyncio
import ssl
import sys
from urllib.parse import urlsplit


async def main(certificate: str, key: str, gateway: str) -> None:
    """Serve until this process is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    place = urlsplit(gateway)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(place.hostname, place.port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_hand_on(reader, ours))
                ways.create_task(_hand_on(theirs, writer))
        finally:
            ours.close()
            writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    print(f"https://localhost:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one side is gone
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
