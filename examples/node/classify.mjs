// Classifies one message: node classify.mjs [ADDRESS] [TEXT]
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const includeDirs = [fileURLToPath(new URL("../../proto", import.meta.url))];
const options = { includeDirs, keepCase: true, defaults: true, enums: String };
const definition = loader.loadSync("signalbox/v1/classifier_service.proto", options);
const { ClassifierService } = grpc.loadPackageDefinition(definition).signalbox.v1;

const [address = "127.0.0.1:50051", text = "Where is my order? It was due on Monday!"] = process.argv.slice(2);
const client = new ClassifierService(address, grpc.credentials.createInsecure());
const classify = promisify(client.classify.bind(client));
const reply = await classify({ text }, { deadline: Date.now() + 5000 })
  .catch((error) => {
    console.error(`no answer from ${address}: ${grpc.status[error.code]}: ${error.details}`);
    process.exit(1);
  })
  .finally(() => client.close());

const { primary_intent: intent, abstention, group_fallback: group, polarity, routing } = reply;
const { action } = routing;
const signed = (score) => `${score < 0 ? "" : "+"}${score.toFixed(2)}`;
// PRIORITY_P2 as P2.
const word = (value, prefix) => value.slice(prefix.length);

console.log(`intent    ${intent ? `${intent.name} (${intent.probability.toFixed(2)})` : "-"}`);
if (abstention) {
  console.log(`unsure    ${word(abstention.reason, "ABSTAIN_REASON_")}: ${abstention.detail}`);
} else if (group) {
  console.log(`unsure    only the group is sure: ${group.name} (${group.probability.toFixed(2)})`);
}
console.log(`polarity  ${polarity ? `${polarity.label} (${signed(polarity.score)})` : "-"}`);
console.log(`flags     ${reply.flags.filter((flag) => flag.above).map((flag) => flag.name).join(", ") || "-"}`);
console.log(`entities  ${reply.entities.map((entity) => entity.value).join(", ") || "-"}`);
console.log(`queue     ${routing.queue}, ${word(routing.priority, "PRIORITY_")}`);
const what = [word(action.type, "ACTION_TYPE_"), action.flow || action.macro_id].filter(Boolean).join(" ");
console.log(`action    ${what} (${word(action.confidence_tier, "CONFIDENCE_TIER_")})`);
console.log(`rules     ${routing.matched_rules.join(", ") || "-"}`);
