// Vercel's AI SDK, unmodified, through Sealgate: a base URL and a session token instead of a key.
//
// Counterpart: `langchain_tour.py`, the same for LangChain. README.md says how to run it.

import { createOpenAI } from "@ai-sdk/openai";
import * as ai from "ai";

const { embedMany, generateImage, generateText, jsonSchema, Output, streamText, tool } = ai;
const env = { MODEL: "gpt-sim", EMBEDDER: "text-embedding-3-small", ...process.env };
const openai = createOpenAI({ baseURL: env.BASE_URL, apiKey: env.TOKEN });
const ask = { system: "You are kind.", prompt: "Say something about gardens in two sentences.", maxRetries: 0 };

const letter = jsonSchema({
  type: "object",
  properties: { subject: { type: "string" }, body: { type: "string" } },
  required: ["subject", "body"],
  additionalProperties: false,
});
const weather = tool({
  description: "The weather in a town",
  inputSchema: jsonSchema({ type: "object", properties: { town: { type: "string" } }, required: ["town"] }),
});

/** Text of one API, whole and streamed, with a tool and with a schema on offer. */
async function texts(model) {
  const whole = await generateText({ model, ...ask });
  const stream = streamText({ model, ...ask });
  const pieces = [];
  for await (const piece of stream.textStream) pieces.push(piece);
  const withTool = await generateText({ model, ...ask, tools: { weather } });
  let withSchema = "";
  try {
    const formed = await generateText({ model, ...ask, output: Output.object({ schema: letter }) });
    withSchema = formed.text;
  } catch (error) {
    withSchema = error.text ?? ""; // the stand-in writes prose where a model would write JSON
  }
  return {
    whole: whole.text,
    streamed: pieces.join(""),
    pieces: pieces.length,
    usage: await stream.usage,
    finish: await stream.finishReason,
    with_tool: withTool.text !== "" || withTool.toolCalls.length > 0,
    with_schema: withSchema !== "",
  };
}

async function media() {
  const made = await generateImage({ model: openai.image("gpt-image-sim"), prompt: "a lark", maxRetries: 0 });
  const speak = ai.generateSpeech ?? ai.experimental_generateSpeech;
  const listen = ai.transcribe ?? ai.experimental_transcribe;
  const sound = await speak({ model: openai.speech("tts-sim"), text: "two words", voice: "alloy", maxRetries: 0 });
  const audio = sound.audio.uint8Array;
  const heard = await listen({ model: openai.transcription("transcribe-sim"), audio, maxRetries: 0 });
  return { png: Buffer.from(made.image.uint8Array).toString("latin1").slice(1, 4), bytes: audio.length, heard: heard.text };
}

async function refusal() {
  try {
    await generateText({ model: openai.chat("gpt-unknown"), ...ask });
  } catch (error) {
    return { status: error.statusCode, code: JSON.parse(error.responseBody).error.code };
  }
  throw new Error("a model that is not offered was answered");
}

const vectors = await embedMany({
  model: openai.embedding(env.EMBEDDER),
  values: ["a lark", "a heron"],
  maxRetries: 0,
});
console.log(
  JSON.stringify({
    chat: await texts(openai.chat(env.MODEL)),
    responses: await texts(openai.responses(env.MODEL)),
    embeddings: { vectors: vectors.embeddings.map((each) => each.length) },
    media: await media(),
    refusal: await refusal(),
  }),
);
