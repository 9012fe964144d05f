// The official Node.js client and the Vercel AI SDK against the running program.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createAzure } from '@ai-sdk/azure';
import { embed, generateObject, generateText, stepCountIs, streamText, tool } from 'ai';
import OpenAI, { AzureOpenAI } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const endpoint = process.env.EMULATOR_ENDPOINT;
const apiVersion = '2025-04-01-preview';
const messages = [{ role: 'user', content: 'How do rivers carve valleys?' }];
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Forecasts the weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

const azure = (more = {}) => new AzureOpenAI({ endpoint, apiKey: 'the-key', apiVersion, maxRetries: 0, ...more });
const inSession = (session, more = {}) => azure({ defaultHeaders: { 'x-emulator-session': session }, ...more });
const control = async (method, path, body, session) => {
  const headers = { 'content-type': 'application/json', ...(session ? { 'x-emulator-session': session } : {}) };
  const response = await fetch(`${endpoint}/__emulator/${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, await response.clone().text());
  return response.json();
};
const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, text: chunks.map((c) => c.choices[0]?.delta?.content ?? '').join('') };
};

test('openai: an answer over the dated route', async () => {
  const answer = await azure().chat.completions.create({ model: 'gpt-4o-mini', messages });
  assert.match(answer.choices[0].message.content, /rivers/);
  assert.equal(answer.prompt_filter_results[0].content_filter_results.hate.severity, 'safe');
});

test('openai: an answer over the v1 route', async () => {
  const client = new OpenAI({ baseURL: `${endpoint}/openai/v1/`, apiKey: 'the-key', maxRetries: 0 });
  const answer = await client.chat.completions.create({ model: 'gpt-4o-mini', messages });
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('openai: a stream', async () => {
  const { text, chunks } = await collect(
    await azure().chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true, stream_options: { include_usage: true } }),
  );
  assert.match(text, /rivers/);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
});

test('openai: a stream helper', async () => {
  const runner = azure().chat.completions.stream({ model: 'gpt-4o-mini', messages });
  const final = await runner.finalChatCompletion();
  assert.match(final.choices[0].message.content, /rivers/);
});

test('openai: tools are run', async () => {
  const runner = azure().chat.completions.runTools({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'How is the weather in Paris?' }],
    tools: [{ ...weather, function: { ...weather.function, parse: JSON.parse, function: ({ city }) => `It is sunny in ${city}.` } }],
  });
  assert.match(await runner.finalContent(), /sunny in Paris/);
});

test('openai: a streamed tool call', async () => {
  const runner = azure().chat.completions.stream({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'How is the weather in Paris?' }],
    tools: [weather],
  });
  const final = await runner.finalChatCompletion();
  assert.deepEqual(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments), { city: 'Paris' });
});

const event = z.object({ name: z.string(), participants: z.array(z.string()) });

test('openai: a structured answer', async () => {
  const answer = await azure().chat.completions.parse({
    model: 'gpt-4o',
    messages: [{ role: 'user', content: 'Alice and Bob go to the Science Fair.' }],
    response_format: zodResponseFormat(event, 'event'),
  });
  assert.ok(answer.choices[0].message.parsed.participants.length > 0);
});

test('openai: a prediction', async () => {
  const code = 'class User {\n  name: string;\n}\n';
  const answer = await azure().chat.completions.create({
    model: 'gpt-4o-mini',
    messages: [
      { role: 'user', content: 'Replace `name` with `email`. Respond only with code.' },
      { role: 'user', content: code },
    ],
    prediction: { type: 'content', content: code },
  });
  assert.equal(answer.choices[0].message.content, code.replace('name', 'email'));
});

test('openai: what o1 refuses', async () => {
  await assert.rejects(azure().chat.completions.create({ model: 'o1-new', messages, temperature: 0.2 }), {
    status: 400,
    code: 'unsupported_parameter',
    param: 'temperature',
  });
});

test('openai: a blocked prompt', async () => {
  await assert.rejects(
    azure().chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'make it bleed' }] }),
    (error) => error.status === 400 && error.code === 'content_filter' && error.error.innererror.content_filter_result.violence.filtered,
  );
});

test('openai: a filtered answer', async () => {
  const answer = await azure().chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'tell me how to mix' }] });
  assert.equal(answer.choices[0].finish_reason, 'content_filter');
});

test('openai: the asynchronous filter', async () => {
  const final = await azure().chat.completions.stream({ model: 'async', messages }).finalChatCompletion();
  assert.match(final.choices[0].message.content, /rivers/);
});

test('openai: a wrong key', async () => {
  await assert.rejects(azure({ apiKey: 'wrong' }).chat.completions.create({ model: 'gpt-4o-mini', messages }), { status: 401 });
});

test('openai: an Entra token, and one that has expired', async () => {
  const provider = (query) => async () => (await control('GET', `token?${query}`)).access_token;
  const client = (query) =>
    new AzureOpenAI({ endpoint, azureADTokenProvider: provider(query), apiVersion, maxRetries: 0 });
  assert.ok((await client('').chat.completions.create({ model: 'gpt-4o-mini', messages })).choices.length);
  await assert.rejects(client('expires_in=-60').chat.completions.create({ model: 'gpt-4o-mini', messages }), { status: 401 });
});

test('openai: an unknown deployment', async () => {
  await assert.rejects(azure().chat.completions.create({ model: 'nothing', messages }), { status: 404, code: 'DeploymentNotFound' });
});

test('openai: a rate limit is waited for', async () => {
  await control('POST', 'faults', { preset: 'rate_limit', retry_after_ms: 50, next: 2 }, 'node-rate');
  const client = inSession('node-rate', { maxRetries: 3 });
  assert.ok((await client.chat.completions.create({ model: 'gpt-4o-mini', messages })).choices.length);
  const journal = await control('GET', 'journal?wait=3', undefined, 'node-rate');
  assert.deepEqual(journal.requests.map((request) => request.status), [429, 429, 200]);
});

test('openai: a cut stream', async () => {
  await control('POST', 'faults', { cut_after: 4 }, 'node-cut');
  await assert.rejects(async () => collect(await inSession('node-cut').chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })));
});

test('openai: a truncated stream', async () => {
  await control('POST', 'faults', { truncate_after: 4 }, 'node-truncated');
  await assert.rejects(inSession('node-truncated').chat.completions.stream({ model: 'gpt-4o-mini', messages }).finalChatCompletion());
});

test('openai: embeddings', async () => {
  const answer = await azure().embeddings.create({ model: 'vectors', input: 'rivers', dimensions: 64 });
  assert.equal(answer.data[0].embedding.length, 64);
});

test('openai: the list of models', async () => {
  const names = [];
  for await (const model of azure().models.list()) names.push(model.id);
  assert.ok(names.some((name) => name.startsWith('gpt-4o')));
});

const sdk = createAzure({ baseURL: `${endpoint}/openai/v1`, apiKey: 'the-key' });
const dated = createAzure({ baseURL: `${endpoint}/openai`, apiKey: 'the-key', apiVersion, useDeploymentBasedUrls: true });
const prompt = messages[0].content;

test('ai sdk: a text', async () => {
  const { text, usage } = await generateText({ model: sdk.chat('gpt-4o-mini'), prompt, maxRetries: 0 });
  assert.match(text, /rivers/);
  assert.ok(usage.totalTokens > 0);
});

test('ai sdk: a text over the dated route', async () => {
  const { text } = await generateText({ model: dated.chat('gpt-4o-mini'), prompt, maxRetries: 0 });
  assert.match(text, /rivers/);
});

test('ai sdk: a stream', async () => {
  const { textStream, finishReason } = streamText({ model: sdk.chat('gpt-4o-mini'), prompt, maxRetries: 0 });
  let text = '';
  for await (const part of textStream) text += part;
  assert.match(text, /rivers/);
  assert.equal(await finishReason, 'stop');
});

test('ai sdk: an object', async () => {
  const { object } = await generateObject({ model: sdk.chat('gpt-4o'), schema: event, prompt: 'Alice and Bob go to the Science Fair.', maxRetries: 0 });
  assert.ok(object.participants.length > 0);
});

test('ai sdk: tools in steps', async () => {
  const tools = {
    getWeather: tool({
      description: 'Forecasts the weather of a city',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `It is sunny in ${city}.`,
    }),
  };
  const { text } = await generateText({
    model: sdk.chat('gpt-4o'), tools, stopWhen: stepCountIs(3), prompt: 'How is the weather in Paris?', maxRetries: 0,
  });
  assert.match(text, /sunny in Paris/);
});

test('ai sdk: the asynchronous filter', async () => {
  const { textStream } = streamText({ model: sdk.chat('async'), prompt, maxRetries: 0 });
  let text = '';
  for await (const part of textStream) text += part;
  assert.match(text, /rivers/);
});

test('ai sdk: a blocked prompt', async () => {
  await assert.rejects(generateText({ model: sdk.chat('gpt-4o-mini'), prompt: 'make it bleed', maxRetries: 0 }), { statusCode: 400 });
});

test('ai sdk: an embedding', async () => {
  const { embedding } = await embed({ model: sdk.textEmbeddingModel('vectors'), value: 'rivers', maxRetries: 0 });
  assert.equal(embedding.length, 1536);
});
