// Calls of node's openai: `node node.mjs PROJECT PACKAGE CASE URL` prints what it got as JSON.
// PROJECT has the package in its node_modules. A call that throws prints the error as its users see it.
import { createRequire } from "node:module";

const [project, name, which, url] = process.argv.slice(2);
const OpenAI = createRequire(`${project}/`)(name);

// The mockgpt fixture sets it for the clients; AzureOpenAI refuses an endpoint beside it.
delete process.env.OPENAI_BASE_URL;

const options = { apiKey: "sk-of-the-test", maxRetries: 0 };
const client = new OpenAI({ ...options, baseURL: `${url}/v1` });
const messages = [{ role: "user", content: "Say this message is from apigpt.cloud!" }];
const chat = { model: "gpt-3.5-turbo", messages };
const completion = { model: "gpt-3.5-turbo", prompt: "I am a", max_tokens: 7 };
const embedding = { model: "text-embedding-ada-002", input: "The food was delicious and the waiter..." };
const headers = { "Content-Type": "application/json", Authorization: "Bearer sk-of-the-test" };

const azure = (more) => new OpenAI.AzureOpenAI({ ...options, apiVersion: "2023-05-15", ...more });

async function gathered(stream) {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

const seen = async (response) => ({
  status: response.status,
  headers: Object.fromEntries(response.headers),
  text: await response.text(),
});

const cases = {
  chat: () => client.chat.completions.create(chat),
  stream: () => gathered(client.chat.completions.create({ ...chat, stream: true })),
  stream_with_usage: () =>
    gathered(
      client.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } }),
    ),
  async stream_helper() {
    const { completions } = client.chat.completions.stream ? client.chat : client.beta.chat;
    return (await completions.stream(chat).finalChatCompletion()).choices;
  },
  completion: () => client.completions.create(completion),
  completion_stream: () => gathered(client.completions.create({ ...completion, stream: true })),
  embeddings: async () => [
    await client.embeddings.create(embedding),
    await client.embeddings.create({ ...embedding, encoding_format: "float" }),
  ],
  models: async () => (await gathered(client.models.list())).map((model) => model.id),
  // With two retries, and without the waits before them.
  fifty_that_retry: () =>
    Promise.all(
      Array.from({ length: 50 }, async (_, number) => {
        const client = new OpenAI({ ...options, baseURL: `${url}/v1`, maxRetries: 2 });
        client.calculateDefaultRetryTimeoutMillis = () => 1;
        const messages = [{ role: "user", content: `question ${number}` }];
        const ask = async () => (await client.chat.completions.create({ ...chat, messages })).choices[0].message.content;
        return [await ask(), await ask()];
      }),
    ),
  async headers() {
    const { data, response } = await client.chat.completions.create({ ...chat, n: 2, user: "me" }).withResponse();
    return { id: data._request_id, headers: Object.fromEntries(response.headers) };
  },
  azure: () => azure({ endpoint: url }).chat.completions.create({ ...chat, model: "gpt-35-turbo" }),
  azure_deployment: () => azure({ endpoint: url, deployment: "silu" }).embeddings.create(embedding),
  azure_base_url: () =>
    azure({ baseURL: `${url}/v1` }).chat.completions.create({ ...chat, model: "gpt-35-turbo" }),

  // With the client's own number of retries: what is refused must not be asked again.
  too_warm: () =>
    new OpenAI({ apiKey: "k", baseURL: `${url}/v1` }).chat.completions.create({ ...chat, temperature: 2.5 }),
  too_warm_stream: () => client.chat.completions.create({ ...chat, temperature: 2.5, stream: true }),
  unknown_model: () => client.chat.completions.create({ ...chat, model: "gpt-5" }),
  images: () => client.images.generate({ prompt: "a cat" }),
  responses: () => client.responses.create({ model: "gpt-4", input: "Hello" }),
  too_long: () => client.chat.completions.create({ ...chat, max_tokens: 4080 }),

  fetch: async () =>
    seen(await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify({ messages }) })),
  async fetch_streamed_body() {
    const body = new Blob([JSON.stringify({ messages, stream: true })]).stream();
    return seen(await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body, duplex: "half" }));
  },
  preflight: async () =>
    seen(
      await fetch(`${url}/v1/chat/completions`, {
        method: "OPTIONS",
        headers: {
          Origin: "http://localhost:3000",
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
        },
      }),
    ),
};

let got;
try {
  got = await cases[which]();
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  const { status, code, type, param, message, error: body } = error;
  got = { class: error.constructor.name, status, code, type, param, message, body };
}
process.stdout.write(JSON.stringify(got));
