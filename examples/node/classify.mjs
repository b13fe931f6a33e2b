// Classifies one message: node classify.mjs [ADDRESS] [TEXT]
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const includeDirs = [fileURLToPath(new URL("../../proto", import.meta.url))];
const options = { includeDirs, keepCase: true, defaults: true };
const definition = loader.loadSync("signalbox/v1/classifier_service.proto", options);
const { ClassifierService } = grpc.loadPackageDefinition(definition).signalbox.v1;

const [address = "127.0.0.1:50051", text = "Where is my order? It was due on Monday!"] = process.argv.slice(2);
const client = new ClassifierService(address, grpc.credentials.createInsecure());
const classify = promisify(client.classify.bind(client));
const reply = await classify({ text }, { deadline: Date.now() + 5000 }).finally(() => client.close());

console.log(`intent    ${reply.primary_intent?.name} (${reply.primary_intent?.probability.toFixed(2)})`);
console.log(`polarity  ${reply.polarity?.label} (${reply.polarity?.score.toFixed(2)})`);
console.log(`flags     ${reply.flags.filter((flag) => flag.above).map((flag) => flag.name).join(", ") || "-"}`);
