"""A client of PyPI `mcp`: does everything that an MCP client can do with the rich server, and prints a
transcript.

    python client.py MODE URL
    python client.py MODE COMMAND ARGUMENT...

MODE is `legacy`, for the revisions with `initialize`, or `auto`, for the newest one. The output is one
JSON object; what the SDK has no way to do is `{"none": why}` in it.
"""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any, Literal

import anyio
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.client.extension import ClientExtension, NotificationBinding
from pydantic import ConfigDict, TypeAdapter

SAID = json.loads(Path(__file__).with_name("rich.json").read_text())
MEGABYTES_4 = 4 * 1024 * 1024


def shown(model: Any) -> Any:
    """Returns the model as it came over the wire, as far as the SDK kept it."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Heard:
    def __init__(self) -> None:
        self.events: list[Any] = []
        self.changed = anyio.Event()

    def add(self, event: Any) -> None:
        self.events.append(event)
        changed, self.changed = self.changed, anyio.Event()
        changed.set()

    async def until(self, count: int) -> list[Any]:
        while len(self.events) < count:
            await self.changed.wait()
        return self.events


class Free(types.NotificationParams):
    model_config = ConfigDict(extra="allow")


class Told(ClientExtension):
    """Records the custom notification."""

    identifier = "vendor.example/told"

    def __init__(self, heard: Heard) -> None:
        self.heard = heard

    def notifications(self):
        async def told(params: Free) -> None:
            self.heard.add(shown(params))

        method = SAID["customNotification"]["method"]
        return [NotificationBinding(method=method, params_type=Free, handler=told)]


class Ask(types.Request[dict[str, Any], Literal["vendor.example/ask"]]):
    method: Literal["vendor.example/ask"] = "vendor.example/ask"


class Tell(types.Notification[dict[str, Any], Literal["notifications/vendor.example/told"]]):
    method: Literal["notifications/vendor.example/told"] = "notifications/vendor.example/told"


async def elicit(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    asked = json.dumps(shown(params), sort_keys=True)
    return types.ElicitResult(action="accept", content={"name": asked, "public": True})


async def sample(_: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    asked = json.dumps(shown(params), sort_keys=True)
    content = types.TextContent(type="text", text=asked)
    return types.CreateMessageResult(role="assistant", model="none", content=content, stop_reason="endTurn")


async def roots(_: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///home", name="home")])


async def tried(action: Any) -> Any:
    try:
        return shown(await action)
    except MCPError as error:
        return {"error": shown(error.error)}


async def cancel(client: Client) -> Any:
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def running(progress: float, total: float | None, message: str | None) -> None:
            scope.cancel()

        async def call() -> None:
            with scope:
                await client.call_tool("slow", progress_callback=running)

        group.start_soon(call)
    return await tried(client.call_tool("cancelled"))


async def observe(client: Client, logs: Heard, told: Heard) -> dict[str, Any]:
    seen: dict[str, Any] = {"protocol": client.protocol_version}
    seen["pages"], cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        seen["pages"].append(shown(page)["tools"])
        cursor = page.next_cursor
        if cursor is None:
            break
    calls = seen["calls"] = {}
    for name in ["media", "structured", "failing", "broken"]:
        arguments = {"document": "d", "depth": 3} if name == "structured" else None
        calls[name] = await tried(client.call_tool(name, arguments))
    calls["no-such-tool"] = await tried(client.call_tool("no-such-tool"))
    calls["large"] = await tried(client.call_tool("large", {"characters": MEGABYTES_4}))
    arguments = {"text": "à ✓ \u0000 \U0001f600", "large": 2**53 + 1, "none": None, "ratio": 0.1, "deep": [[{}]]}
    calls["echo"] = await tried(client.call_tool("echo", arguments, meta={"vendor.example/trace": {"span": 1}}))
    events: list[Any] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        events.append({"progress": progress, "total": total, "message": message})
        await client.call_tool("release")

    streamed = await tried(client.call_tool("stream", progress_callback=progress))
    seen["stream"] = [*events, streamed]
    if client.protocol_version < "2026-07-28":
        await client.set_logging_level("debug")
    calls["log"] = await tried(client.call_tool("log"))
    seen["logs"] = await logs.until(len(SAID["logs"]))
    seen["cancel"] = await cancel(client)
    for name in ["ask", "sample", "roots"]:
        calls[name] = await tried(client.call_tool(name))
    seen["prompts"] = await tried(client.list_prompts())
    seen["prompt"] = await tried(client.get_prompt("summary", {"document": "d"}))
    seen["resources"] = await tried(client.list_resources())
    seen["templates"] = await tried(client.list_resource_templates())
    seen["resource"] = await tried(client.read_resource("file:///notes.md"))
    reference = types.PromptReference(type="ref/prompt", name="summary")
    seen["completion"] = await tried(client.complete(reference, {"name": "document", "value": "no"}))
    free = SAID["customRequest"]["params"]
    adapter = TypeAdapter(dict[str, Any])
    seen["asked"] = await client.session.send_request(Ask(params=free), adapter)
    calls["reach"] = await tried(client.call_tool("reach"))
    seen["told"] = await told.until(1)
    if client.protocol_version < "2026-07-28":
        await client.session.send_notification(Tell(params=SAID["customNotification"]["params"]))
        calls["heard"] = await tried(client.call_tool("heard"))
    else:
        calls["heard"] = {"none": "MCP 2026-07-28 has no notifications from clients"}
        calls["reach"] = {"none": "MCP 2026-07-28 has no requests from servers"}
    return seen


async def main(mode: str, target: list[str]) -> None:
    logs, told = Heard(), Heard()

    async def logged(params: types.LoggingMessageNotificationParams) -> None:
        logs.add(shown(params))

    if target[0].startswith("http:"):
        # The limit of the SDK is 1 MiB for each event.
        server = streamable_http_client(target[0], max_sse_event_size=None)
    else:
        server = StdioServerParameters(command=target[0], args=target[1:])
    client = Client(
        server,
        mode=mode,
        sampling_callback=sample,
        elicitation_callback=elicit,
        list_roots_callback=roots,
        logging_callback=logged,
        log_level="debug",
        extensions=[Told(told)],
    )
    async with client:
        seen = await observe(client, logs, told)
    seen["version"] = importlib.metadata.version("mcp")
    json.dump(seen, sys.stdout)


anyio.run(main, sys.argv[1], sys.argv[2:])
