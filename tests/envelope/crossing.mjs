/**
 * Seals and opens in Node with web/shared/envelope.ts, for test_crossing.py: one JSON request per line in, one answer per line out.
 * It must never be given a real key.
 */
import { createInterface } from "node:readline";
import { decodeText, encodeText, open, seal } from "../../web/shared/envelope.ts";
import { SUITES } from "../../web/shared/suites.ts";
import { bytesOf, contextOf, importKeyPair } from "../../web/shared/vectors.ts";

const suiteOf = (request) => SUITES.find((suite) => suite.id === Number(request.suite));

const operations = {
  async seal(request) {
    const context = contextOf((name) => request[name]);
    const key = bytesOf(request.key_hex);
    const publicKey = bytesOf(request.public_key);
    return { envelope: encodeText(await seal(key, suiteOf(request), publicKey, context)) };
  },
  async open(request) {
    const context = contextOf((name) => request[name]);
    const suite = suiteOf(request);
    const keys = await importKeyPair(suite, request.private_key, request.public_key);
    const key = await open(decodeText(request.envelope), suite, keys, context);
    return { key: new TextDecoder().decode(key) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const answer = await operations[request.operation](request).catch((error) => ({
    code: error.code,
    message: error.message,
    hint: error.hint,
  }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
