import { describe, expect, test } from 'vitest';
import { singleFileFault, takesBatches } from '../../../src/packs/onnx-file.ts';
import { bytes, constantModel, graph, linearModel, model, tensor } from '../../support/onnx.ts';

const shape = { input: [1], output: [1] };
const external = tensor('w', [1], [], '../../etc/passwd');
const sound = graph({ ...shape, nodes: [] });
const OUTSIDE = 'weights lie outside the file';
const NO_MODEL = 'the file is no ONNX model';

describe('singleFileFault', () => {
  test('a model with its weights inside is sound', () => {
    expect(singleFileFault(linearModel(4, 4, 2, new Array(32).fill(1)))).toBeNull();
  });

  test('an initializer with external data is refused', () => {
    const nodes = [{ op: 'Add', inputs: ['x', 'w'], output: 'y' }];
    expect(singleFileFault(model(graph({ ...shape, nodes, initializers: [external] })))).toBe(OUTSIDE);
  });

  test('a constant node with external data is refused', () => {
    const nodes = [{ op: 'Constant', inputs: [], output: 'y', attributes: { value: { tensor: external } } }];
    expect(singleFileFault(model(graph({ ...shape, nodes })))).toBe(OUTSIDE);
  });

  test('external data deep in a branch of an If node is refused', () => {
    const branch = graph({ ...shape, nodes: [], initializers: [external] });
    const inner = graph({
      ...shape,
      nodes: [{ op: 'If', inputs: ['x'], output: 'y', attributes: { then_branch: { graph: branch } } }],
    });
    const nodes = [{ op: 'If', inputs: ['x'], output: 'y', attributes: { else_branch: { graph: inner } } }];
    expect(singleFileFault(model(graph({ ...shape, nodes })))).toBe(OUTSIDE);
  });

  const attribute = (field: number, value: Uint8Array) => bytes(5, bytes(field, value));
  const branch = graph({ ...shape, nodes: [], initializers: [external] });
  test.each<[string, Uint8Array]>([
    ['the values of a sparse initializer', bytes(15, bytes(1, external))],
    ['the indices of a sparse initializer', bytes(15, bytes(2, external))],
    ['a list of tensors', bytes(1, attribute(10, external))],
    ['a sparse constant', bytes(1, attribute(22, bytes(1, external)))],
    ['a list of sparse tensors', bytes(1, attribute(23, bytes(1, external)))],
    ['a list of graphs', bytes(1, attribute(11, branch))],
    ['a tensor that names a file alone', bytes(5, bytes(13, Buffer.from('w')))],
    ['a tensor that says external alone', bytes(5, Uint8Array.of(14 * 8, 1))],
  ])('external data of %s is refused', (_, field) => {
    expect(singleFileFault(model(sound))).toBeNull();
    expect(singleFileFault(model(Buffer.concat([sound, field])))).toBe(OUTSIDE);
  });

  test.each<[string, Uint8Array]>([
    ['a node', bytes(7, attribute(5, external))],
    ['an attribute’s default', bytes(11, bytes(5, external))],
  ])('external data of %s of a local function is refused', (_, field) => {
    expect(singleFileFault(Buffer.concat([model(sound), bytes(25, field)]))).toBe(OUTSIDE);
  });

  test('endless nesting ends as no model', () => {
    let body = graph({ ...shape, nodes: [] });
    for (let depth = 0; depth < 40; depth++) {
      body = graph({
        ...shape,
        nodes: [{ op: 'If', inputs: ['x'], output: 'y', attributes: { then_branch: { graph: body } } }],
      });
    }
    expect(singleFileFault(model(body))).toBe(NO_MODEL);
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['text', Buffer.from('this is no model at all, not even nearly')],
    ['a PNG', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['a model cut in the middle', linearModel(8, 8, 2, new Array(128).fill(1)).subarray(0, 300)],
    ['a model of two graphs', Buffer.concat([model(sound), bytes(7, sound)])],
    ['a number without end', Buffer.alloc(64, 0xff)],
  ])('%s is no model', (_, bytes) => {
    expect(singleFileFault(bytes)).toBe(NO_MODEL);
  });
});

describe('takesBatches', () => {
  test('is true where the first axis has a name, false where it has a size', () => {
    expect(takesBatches(linearModel(4, 4, 2, new Array(32).fill(1)))).toBe(true);
    expect(takesBatches(constantModel([1, 1, 4, 4], [1], [0]))).toBe(false);
  });
});
