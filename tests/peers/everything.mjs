// Serves npm `@modelcontextprotocol/server-everything` over HTTP on a free port of the loopback
// interface: the package has no option for such a port. Prints one JSON line, `{"url"}`, and serves until
// its standard input ends.

import { Server } from "node:net";

const listen = Server.prototype.listen;
Server.prototype.listen = function (_port, listening) {
  this.once("listening", () => {
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${this.address().port}/mcp` })}\n`);
  });
  return listen.call(this, 0, "127.0.0.1", listening);
};
console.log = console.error;
process.stdin.on("end", () => process.exit(0)).resume();
process.argv.push("streamableHttp");
await import("@modelcontextprotocol/server-everything/dist/index.js");
