// Runs the Inspector's command line, npm `@modelcontextprotocol/inspector-cli`, with one process for
// each step that it can do with the rich server. Prints a transcript.
//
//     node inspector.mjs URL
//     node inspector.mjs COMMAND ARGUMENT...
//
// The output is one JSON object. A step for which the program has no option is `{"none": why}`.

import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { promisify } from "node:util";

const require = createRequire(import.meta.url);
const { version, bin } = require("@modelcontextprotocol/inspector-cli/package.json");
const program = require.resolve(
  `@modelcontextprotocol/inspector-cli/${bin["mcp-inspector-cli"]}`,
);
const target = process.argv.slice(2);
const none = { none: "the program has no option for it" };

async function inspect(method, ...options) {
  const transport = target[0].startsWith("http:") ? "http" : "stdio";
  const words = [program, ...target, "--cli", "--transport", transport, "--method", method, ...options];
  // The program looks for its own package.json from the folder in which it runs.
  const how = { cwd: dirname(program), maxBuffer: 64 * 1024 * 1024 };
  try {
    const { stdout } = await promisify(execFile)("node", words, how);
    return JSON.parse(stdout);
  } catch (error) {
    return { error: { message: String(error.stderr || error).trim() } };
  }
}

const tool = (name, ...options) => inspect("tools/call", "--tool-name", name, ...options);
const [tools, media, structured, large, echo, prompt, resource] = await Promise.all([
  inspect("tools/list"),
  tool("media"),
  tool("structured", "--tool-arg", "document=d", "depth=3"),
  tool("large", "--tool-arg", "characters=4194304"),
  tool(
    "echo",
    "--tool-arg",
    'text="à ✓ 😀"',
    "none=null",
    "ratio=0.1",
    "deep=[[{}]]",
    "--tool-metadata",
    "vendor.example/trace=1",
  ),
  inspect("prompts/get", "--prompt-name", "summary", "--prompt-args", "document=d"),
  inspect("resources/read", "--uri", "file:///notes.md"),
]);
const calls = { media, structured, large, echo };
for (const name of ["failing", "broken", "ask", "sample", "roots", "log", "reach", "heard"]) {
  calls[name] = none;
}
const seen = { version, pages: [tools.tools], calls, prompt, resource };
for (const name of ["stream", "logs", "cancel", "completion", "asked", "told"]) {
  seen[name] = none;
}
process.stdout.write(JSON.stringify(seen));
