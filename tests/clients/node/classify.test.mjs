// ClassifierService with the stock client of Node.js.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import { ROOT, collect, connect, detail, failure, startServer } from "./signalbox.mjs";

let server;
let client;

before(async () => {
  server = await startServer();
  client = connect(server.address);
});

after(async () => {
  client?.close();
  await server?.stop();
});

const WHERE_IS_MY_ORDER = {
  en: "Where is my order?",
  de: "Wo ist meine Bestellung?",
  tr: "Siparişim nerede?",
  ja: "注文した荷物は今どこにありますか？",
  zh: "我的订单在哪里？",
};

for (const [tag, text] of Object.entries(WHERE_IS_MY_ORDER)) {
  test(`asking for the order is order.status in ${tag}`, async () => {
    const reply = await client.classify({ text });

    assert.equal(reply.primary_intent.name, "order.status");
    assert.equal(reply.intents[0].name, "order.status");
    assert.equal(reply.polarity.probabilities.length, 5);
    assert.match(reply.revisions.model_digest, /^sha256:[0-9a-f]{64}$/);
  });
}

test("options are honoured", async () => {
  const options = { top_k: 2, raw_logits: true, include_routing: false, truncation: "TRUNCATION_HEAD" };

  const reply = await client.classify({ id: "ticket-17", text: "and so on ".repeat(2000), options });

  assert.equal(reply.id, "ticket-17");
  assert.equal(reply.intents.length, 2);
  assert.deepEqual(reply.raw_logits.map((one) => one.head), ["primary", "intent", "polarity", "flags"]);
  assert.equal(reply.routing, null);
  assert.equal(reply.truncated, true);
  assert.deepEqual(reply.notices.map((notice) => notice.code), ["NOTICE_CODE_TEXT_TRUNCATED"]);
});

test("a blank text abstains", async () => {
  const reply = await client.classify({ text: " \n" });

  assert.equal(reply.abstention.reason, "ABSTAIN_REASON_EMPTY");
  assert.equal(reply.primary_intent, null);
});

test("a text at the limit is accepted", async () => {
  const reply = await client.classify({ text: "📦".repeat(65_536) });

  assert.ok(reply.primary_intent.name);
});

test("all violations are told at once", async () => {
  const broken = { text: "a".repeat(65_537), subject: "s".repeat(1_025), channel: 99, options: { top_k: 1_001 } };

  const error = await failure(client.classify(broken));

  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  const violations = detail(error, "BadRequest").field_violations;
  assert.deepEqual(
    violations.map((violation) => violation.field).sort(),
    ["channel", "options.top_k", "subject", "text"],
  );
  assert.ok(violations.every((violation) => violation.description));
});

test("an unknown model is not found", async () => {
  const error = await failure(client.classify({ text: "hello", model: "no-such-model" }));

  assert.equal(error.code, grpc.status.NOT_FOUND);
  assert.match(detail(error, "ResourceInfo").resource_name, /no-such-model/);
  assert.match(error.details, /loaded are default\//);
});

test("a timeout of 1 ms is a deadline exceeded", async () => {
  for (let i = 0; i < 20; i += 1) {
    const error = await failure(client.classify({ text: "Where is my order? ".repeat(500) }, 1));

    assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
  }
});

test("a batch keeps its order, and a bad item never fails its neighbours", async () => {
  const requests = Array.from({ length: 20 }, (_, i) => ({ id: `m${i}`, text: "Where is my order?" }));
  requests[7].channel = 99;

  const { results } = await client.classifyBatch({ requests });

  assert.deepEqual(results.map((result) => result.id), requests.map((request) => request.id));
  for (const [i, result] of results.entries()) assert.equal(result.outcome, i === 7 ? "error" : "response");
  assert.equal(results[7].error.code, "ERROR_CODE_INVALID_ARGUMENT");
  assert.deepEqual(results[7].error.field_violations.map((one) => one.field), ["channel"]);
});

test("a batch over the limit is refused", async () => {
  const requests = Array.from({ length: 1_025 }, () => ({ text: "ok" }));

  const error = await failure(client.classifyBatch({ requests }));

  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  assert.deepEqual(detail(error, "BadRequest").field_violations.map((one) => one.field), ["requests"]);
});

test("a stream gives one answer for each message, errors in band", async () => {
  const call = client.classifyStream();
  const replies = collect(call);
  for (let i = 0; i < 300; i += 1) {
    const request = { id: `m${i}`, text: "I want my money back", channel: i === 150 ? 99 : 1 };
    if (!call.write({ request })) await new Promise((resolve) => call.once("drain", resolve));
  }
  call.end();

  const bySequence = new Map((await replies).map((reply) => [Number(reply.sequence), reply]));

  assert.equal(bySequence.size, 300);
  for (const [sequence, reply] of bySequence) {
    assert.equal(reply.id, `m${sequence}`);
    assert.equal(reply.outcome, sequence === 150 ? "error" : "response");
  }
});

test("the example prints what a message wants and where it goes", async () => {
  const script = path.join(ROOT, "examples/node/classify.mjs");
  const run = promisify(execFile);

  const { stdout } = await run(process.execPath, [script, server.address, "Wo ist meine Bestellung 48213?"]);

  assert.match(stdout, /^intent {4}order\.status .*\npolarity {2}\w+ .*\nflags {5}.*\nentities {2}48213\n/);
  assert.match(stdout, /\nqueue {5}orders, P3\naction {4}SELF_SERVICE track \(\w+\)\nrules {5}.*\n$/);
});

test("the example says when there is no server", async () => {
  const script = path.join(ROOT, "examples/node/classify.mjs");

  const failure = await promisify(execFile)(process.execPath, [script, "127.0.0.1:1"]).catch((error) => error);

  assert.equal(failure.code, 1);
  assert.match(failure.stderr, /^no answer from 127\.0\.0\.1:1: UNAVAILABLE/);
});
