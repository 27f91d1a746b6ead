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

console.log(JSON.stringify({ sent, again, batch, got, listed, later, updated, canceled, refused, unknown }));
