// A proxy that can cut an answer off in the middle, as a lost connection does.

import { createServer, connect } from "node:net";
import { once } from "node:events";

/** Listens before the server at `url`. `cut("POST /path")` spoils the next answer to such a request. */
export async function proxy(url) {
  const { hostname, port } = new URL(url);
  let wanted;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let isCut = false;
    const end = () => (client.destroy(), upstream.destroy());
    client.on("data", (data) => {
      if (wanted && data.includes(wanted)) [isCut, wanted] = [true, undefined];
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!isCut) return client.write(data);
      const body = data.indexOf("\r\n\r\n") + 4; // the head arrives, and half of the body
      client.write(data.subarray(0, body + (data.length - body) / 2), end);
    });
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  return { url: `http://localhost:${server.address().port}`, cut: (request) => (wanted = request), close: () => server.close() };
}
