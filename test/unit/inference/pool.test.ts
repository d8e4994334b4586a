import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { ModelUnavailable } from '../../../src/contracts/reasons.ts';
import { InferencePool, startWorker } from '../../../src/inference/pool.ts';
import type { ModelSpec } from '../../../src/inference/protocol.ts';
import { busyModel, constantModel, graph, linearModel, model, tensor } from '../../support/onnx.ts';

const SETTINGS = { providers: ['cpu'], intraOpNumThreads: 1 };
const pools: InferencePool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function openPool(size = 1, settings = SETTINGS, spawn = startWorker): InferencePool {
  const pool = new InferencePool(size, settings, spawn);
  pools.push(pool);
  return pool;
}

function spec(bytes: Uint8Array, input: Array<number | null>, output: Array<number | null>, key = 'key'): ModelSpec {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return { key, memberId: 'net', bytes: shared, input, output };
}

const BUSY = spec(busyModel([1, 1, 512, 512], 60), [1, 1, 512, 512], [1, 1, 512, 512], 'busy');
const busyInput = () => ({ dims: [1, 1, 512, 512], data: new Float32Array(512 * 512).fill(0.5) });
const SUM = spec(linearModel(2, 2, 1, [1, 10, 100, 1000]), [null, 1, 2, 2], [null, 1], 'sum');
const sumInput = () => ({ dims: [2, 1, 2, 2], data: Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]) });

describe('InferencePool', () => {
  test('runs a batch and says which provider ran', async () => {
    const result = await openPool().run(SUM, sumInput());
    expect(result.output).toEqual({ dims: [2, 1], data: Float32Array.from([4321, 8765]) });
    expect(result.provider).toBe('cpu');
    expect(result.ms).toBeGreaterThan(0);
  });

  test('takes the input over without a copy', async () => {
    const input = sumInput();
    await openPool().run(SUM, input);
    expect(input.data).toHaveLength(0);
  });

  test('an input that was handed over before is refused, and the thread lives on', async () => {
    const pool = openPool();
    const input = sumInput();
    await pool.run(SUM, input);
    await expect(pool.run(SUM, input)).rejects.toThrow('net: its input is empty, or was handed over before');
    await expect(pool.run(SUM, sumInput())).resolves.toBeDefined();
  });

  test('the event loop runs on while a network computes', async () => {
    const pool = openPool();
    await pool.load(BUSY);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await pool.run(BUSY, busyInput());
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  test('a provider whose library is missing falls back, and the one that ran is recorded', async () => {
    const pool = openPool(1, { ...SETTINGS, providers: ['no-such-provider', 'cpu'] });
    await expect(pool.run(SUM, sumInput())).resolves.toMatchObject({ provider: 'cpu' });
  });

  test('without any provider left the model is unavailable', async () => {
    const pool = openPool(1, { ...SETTINGS, providers: ['no-such-provider'] });
    await expect(pool.run(SUM, sumInput())).rejects.toBeInstanceOf(ModelUnavailable);
  });

  test.each<[string, ModelSpec, RegExp]>([
    ['bytes that are no model', spec(Buffer.from('no model'), [1], [1]), /cannot load/],
    ['another input than promised', { ...SUM, input: [null, 3, 2, 2] }, /input is batch x 1 x 2 x 2/],
    ['another output than promised', { ...SUM, output: [null, 2] }, /output is/],
    [
      'an output of another rank',
      spec(constantModel([1, 1, 2, 2], [1, 5, 2], new Array(10).fill(0)), [1, 1, 2, 2], [1, 5]),
      /output is/,
    ],
    [
      'an operator that does not exist',
      spec(
        model(graph({ nodes: [{ op: 'Nonsense', inputs: ['x'], output: 'y' }], input: [1], output: [1] })),
        [1],
        [1],
      ),
      /cannot load/,
    ],
    [
      'weights of the wrong size',
      spec(
        model(
          graph({
            nodes: [{ op: 'MatMul', inputs: ['x', 'w'], output: 'y' }],
            initializers: [tensor('w', [3, 1], [1, 2, 3])],
            input: [1, 2],
            output: [1, 1],
          }),
        ),
        [1, 2],
        [1, 1],
      ),
      /cannot load/,
    ],
  ])('%s is unavailable, and the thread lives on', async (_, broken, message) => {
    const pool = openPool();
    const failure = pool.run(broken, { dims: [1], data: new Float32Array(1) });
    await expect(failure).rejects.toBeInstanceOf(ModelUnavailable);
    await expect(failure).rejects.toThrow(message);
    await expect(pool.run(SUM, sumInput())).resolves.toMatchObject({ output: { dims: [2, 1] } });
  });

  test('an input of another size fails as an error of the run, and the thread lives on', async () => {
    const pool = openPool();
    const failure = pool.run(SUM, { dims: [1, 1, 3, 3], data: new Float32Array(9) });
    await expect(failure).rejects.toThrow('net: the network failed');
    await expect(failure).rejects.not.toBeInstanceOf(ModelUnavailable);
    await expect(pool.run(SUM, sumInput())).resolves.toBeDefined();
  });

  test('a thread that dies fails its own job alone and is replaced', async () => {
    // It leaves by itself: to end a thread from outside while it is inside native code aborts the process.
    const leavesAtRun = `
      const { parentPort } = require('node:worker_threads');
      parentPort.on('message', ({ id, kind }) => {
        if (kind === 'run') process.exit(1);
        parentPort.postMessage({ id, kind: 'loaded', provider: 'cpu' });
      });`;
    const starts = [() => new Worker(leavesAtRun, { eval: true }), () => startWorker(SETTINGS)];
    const pool = openPool(1, SETTINGS, () => starts.shift()!());
    await pool.load(BUSY);
    const dying = pool.run(BUSY, busyInput());
    const handedAhead = pool.run(BUSY, busyInput());
    const waiting = pool.run(SUM, sumInput());
    await expect(dying).rejects.toThrow('the inference thread stopped');
    await expect(handedAhead).resolves.toMatchObject({ output: { dims: [1, 1, 512, 512] } });
    await expect(waiting).resolves.toMatchObject({ output: { dims: [2, 1] } });
    expect(starts).toHaveLength(0);
  });

  test('a busy thread holds the next job already, and no more than that', async () => {
    // Answers runs by how many it holds, once nothing more has come for a while.
    const counting = `
      const { parentPort } = require('node:worker_threads');
      let held = [];
      let timer;
      const answer = () => {
        const data = Float32Array.of(held.length);
        for (const id of held) parentPort.postMessage({ id, kind: 'output', dims: [1], data, ms: 1, provider: 'cpu' });
        held = [];
      };
      parentPort.on('message', ({ id, kind }) => {
        if (kind === 'load') return parentPort.postMessage({ id, kind: 'loaded', provider: 'cpu' });
        held.push(id);
        clearTimeout(timer);
        timer = setTimeout(answer, 200);
      });`;
    const pool = openPool(1, SETTINGS, () => new Worker(counting, { eval: true }));
    await pool.load(SUM);
    const results = await Promise.all([1, 2, 3].map(() => pool.run(SUM, sumInput())));
    expect(results.map(({ output }) => [...output.data])).toEqual([[2], [2], [1]]);
  });

  test('threads that cannot start or die at once fail their jobs, and a later one serves', async () => {
    const starts = [
      () => {
        throw new Error('no thread');
      },
      () => new Worker('throw new Error("dead at once")', { eval: true }),
      () => startWorker(SETTINGS),
    ];
    const pool = openPool(1, SETTINGS, () => starts.shift()!());
    await expect(pool.run(SUM, sumInput())).rejects.toThrow('no inference thread can be started');
    await expect(pool.run(SUM, sumInput())).rejects.toThrow('the inference thread stopped');
    await expect(pool.run(SUM, sumInput())).resolves.toBeDefined();
  });

  test('many jobs share the threads and each gets its own answer', async () => {
    const pool = openPool(2);
    const jobs = Array.from({ length: 20 }, (_, index) =>
      pool.run(SUM, { dims: [1, 1, 2, 2], data: Float32Array.from([index, 0, 0, 0]) }),
    );
    const results = await Promise.all(jobs);
    expect(results.map(({ output }) => output.data[0])).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('closing fails the job inside a network at once, and ends its thread after it', async () => {
    const pool = openPool();
    await pool.load(BUSY);
    const failed = expect(pool.run(BUSY, busyInput())).rejects.toThrow('the inference pool is closed');
    await pool.close();
    await failed;
  });

  test('a closed pool refuses work and fails what waits', async () => {
    const pool = openPool();
    const running = pool.run(BUSY, busyInput());
    const waiting = pool.run(SUM, sumInput());
    const settled = Promise.allSettled([running, waiting]);
    await pool.close();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(pool.run(SUM, sumInput())).rejects.toThrow('closed');
  });
});
