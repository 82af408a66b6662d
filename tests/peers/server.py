"""A server of PyPI `mcp` with the texts of `rich.json`: it uses every feature of MCP.

    python server.py stdio
    python server.py http

On HTTP it prints one JSON line, `{"url"}`, and serves until its standard input ends.
"""

import asyncio
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import uvicorn
from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import ServerMessageMetadata
from pydantic import ConfigDict

SAID = json.loads(Path(__file__).with_name("rich.json").read_text())
PAGE = 5
STATE = "opaque ✓ state"
NEWEST = "2026-07-28"

cancelled: asyncio.Queue[Any] = asyncio.Queue()
released: asyncio.Queue[Any] = asyncio.Queue()
heard: asyncio.Queue[Any] = asyncio.Queue()


class FreeRequest(types.RequestParams):
    model_config = ConfigDict(extra="allow")


class FreeNotification(types.NotificationParams):
    model_config = ConfigDict(extra="allow")


class Answer(types.Result):
    model_config = ConfigDict(extra="allow")


def structured(value: Any) -> types.CallToolResult:
    text = types.TextContent(type="text", text=json.dumps(value, ensure_ascii=False))
    return types.CallToolResult(content=[text], structured_content=value)


def plain(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


async def list_tools(ctx: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    start = int(params.cursor) if params and params.cursor else 0
    page = {"tools": SAID["tools"][start : start + PAGE]}
    if start + PAGE < len(SAID["tools"]):
        page["nextCursor"] = str(start + PAGE)
    return types.ListToolsResult.model_validate(page)


async def progress(ctx: Any, step: dict[str, Any]) -> None:
    await ctx.session.report_progress(step["progress"], step.get("total"), step["message"])


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> Any:
    arguments = params.arguments or {}
    match params.name:
        case "media" | "structured" | "failing":
            return types.CallToolResult.model_validate(SAID["results"][params.name])
        case "broken":
            raise MCPError(code=-31999, message="broken ✓", data={"vendor.example/retry": [1, None]})
        case "large":
            return plain(("0123456789abcdef" * (arguments["characters"] // 16 + 1))[: arguments["characters"]])
        case "stream":
            for step in SAID["progress"]:
                await progress(ctx, step)
                await released.get()
            return plain("streamed")
        case "release":
            released.put_nowait(True)
            return structured({"released": True})
        case "log":
            for said in SAID["logs"]:
                await ctx.session.send_log_message(
                    said["level"], said["data"], said["logger"], related_request_id=ctx.request_id
                )
            return plain("logged")
        case "slow":
            try:
                await progress(ctx, {"progress": 1, "message": "running"})
                await anyio.sleep_forever()
            finally:
                cancelled.put_nowait("slow")
        case "cancelled":
            return structured({"cancelled": await cancelled.get()})
        case "ask":
            asked = types.ElicitRequest(params=types.ElicitRequestFormParams.model_validate(SAID["elicitation"]))
            return await ask(ctx, params, asked, types.ElicitResult)
        case "sample":
            asked = types.CreateMessageRequest.model_validate({"params": SAID["sampling"]})
            return await ask(ctx, params, asked, types.CreateMessageResult)
        case "roots":
            return await ask(ctx, params, types.ListRootsRequest(), types.ListRootsResult)
        case "echo":
            meta = (ctx.params or {}).get("_meta") or {}
            meta = {name: value for name, value in meta.items() if name.startswith("vendor.example/")}
            return structured({"arguments": params.arguments, "meta": meta})
        case "reach":
            told = types.Notification[Any, str](**SAID["customNotification"])
            await ctx.session.send_notification(told, related_request_id=ctx.request_id)
            if ctx.protocol_version >= NEWEST:
                return structured({"answer": None})
            asked = types.Request[Any, str](**SAID["customRequest"])
            related = ServerMessageMetadata(related_request_id=ctx.request_id)
            answer = await ctx.session.send_request(asked, Answer, metadata=related)
            return structured({"answer": answer.model_dump(mode="json", by_alias=True, exclude_unset=True)})
        case "heard":
            return structured(await heard.get())
        case name:
            raise MCPError(code=types.INVALID_PARAMS, message=f"no tool {name}")


async def ask(ctx: Any, params: types.CallToolRequestParams, asked: Any, kind: Any) -> Any:
    """Asks the client. From MCP 2026-07-28 on, a question is a result, and the answer is in the next call."""
    if ctx.protocol_version < NEWEST:
        related = ServerMessageMetadata(related_request_id=ctx.request_id)
        answer = await ctx.session.send_request(asked, kind, metadata=related)
        return structured(answer.model_dump(mode="json", by_alias=True, exclude_unset=True))
    if not params.input_responses:
        return types.InputRequiredResult(input_requests={"question": asked}, request_state=STATE)
    answers = ctx.params["inputResponses"]
    return structured({"answer": answers["question"], "state": params.request_state})


def saying(kind: Any, said: Any) -> Any:
    async def handle(ctx: Any, params: Any) -> Any:
        return kind.model_validate(said)

    return handle


async def set_level(ctx: Any, params: Any) -> types.EmptyResult:
    return types.EmptyResult()


async def on_request(ctx: Any, params: FreeRequest) -> dict[str, Any]:
    given = {name: value for name, value in (ctx.params or {}).items() if name != "_meta"}
    return {"method": ctx.method, "params": given}


async def on_notification(ctx: Any, params: FreeNotification) -> None:
    given = {name: value for name, value in (ctx.params or {}).items() if name != "_meta"}
    heard.put_nowait({"method": ctx.method, "params": given})


server = Server(
    "rich",
    version="1",
    on_list_tools=list_tools,
    on_call_tool=call_tool,
    on_list_prompts=saying(types.ListPromptsResult, {"prompts": SAID["prompts"]}),
    on_get_prompt=saying(types.GetPromptResult, SAID["prompt"]),
    on_list_resources=saying(types.ListResourcesResult, {"resources": SAID["resources"]}),
    on_list_resource_templates=saying(
        types.ListResourceTemplatesResult, {"resourceTemplates": SAID["templates"]}
    ),
    on_read_resource=saying(types.ReadResourceResult, SAID["resource"]),
    on_completion=saying(types.CompleteResult, SAID["completion"]),
    on_set_logging_level=set_level,
)
server.add_request_handler(SAID["customRequest"]["method"], FreeRequest, on_request)
server.add_notification_handler(SAID["customNotification"]["method"], FreeNotification, on_notification)


async def on_stdio() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def on_http() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    # A client that reads the address may connect at once.
    listener.listen()
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"}), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    config = uvicorn.Config(server.streamable_http_app(), log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if sys.argv[1] == "http":
    on_http()
else:
    anyio.run(on_stdio)
