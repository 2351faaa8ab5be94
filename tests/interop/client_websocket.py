"""Both ends of WebSockets with websockets from PyPI; run as a program of its own.

Serves a cloud on the first argument's port, and talks to it by the second's URL.
"""

import asyncio
import http
import sys

import websockets

PORT, DOOR = int(sys.argv[1]), sys.argv[2]
PATH = "/notification2/consumer/?token=a%2Bb.c&consumer=x"
seen = []


async def refuse(connection, request):
    seen.append((request.path, request.headers.get_all("Authorization")))
    if request.path.startswith("/forbidden"):
        return connection.respond(http.HTTPStatus.FORBIDDEN, "no role\n")
    return None


async def cloud(connection):
    async for message in connection:
        if message == "close":
            await connection.close(4001, "subscription gone")
            return
        await connection.send(message)


async def main():
    serving = websockets.serve(
        cloud,
        "127.0.0.1",
        PORT,
        process_request=refuse,
        subprotocols=["binary"],
        max_size=None,
    )
    async with serving:
        options = {"subprotocols": ["other", "binary"], "max_size": None}
        async with websockets.connect(DOOR + PATH, **options) as client:
            path, authorization = seen[-1]
            assert path == PATH, path
            assert len(authorization) == 1 and authorization[0].startswith("Bearer ")
            assert client.subprotocol == "binary", client.subprotocol
            assert (
                "permessage-deflate"
                in client.response.headers["Sec-WebSocket-Extensions"]
            )
            large = "x" * 5_000_000
            for message in ("text", b"\x00\xff", large):
                await client.send(message)
                assert await client.recv() == message
            await (await client.ping())
            await client.send("close")
            try:
                await client.recv()
            except websockets.ConnectionClosed as closed:
                assert closed.rcvd.code == 4001, closed
                assert closed.rcvd.reason == "subscription gone", closed
        try:
            await websockets.connect(DOOR + "/forbidden")
        except websockets.InvalidStatus as error:
            assert error.response.status_code == 403, error
            assert error.response.body == b"no role\n", error.response.body
            print("good")


asyncio.run(main())
