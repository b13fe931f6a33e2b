// Entities, routing, views, mood and policies with the stock client of Node.js.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import grpc from "@grpc/grpc-js";
import { ROOT, collect, connect, detail, failure, startServer, timestamp, waitUntil } from "./signalbox.mjs";

const ASKED = { text: "where is my order 48213", channel: "CHANNEL_EMAIL", sent_at: timestamp("2026-11-20T10:00:00Z") };
const UTF16 = { offset_encoding: "OFFSET_ENCODING_UTF16" };
const AUTOMATIC = ["AUTO_REPLY", "SELF_SERVICE", "MACRO", "AUTO_CLOSE", "SNOOZE"].map((name) => `ACTION_TYPE_${name}`);

let server;
let client;

before(async () => {
  // A busy machine leaves the mood of a conversation out rather than keep a reply waiting; tests wait.
  server = await startServer("--set", 'thread.max_wait="30s"');
  client = connect(server.address);
});

after(async () => {
  client?.close();
  await server?.stop();
});

const TEXTS = {
  "an emoji outside the BMP": "📦😡 Where is my order 48213? I paid 49,90 €, mail jane@example.com",
  "a family of seven code points": "👩‍👩‍👧‍👦 order 48213, 49,90 €, jane@example.com",
  "marks that NFC joins": "Cafe\u0301 n\u0303o: order 48213 cost 49,90 €, jane@example.com",
  "HTML": "<p>Hi 👋🏽 &amp; hello,</p><p>my <b>order&nbsp;48213</b> cost 49,90&#160;€</p><i>jane@example.com</i> &#128230;",
};

for (const [name, text] of Object.entries(TEXTS)) {
  test(`UTF-16 offsets cut the text as slice does: ${name}`, async () => {
    const { entities } = await client.classify({ text, options: UTF16 });

    const cut = entities.map(({ start, end }) => text.slice(start, end));
    assert.deepEqual(cut, ["48213", name === "HTML" ? "49,90&#160;€" : "49,90 €", "jane@example.com"]);
    assert.deepEqual(entities.map((entity) => entity.value), ["48213", "49.90", "jane@example.com"]);
    assert.deepEqual(entities[1].attributes, { currency: "EUR" });
  });
}

test("entities of the subject come first and count in the subject", async () => {
  const [text, subject] = ["Is tracking 1Z999AA10123456784 mine?", "Re: 📦 order #48213"];

  const { entities } = await client.classify({ text, subject, options: UTF16 });

  assert.deepEqual(entities.map((entity) => entity.field), ["MESSAGE_FIELD_SUBJECT", "MESSAGE_FIELD_TEXT"]);
  assert.equal(subject.slice(entities[0].start, entities[0].end), "48213");
  assert.equal(text.slice(entities[1].start, entities[1].end), "1Z999AA10123456784");
});

test("accounts and cards are redacted everywhere", async () => {
  const text = "Refund to DE89 3704 0044 0532 0130 00 or card 4111 1111 1111 1111.";

  const reply = await client.classify({ text, options: { explain: true, views: ["gorgias"] } });

  assert.deepEqual(
    reply.entities.map((entity) => [entity.type, entity.value]),
    [["ENTITY_TYPE_IBAN", "DE89**************3000"], ["ENTITY_TYPE_PAYMENT_CARD", "************1111"]],
  );
  const shown = JSON.stringify(reply).replaceAll(" ", "");
  assert.ok(!shown.includes("370400440532") && !shown.includes("411111111111"));
});

test("a clear question is routed with its reasons", async () => {
  const reply = await client.classify({ ...ASKED, options: { explain: true } });

  const { routing } = reply;
  assert.equal(routing.queue, "orders");
  assert.equal(routing.action.type, "ACTION_TYPE_SELF_SERVICE");
  assert.equal(routing.action.flow, "track");
  assert.equal(routing.action.confidence_tier, "CONFIDENCE_TIER_AUTO");
  assert.deepEqual(routing.matched_rules, ["email", "track-flow", "orders"]);
  const { first_response_due_at: due, first_response: first } = routing.service_level;
  assert.equal(Number(due.seconds), ASKED.sent_at.seconds + Number(first.seconds));
  assert.match(reply.revisions.policy_digest, /^sha256:[0-9a-f]{64}$/);
  const { policy } = await client.getPolicy({});
  assert.equal(routing.trace.length, policy.rule_count);
  assert.ok(routing.trace.every((rule) => rule.condition && rule.terms.length > 0));
  const matched = routing.trace.filter((rule) => rule.outcome === "RULE_OUTCOME_MATCHED");
  assert.deepEqual(matched.map((rule) => rule.rule_id), routing.matched_rules);
});

test("routing is left out on request", async () => {
  const reply = await client.classify({ ...ASKED, options: { include_routing: false } });

  assert.equal(reply.routing, null);
  assert.equal(reply.revisions.policy_digest, "");
  assert.deepEqual(reply.notices, []);
});

test("tags are spelled as asked", async () => {
  const { routing } = await client.classify({ ...ASKED, options: { tag_style: "TAG_STYLE_KEBAB" } });

  assert.deepEqual(routing.tags, ["order-status", "neutral"]);
});

test("batch and stream are routed as single calls are", async () => {
  const { routing } = await client.classify(ASKED);

  const { results } = await client.classifyBatch({ requests: [ASKED, ASKED] });
  const call = client.classifyStream();
  const replies = collect(call);
  call.write({ request: ASKED });
  call.end();

  for (const result of [...results, ...(await replies)]) assert.deepEqual(result.response.routing, routing);
});

for (const [name, text] of Object.entries({
  "an angry legal threat": "I am furious!!! You stole my money, I will sue you. My lawyer will contact you. Order 48213",
  "danger": "The toy caught fire and burned my daughter's hand!",
  "a wish for a person": "I want to speak to a human being, a real person please",
  "Ukrainian": "Де моє замовлення? Я чекаю вже два тижні, а посилка досі не прийшла. Дайте відповідь.",
})) {
  test(`${name} is never automatic`, async () => {
    const { abstention, routing } = await client.classify({ text });

    assert.ok(!AUTOMATIC.includes(routing.action.type), routing.action.type);
    assert.notEqual(routing.action.confidence_tier, "CONFIDENCE_TIER_AUTO");
    assert.ok(routing.action.automation_off.length > 0);
    assert.equal(abstention?.reason === "ABSTAIN_REASON_UNSUPPORTED_LANGUAGE", name === "Ukrainian");
  });
}

test("a quote changes no intent, and a number in it is found there", async () => {
  const body = "I want to return the shoes, they are too small.";
  const line = "On Tue, Nov 17, 2026 at 9:12 AM Shop <help@shop.example> wrote:";
  const text = `${body}\n\n${line}\n> Your order 48213 is cancelled.\n`;

  const [alone, reply] = await Promise.all([client.classify({ text: body }), client.classify({ text })]);

  assert.equal(reply.primary_intent.name, alone.primary_intent.name);
  assert.equal(reply.token_count, alone.token_count);
  const number = reply.entities.find((entity) => entity.type === "ENTITY_TYPE_ORDER_NUMBER");
  assert.deepEqual([number.value, number.section], ["48213", "SECTION_QUOTE"]);
});

test("views put the answer into the words of other products", async () => {
  const names = ["gorgias", "zendesk", "comprehend", "google", "freshdesk", "nps"];

  const { views } = await client.classify({ text: "I want my money back, this is awful", options: { views: names } });

  assert.deepEqual(views.map((view) => view.name), names);
  assert.deepEqual(views[0].intents, ["refund/request"]);
  assert.deepEqual(Object.keys(views[2].numbers).sort(), ["MIXED", "NEGATIVE", "NEUTRAL", "POSITIVE"]);
});

for (const [views, field] of [[["no-such"], "options.views[0]"], [Array(17).fill("nps"), "options.views"]]) {
  test(`${views.length} views with ${views[0]} are refused`, async () => {
    const error = await failure(client.classify({ text: "hello", options: { views } }));

    assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
    const [violation, ...more] = detail(error, "BadRequest").field_violations;
    assert.deepEqual([violation.field, more], [field, []]);
    if (views.length === 1) assert.match(violation.description, /gorgias.*zendesk.*nps/);
  });
}

test("the mood falls over a conversation", async () => {
  const thread = [
    { author: "AUTHOR_CUSTOMER", text: "Hello, thank you so much, I love your shop!" },
    { author: "AUTHOR_AGENT", text: "You are welcome." },
    { author: "AUTHOR_CUSTOMER", text: "My order has not arrived yet. Where is it?" },
  ];

  const { thread_mood: mood } = await client.classify({ text: "This is a disgrace, I am furious!", thread });

  assert.equal(mood.trend, "MOOD_TREND_FALLING");
  assert.ok(mood.change < -0.25);
  assert.deepEqual(mood.earlier.map((one) => one.index), [0, 2]);
});

test("a changed policy answers without a failed call, a bad one changes nothing and says why", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "signalbox-policy-"));
  const file = path.join(folder, "shop.yaml");
  const source = readFileSync(path.join(ROOT, "config/policy.yaml"), "utf8");
  const put = (text) => {
    writeFileSync(`${file}.draft`, text);
    renameSync(`${file}.draft`, file);
  };
  put(source);
  const other = await startServer("--set", `policy.path=${file}`, "--set", 'policy.reload_interval="200ms"');
  const caller = connect(other.address);
  const seen = [];
  let running = true;
  const load = (async () => {
    while (running) seen.push((await caller.classify(ASKED)).routing.policy);
  })();
  try {
    put(source.replace("name: default", "name: second"));
    await waitUntil(() => seen.at(-1) === "second", 20_000, "the changed policy answers");
    put(source.replace("name: default", "name: third").replace('channel in ["email"', 'channel in ["emial"'));
    const faults = async () => (await caller.listPolicies({})).faults;
    await waitUntil(async () => (await faults()).length > 0, 20_000, "the fault is told");

    const [fault] = await faults();
    assert.equal(fault.origin, file);
    assert.match(fault.message, /shop\.yaml:\d+:\d+: channel has no value "emial" \(did you mean "email"\?\)/);
    assert.equal((await caller.getPolicy({})).policy.name, "second");
  } finally {
    running = false;
    await load;
    caller.close();
    await other.stop();
    rmSync(folder, { recursive: true });
  }
  assert.deepEqual([...new Set(seen)], ["default", "second"]);
});
