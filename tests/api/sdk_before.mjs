// Older clients of Resend, told by the environment alone where to send. Prints what they saw as JSON.
const email = { from: "Acme <hello@acme.example>", to: "ann@mail.example", subject: "Hello", text: "It works." };
const attachments = [{ filename: "a.bin", content: Buffer.from([0, 1, 254, 255]) }];

const seen = {};
for (const version of ["resend-3", "resend-4"]) {
  const { Resend } = await import(version);
  const resend = new Resend(process.env.RESEND_API_KEY);
  const sent = await resend.emails.send({ ...email, subject: version, attachments });
  const got = await resend.emails.get(sent.data?.id);
  const refused = await resend.emails.send({ ...email, to: "nobody" });
  const batch = await resend.batch.send([email, email]);
  seen[version] = { sent, got, refused, batch };
}
console.log(JSON.stringify(seen));
