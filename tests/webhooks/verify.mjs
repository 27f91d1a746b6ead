// Verifies a webhook, given on stdin as {secret, body, headers}, as a receiver would. Prints what it saw as JSON.
import { readFileSync } from "node:fs";
import { Resend } from "resend";
import { Webhook } from "standardwebhooks";

const { secret, body, headers } = JSON.parse(readFileSync(0, "utf8"));

function seen(verify) {
  try {
    return { event: verify() };
  } catch (error) {
    return { error: error.constructor.name };
  }
}

function byResend(payload, webhookSecret = secret) {
  const [id, timestamp, signature] = ["id", "timestamp", "signature"].map((name) => headers[`svix-${name}`]);
  return new Resend("re_x").webhooks.verify({ payload, headers: { id, timestamp, signature }, webhookSecret });
}

const forged = body.replace("550", "551");
const other = `whsec_${Buffer.alloc(32).toString("base64")}`;

console.log(
  JSON.stringify({
    standard: seen(() => new Webhook(secret).verify(body, headers)),
    resend: seen(() => byResend(body)),
    standard_forged: seen(() => new Webhook(secret).verify(forged, headers)),
    resend_forged: seen(() => byResend(forged)),
    resend_other: seen(() => byResend(body, other)),
  }),
);
