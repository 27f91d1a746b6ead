// Compiles each schema of the OpenAPI document as JavaScript's validators do, and tries the values of standard
// input: {"document": ..., "values": [[schema, value], ...]}. Prints the mistakes as JSON.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";

const { document, values } = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv.default({ strict: false, unicodeRegExp: true });
formats.default(ajv);
ajv.addSchema(document, "openapi");
const compiled = {}, refused = {};
for (const name of Object.keys(document.components.schemas)) {
  try {
    compiled[name] = ajv.getSchema(`openapi#/components/schemas/${name}`);
  } catch (error) {
    refused[name] = error.message;
  }
}
const judged = values.map(([name, value]) => compiled[name]?.(value) ?? null);
console.log(JSON.stringify({ refused, judged }));
