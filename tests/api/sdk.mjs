// Resend's own Node client, told by the environment alone where to send. Prints what it saw as JSON.
import { Resend } from "resend";

const resend = new Resend();
const email = { from: "Acme <hello@acme.example>", to: ["ann@mail.example"], subject: "Hello", text: "It works." };
const picture = { filename: "a.png", content: Buffer.from("not really"), contentId: "logo", contentType: "image/png" };

const sent = await resend.emails.send(
  { ...email, html: '<img src="cid:logo">', replyTo: "help@acme.example", attachments: [picture] },
  { idempotencyKey: "node/1" },
);
const again = await resend.emails.send(
  { ...email, html: '<img src="cid:logo">', replyTo: "help@acme.example", attachments: [picture] },
  { idempotencyKey: "node/1" },
);
const batch = await resend.batch.send([email, { ...email, to: "nobody" }], { batchValidation: "permissive" });
const got = await resend.emails.get(sent.data.id);
const listed = await resend.emails.list({ limit: 1 });
const later = await resend.emails.send({ ...email, scheduledAt: "in 1 hour" });
const updated = await resend.emails.update({ id: later.data.id, scheduledAt: "2035-01-31T09:30:00.000Z" });
const canceled = await resend.emails.cancel(later.data.id);
const refused = await resend.emails.send({ ...email, to: "nobody" });
const unknown = await new Resend("mr_wrong").emails.get(sent.data.id);

const letter = {
  name: "Order confirmed",
  alias: "order-confirmed",
  from: "Acme <hello@acme.example>",
  subject: "Order {{{ORDER}}}",
  html: "<p>{{{NAME}}}: {{{PRICE}}}</p>",
  replyTo: "help@acme.example",
  variables: [
    { key: "ORDER", type: "string" },
    { key: "NAME", type: "string", fallbackValue: "Friend" },
    { key: "PRICE", type: "number", fallbackValue: 25 },
  ],
};
const published = await resend.templates.create(letter).publish();
const template = await resend.templates.get("order-confirmed");
const filled = await resend.emails.send({ to: "ann@mail.example", template: { id: published.data.id, variables: { ORDER: "A-1" } } });
const missing = await resend.emails.send({ to: "ann@mail.example", template: { id: published.data.id } });
const changed = await resend.templates.update(published.data.id, { name: "Changed", variables: letter.variables });
const copied = await resend.templates.duplicate(published.data.id);
const templates = await resend.templates.list({ limit: 1 });
const removed = await resend.templates.remove(published.data.id);
const kept = { published, template, filled, changed, copied, templates, removed };

console.log(JSON.stringify({ sent, again, batch, got, listed, later, updated, canceled, refused, unknown, kept, missing }));
