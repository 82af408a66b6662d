// A client of npm `@modelcontextprotocol/sdk`: does everything that an MCP client can do with the rich
// server, and prints a transcript.
//
//     node client.mjs URL
//     node client.mjs COMMAND ARGUMENT...
//
// The output is one JSON object.

import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";

const SAID = JSON.parse(readFileSync(new URL("rich.json", import.meta.url)));
const MEGABYTES_4 = 4 * 1024 * 1024;

/** Messages that come in one by one. */
class Heard {
  events = [];
  #wake = () => {};

  add(event) {
    this.events.push(event);
    this.#wake();
  }

  async until(count) {
    while (this.events.length < count) {
      await new Promise((resolve) => (this.#wake = resolve));
    }
    return this.events;
  }
}

const logs = new Heard();
const told = new Heard();
const sdk = new URL("node_modules/@modelcontextprotocol/sdk/package.json", import.meta.url);

const client = new Client(
  { name: "etdi-peers", version: "1" },
  { capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} } },
);
client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
  action: "accept",
  content: { name: JSON.stringify(params), public: true },
}));
client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
  role: "assistant",
  model: "none",
  content: { type: "text", text: JSON.stringify(params) },
  stopReason: "endTurn",
}));
client.setRequestHandler(ListRootsRequestSchema, () => ({
  roots: [{ uri: "file:///home", name: "home" }],
}));
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => logs.add(params));
client.fallbackRequestHandler = async ({ method, params }) => ({ method, params });
client.fallbackNotificationHandler = async ({ params }) => told.add(params);

const [target, ...rest] = process.argv.slice(2);
const transport = target.startsWith("http:")
  ? new StreamableHTTPClientTransport(new URL(target))
  : new StdioClientTransport({ command: target, args: rest, stderr: "inherit" });
let protocol;
const setProtocolVersion = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (version) => {
  protocol = version;
  setProtocolVersion?.(version);
};
await client.connect(transport);
const seen = await observe();
seen.version = JSON.parse(readFileSync(sdk)).version;
seen.protocol = protocol;
await client.close();
process.stdout.write(JSON.stringify(seen));

async function observe() {
  const seen = { calls: {}, pages: [] };
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    seen.pages.push(page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  const { calls } = seen;
  for (const name of ["media", "failing", "broken", "no-such-tool"]) {
    calls[name] = await call(name);
  }
  calls.structured = await call("structured", { document: "d", depth: 3 });
  calls.large = await call("large", { characters: MEGABYTES_4 });
  const sent = { text: "à ✓ \u0000 😀", none: null, ratio: 0.1, deep: [[{}]] };
  calls.echo = await call("echo", sent, { "vendor.example/trace": { span: 1 } });
  const events = [];
  const streamed = await call("stream", {}, undefined, {
    onprogress: (progress) => {
      events.push(progress);
      void call("release");
    },
  });
  seen.stream = [...events, streamed];
  await client.setLoggingLevel("debug");
  calls.log = await call("log");
  seen.logs = await logs.until(SAID.logs.length);
  seen.cancel = await cancel();
  for (const name of ["ask", "sample", "roots"]) {
    calls[name] = await call(name);
  }
  seen.prompts = await tried(client.listPrompts());
  seen.prompt = await tried(client.getPrompt({ name: "summary", arguments: { document: "d" } }));
  seen.resources = await tried(client.listResources());
  seen.templates = await tried(client.listResourceTemplates());
  seen.resource = await tried(client.readResource({ uri: "file:///notes.md" }));
  seen.completion = await tried(
    client.complete({
      ref: { type: "ref/prompt", name: "summary" },
      argument: { name: "document", value: "no" },
    }),
  );
  seen.asked = await tried(client.request(SAID.customRequest, ResultSchema));
  calls.reach = await call("reach");
  seen.told = await told.until(1);
  await client.notification(SAID.customNotification);
  calls.heard = await call("heard");
  return seen;
}

function call(name, args = {}, meta = undefined, options = undefined) {
  const params = { name, arguments: args, ...(meta && { _meta: meta }) };
  return tried(client.callTool(params, CallToolResultSchema, options));
}

async function cancel() {
  const controller = new AbortController();
  const cancelled = call("slow", {}, undefined, {
    signal: controller.signal,
    onprogress: () => controller.abort(),
  });
  await cancelled;
  return call("cancelled");
}

async function tried(action) {
  try {
    return await action;
  } catch (error) {
    const { code, message, data } = error;
    return { error: { code, message, data } };
  }
}
