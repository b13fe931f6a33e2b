// Models, status, health and reflection with the stock client of Node.js.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import grpc from "@grpc/grpc-js";
import { ROOT, collect, connect, detail, failure, startServer } from "./signalbox.mjs";

const SERVICES = [
  "signalbox.v1.ClassifierService",
  "signalbox.v1.FeedbackService",
  "signalbox.v1.ModelService",
  "signalbox.v1.PolicyService",
  "signalbox.v1.ServerService",
  "signalbox.v1.TaxonomyService",
];

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

test("the default model is listed and described", async () => {
  const { models } = await client.listModels({});
  const { model } = await client.getModel({});

  assert.deepEqual(models[0], model);
  assert.equal(model.is_default, true);
  assert.equal(model.state, "MODEL_STATE_READY");
  assert.deepEqual(model.heads.map((head) => head.name), ["primary", "intent", "polarity", "flags"]);
});

test("an unknown model is not found", async () => {
  const error = await failure(client.getModel({ name: "no-such-model" }));

  assert.equal(error.code, grpc.status.NOT_FOUND);
  assert.match(detail(error, "ResourceInfo").resource_name, /no-such-model/);
  assert.match(error.details, /loaded are default\//);
});

test("labels have names in the language asked for, else in English", async () => {
  const [english, german, unknown] = await Promise.all(
    ["", "de-CH", "hu"].map((language) => client.getTaxonomy({ language })),
  );

  const title = (taxonomy) => taxonomy.intents.find((entry) => entry.name === "order.status").display_name;
  assert.equal(title(english), "Order status");
  assert.equal(title(german), "Bestellstatus");
  assert.deepEqual(unknown, english);
  assert.ok(english.intents.find((entry) => entry.name === "order.status").aliases.includes("wismo"));
  assert.equal(english.views.length, 6);
});

test("the taxonomy of an unknown model is not found", async () => {
  const error = await failure(client.getTaxonomy({ model: "no-such-model" }));

  assert.equal(error.code, grpc.status.NOT_FOUND);
  assert.match(detail(error, "ResourceInfo").resource_name, /no-such-model/);
});

test("the policy inside the program decides for every tenant", async () => {
  const { policies, faults } = await client.listPolicies({});
  const { policy, source } = await client.getPolicy({ tenant: "anyone" });

  assert.deepEqual(policies, [policy]);
  assert.deepEqual(faults, []);
  assert.equal(policy.origin, "(embedded)");
  assert.equal(source, readFileSync(path.join(ROOT, "config/policy.yaml"), "utf8"));
  assert.equal(policy.digest, `sha256:${createHash("sha256").update(source).digest("hex")}`);
});

test("status counts what became of every message", async () => {
  await client.classify({ text: "hello" });
  await failure(client.classify({ text: "hello", channel: 99 }));

  const { state, counters, limits } = await client.getStatus({});

  assert.equal(state, "SERVER_STATE_SERVING");
  assert.equal(limits.max_text_chars, 65_536);
  const count = (name) => BigInt(counters[name]);
  const outcomes = ["answered", "shed", "expired", "cancelled", "failed", "in_flight"];
  assert.equal(count("offered"), outcomes.map(count).reduce((sum, value) => sum + value));
  assert.equal(count("answered"), 1n);
  assert.equal(count("rejected"), 1n);
});

for (const service of ["", ...SERVICES]) {
  test(`health of "${service}" is SERVING`, async () => {
    const watch = client.health.watch({ service });
    watch.on("error", () => {}); // cancelled below
    const [first] = await once(watch, "data");
    watch.cancel();

    assert.equal(first.status, "SERVING");
    assert.equal((await client.health.check({ service })).status, "SERVING");
  });
}

test("health of an unknown service", async () => {
  const watch = client.health.watch({ service: "no.such.Service" });
  watch.on("error", () => {}); // cancelled below
  const [first] = await once(watch, "data");
  watch.cancel();

  assert.equal(first.status, "SERVICE_UNKNOWN");
  const error = await failure(client.health.check({ service: "no.such.Service" }));
  assert.equal(error.code, grpc.status.NOT_FOUND);
});

test("reflection lists the services and finds their files", async () => {
  const call = client.reflect();
  call.write({ list_services: "*" });
  call.write({ file_containing_symbol: "signalbox.v1.ClassifierService" });
  call.end();

  const [listed, found] = await collect(call);

  const names = listed.list_services_response.service.map((service) => service.name);
  for (const service of SERVICES) assert.ok(names.includes(service), service);
  assert.ok(found.file_descriptor_response.file_descriptor_proto.length > 0);
});
