// One attempt a case with node's openai: what does its user see?
// `node faults.mjs PROJECT PACKAGE URL` reads groups of cases from standard input, takes the cases of
// each at once, and prints what each of them came to.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";

const [project, name, url] = process.argv.slice(2);
const OpenAI = createRequire(`${project}/`)(name);
const client = new OpenAI({ apiKey: "k", baseURL: `${url}/v1`, maxRetries: 0 });

const GRACE = 500; // ms: who has not ended so long after the time-out will not

async function ask({ user, stream, timeout }, got) {
  const asked = { model: "gpt-4", messages: [{ role: "user", content: user }], stream };
  try {
    const answer = await client.chat.completions.create(asked, { timeout: timeout * 1000 });
    for await (const part of stream ? answer : [answer]) {
      const [choice] = part.choices;
      got.text += (stream ? choice.delta : choice.message).content ?? "";
      got.finish = choice.finish_reason;
    }
  } catch (error) {
    const kind = error.constructor.name;
    got.raised = error instanceof OpenAI.OpenAIError ? `OpenAI.${kind}` : kind;
  }
}

async function seen(one) {
  const got = { text: "", finish: null, raised: null };
  const begun = performance.now();
  // One timer behind the other: on a slow machine a single one may come before the client's own.
  const late = setTimeout(one.timeout * 1000).then(() => setTimeout(GRACE, "late"));
  got.hangs = (await Promise.race([ask(one, got), late])) === "late";
  got.seconds = (performance.now() - begun) / 1000;
  return got;
}

const all = [];
for (const group of JSON.parse(readFileSync(0))) all.push(...(await Promise.all(group.map(seen))));
process.stdout.write(JSON.stringify(all), () => process.exit()); // whatever still hangs
