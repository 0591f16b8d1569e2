// Runs recorded calls of graphs in WebAssembly, one thread, and says which outputs have other bytes.
// node wasm.mjs FOLDER, beside a node_modules that has onnxruntime-web; see wasm.py.
import fs from 'node:fs';
import path from 'node:path';
import * as ort from 'onnxruntime-web';

const folder = process.argv[2];
const arrays = { uint8: Uint8Array, int8: Int8Array, int32: Int32Array, float32: Float32Array, int64: BigInt64Array };
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const sessions = new Map();
async function session(file) {
  if (!sessions.has(file)) {
    const options = { executionProviders: ['wasm'], graphOptimizationLevel: 'disabled' };
    sessions.set(file, await ort.InferenceSession.create(fs.readFileSync(path.join(folder, file)), options));
  }
  return sessions.get(file);
}

function tensor({ file, type, shape }) {
  const bytes = fs.readFileSync(path.join(folder, file));
  const data = new arrays[type](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return new ort.Tensor(type, data, shape);
}

const calls = JSON.parse(fs.readFileSync(path.join(folder, 'calls.json'), 'utf8'));
const wrong = [];
for (const [number, call] of calls.entries()) {
  const run = await session(call.graph);
  const found = await run.run(Object.fromEntries(call.inputs.map((input) => [input.name, tensor(input)])));
  const same = run.outputNames.every((name, k) => {
    const { data } = found[name];
    const expected = fs.readFileSync(path.join(folder, call.outputs[k].file));
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength).equals(expected);
  });
  if (!same) wrong.push(number);
}
console.log(JSON.stringify({ calls: calls.length, wrong }));
