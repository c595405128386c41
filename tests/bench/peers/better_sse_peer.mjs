// better-sse on Node as a bench's server: one channel, whose broadcast writes to every session.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { setImmediate, setTimeout } from "node:timers/promises";

const { createChannel, createSession } = createRequire(process.argv[2] + "/")("better-sse");
const channel = createChannel();
const server = createServer(async (request, response) => {
  channel.register(await createSession(request, response, { serializer: (data) => data, keepAlive: null }));
});

async function publish(first, count, size, group, pause) {
  let due = performance.now(), born = 0n;
  for (let number = first; number < first + count; number++) {
    if ((number - first) % group === 0) {
      if (pause && number > first) {
        due += pause / 1000;
        await setTimeout(Math.max(due - performance.now(), 0));
      }
      born = process.hrtime.bigint(); // all events of a group are due now
    }
    const id = `bench-${number}`, mark = `@${number}:${born}@`;
    const fill = size - `id: ${id}\nevent: post\ndata: ${mark}\n\n`.length;
    channel.broadcast(mark + "x".repeat(Math.max(fill, 0)), "post", { eventId: id });
    if ((number - first) % group === group - 1) await setImmediate();
  }
}

server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, async () => {
  console.log(server.address().port);
  for await (const line of createInterface({ input: process.stdin })) {
    await publish(...line.split(" ").slice(1).map(Number));
    console.log("published");
  }
  process.exit(0);
});
