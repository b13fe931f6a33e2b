// What the server itself says about a deadline: spoken over plain HTTP/2, so that no client's timer answers for it.
import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { after, before, test } from "node:test";
import grpc from "@grpc/grpc-js";
import { startServer } from "./signalbox.mjs";

const CLASSIFY = "/signalbox.v1.ClassifierService/Classify";

let server;
let session;

before(async () => {
  server = await startServer();
  session = http2.connect(`http://${server.address}`);
  await once(session, "connect");
});

after(async () => {
  session?.close();
  await server?.stop();
});

for (const timeout of ["0n", "1n", "1u"]) {
  test(`grpc-timeout ${timeout} is a deadline exceeded`, async () => {
    for (let i = 0; i < 50; i += 1) {
      assert.equal(await classify("Where is my order?", timeout), grpc.status.DEADLINE_EXCEEDED);
    }
  });
}

for (const timeout of ["999u", "1m", "5m", "50m"]) {
  test(`a call is answered within ${timeout} or its deadline is exceeded; it is never cancelled`, async () => {
    const text = "Where is my order? ".repeat(500);

    const codes = await Promise.all(Array.from({ length: 100 }, () => classify(text, timeout)));

    const unexpected = codes.filter((code) => ![grpc.status.OK, grpc.status.DEADLINE_EXCEEDED].includes(code));
    assert.deepEqual(unexpected, []);
  });
}

test("a deadline far away changes nothing", async () => {
  for (const timeout of ["30S", "5M", "1H", "99999999H"]) {
    assert.equal(await classify("Where is my order?", timeout), grpc.status.OK, timeout);
  }
});

/** Classifies one text and returns the `grpc-status`. */
async function classify(text, timeout) {
  const stream = session.request({
    ":method": "POST",
    ":path": CLASSIFY,
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-timeout": timeout,
  });
  const statuses = [];
  const keep = (headers) => "grpc-status" in headers && statuses.push(Number(headers["grpc-status"]));
  stream.on("response", keep);
  stream.on("trailers", keep);
  stream.resume();
  stream.end(frame(text));
  await once(stream, "close");
  assert.equal(statuses.length, 1, "exactly one grpc-status");
  return statuses[0];
}

/** Encodes a `ClassifyRequest` with this text as one gRPC message. */
function frame(text) {
  const bytes = Buffer.from(text);
  const message = Buffer.concat([Buffer.from([0x12]), varint(bytes.length), bytes]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function varint(value) {
  const bytes = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}
