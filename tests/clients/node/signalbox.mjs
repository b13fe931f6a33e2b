// The server as a child process, and stock gRPC clients for it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import health from "grpc-health-check";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BINARY = process.env.SIGNALBOX_BIN ?? path.join(ROOT, "target/debug/signalbox");
// Settings of whoever runs the tests must not reach the server.
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SIGNALBOX_")));
const OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
// A debug build needs a while for its model; nothing waits that long when all is well.
const START_TIMEOUT_MS = 120_000;
const CALL_TIMEOUT_MS = 60_000;

const load = (file, ...includeDirs) => loader.loadSync(file, { ...OPTIONS, includeDirs });
const proto = path.join(ROOT, "proto");
const { signalbox } = grpc.loadPackageDefinition({
  ...load("signalbox/v1/classifier_service.proto", proto),
  ...load("signalbox/v1/model_service.proto", proto),
  ...load("signalbox/v1/policy_service.proto", proto),
  ...load("signalbox/v1/server_service.proto", proto),
  ...load("signalbox/v1/taxonomy_service.proto", proto),
});
const { Health } = grpc.loadPackageDefinition(load(health.protoPath)).grpc.health.v1;
const reflectionProto = path.join(
  path.dirname(createRequire(import.meta.url).resolve("@grpc/reflection")),
  "../proto/grpc/reflection/v1/reflection.proto",
);
const { ServerReflection } = grpc.loadPackageDefinition(load(reflectionProto)).grpc.reflection.v1;
const rpc = load(fileURLToPath(new URL("google_rpc.proto", import.meta.url)));

/** Polls until `condition` returns something true, and returns that. */
export async function waitUntil(condition, timeoutMs, what) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `not within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}

/** Starts `signalbox serve` with more flags and returns it once health says SERVING. */
export async function startServer(...flags) {
  const folder = mkdtempSync(path.join(tmpdir(), "signalbox-"));
  const portFile = path.join(folder, "port");
  const log = openSync(path.join(folder, "log"), "a");
  const args = ["serve", "--listen", "127.0.0.1:0", "--port-file", portFile, ...flags];
  const child = spawn(BINARY, args, { env: ENVIRONMENT, stdio: ["ignore", log, log] });
  const exited = once(child, "exit");
  exited.catch(() => {});
  const stop = async () => {
    child.kill("SIGTERM");
    const [code] = await exited;
    rmSync(folder, { recursive: true });
    assert.equal(code, 0, "exit status after SIGTERM");
  };
  const address = await waitUntil(() => {
    assert.equal(child.exitCode, null, readFileSync(path.join(folder, "log"), "utf8"));
    const line = existsSync(portFile) ? readFileSync(portFile, "utf8") : "";
    return line.endsWith("\n") && line.trim();
  }, START_TIMEOUT_MS, "listening");
  const client = connect(address);
  const serving = async () => (await client.health.check({}).catch(() => ({}))).status === "SERVING";
  await waitUntil(serving, START_TIMEOUT_MS, "SERVING");
  client.close();
  return { address, stop };
}

/** Opens clients of every service; unary methods return promises. */
export function connect(address) {
  const credentials = grpc.credentials.createInsecure();
  const services = {
    classifier: new signalbox.v1.ClassifierService(address, credentials),
    models: new signalbox.v1.ModelService(address, credentials),
    policies: new signalbox.v1.PolicyService(address, credentials),
    server: new signalbox.v1.ServerService(address, credentials),
    taxonomies: new signalbox.v1.TaxonomyService(address, credentials),
    health: new Health(address, credentials),
    reflection: new ServerReflection(address, credentials),
  };
  const unary = (service, method) => (request, timeoutMs = CALL_TIMEOUT_MS) =>
    promisify(service[method].bind(service))(request, { deadline: Date.now() + timeoutMs });
  return {
    classify: unary(services.classifier, "classify"),
    classifyBatch: unary(services.classifier, "classifyBatch"),
    classifyStream: () => services.classifier.classifyStream({ deadline: Date.now() + CALL_TIMEOUT_MS }),
    listModels: unary(services.models, "listModels"),
    getModel: unary(services.models, "getModel"),
    listPolicies: unary(services.policies, "listPolicies"),
    getPolicy: unary(services.policies, "getPolicy"),
    getTaxonomy: unary(services.taxonomies, "getTaxonomy"),
    getStatus: unary(services.server, "getStatus"),
    health: { check: unary(services.health, "check"), watch: (request) => services.health.watch(request) },
    reflect: () => services.reflection.serverReflectionInfo({ deadline: Date.now() + CALL_TIMEOUT_MS }),
    close: () => Object.values(services).forEach((service) => service.close()),
  };
}

/** Returns the detail of this kind (such as "BadRequest") from `grpc-status-details-bin`. */
export function detail(error, kind) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  assert.ok(bytes, `no grpc-status-details-bin: ${error}`);
  const status = rpc["google.rpc.Status"].deserialize(bytes);
  assert.equal(status.code, error.code);
  const found = status.details.find((one) => one.type_url === `type.googleapis.com/google.rpc.${kind}`);
  assert.ok(found, `no ${kind} in ${JSON.stringify(status)}`);
  return rpc[`google.rpc.${kind}`].deserialize(found.value);
}

/** Makes a `google.protobuf.Timestamp` of RFC 3339. */
export function timestamp(text) {
  return { seconds: Date.parse(text) / 1000, nanos: 0 };
}

/** Returns the error that a call ends with. */
export async function failure(promise) {
  return promise.then(
    (reply) => assert.fail(`answered: ${JSON.stringify(reply)}`),
    (error) => error,
  );
}

/** Returns everything that a stream of replies gives until it ends well. */
export async function collect(call) {
  const replies = [];
  for await (const reply of call) replies.push(reply);
  return replies;
}
