/** The application of the demo image. It finds its packages in pnpm's virtual store, loads them and answers on PORT. */
export const serverSource = `"use strict";
const { readdirSync } = require("node:fs");
const http = require("node:http");
const store = "/srv/app/node_modules/.pnpm";
const wanted = ["fastify", "zod", "yaml", "commander", "pino", "ajv", "level"];
for (const folder of readdirSync(store)) {
  const name = folder.slice(0, folder.lastIndexOf("@"));
  if (wanted.includes(name)) require(store + "/" + folder + "/node_modules/" + name);
}
const server = http.createServer((_request, response) => response.end("hello\\n"));
server.listen(Number(process.env.PORT || 0), "127.0.0.1", () => {
  console.log("ready with " + Object.keys(require.cache).length + " modules");
  process.on("SIGTERM", () => process.exit(0));
});
`;
