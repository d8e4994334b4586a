/**
 * Writes tiny ONNX models by hand: protobuf fields of onnx.proto, just enough for tests. Values are little endian.
 */
type Bytes = Uint8Array;

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

const number = (field: number, value: number): Bytes => Buffer.concat([varint(field * 8), varint(value)]);
/** A field of bytes: behind another message it becomes one of that message's fields. */
export const bytes = (field: number, value: Bytes): Bytes =>
  Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
const text = (field: number, value: string): Bytes => bytes(field, Buffer.from(value));
const message = (...fields: Bytes[]): Bytes => Buffer.concat(fields);

const FLOAT = 1;

/** A float32 tensor; `external` names a file instead of holding the values. */
export function tensor(name: string, dims: readonly number[], values: readonly number[], external?: string): Bytes {
  const head = [...dims.map((size) => number(1, size)), number(2, FLOAT), text(8, name)];
  if (external === undefined) return message(...head, bytes(9, Buffer.from(Float32Array.from(values).buffer)));
  return message(...head, bytes(13, message(text(1, 'location'), text(2, external))), number(14, 1));
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Fields of AttributeProto by attribute name: a tensor, a graph or an integer. */
  readonly attributes?: Readonly<Record<string, { tensor: Bytes } | { graph: Bytes } | { int: number }>>;
}

function node({ op, inputs, output, attributes = {} }: NodeSpec): Bytes {
  const written = Object.entries(attributes).map(([name, value]) => {
    const content =
      'tensor' in value
        ? [bytes(5, value.tensor), number(20, 4)]
        : 'graph' in value
          ? [bytes(6, value.graph), number(20, 5)]
          : [number(3, value.int), number(20, 2)];
    return bytes(5, message(text(1, name), ...content));
  });
  return message(...inputs.map((input) => text(1, input)), text(2, output), text(4, op), ...written);
}

function valueInfo(name: string, dims: ReadonlyArray<number | string>): Bytes {
  const shape = message(...dims.map((size) => bytes(1, typeof size === 'number' ? number(1, size) : text(2, size))));
  const type = bytes(1, message(number(1, FLOAT), bytes(2, shape)));
  return message(text(1, name), bytes(2, type));
}

export interface GraphSpec {
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: readonly Bytes[];
  readonly input: ReadonlyArray<number | string>;
  readonly output: ReadonlyArray<number | string>;
}

/** A graph with one float32 input `x` and one output `y`. */
export function graph({ nodes, initializers = [], input, output }: GraphSpec): Bytes {
  return message(
    ...nodes.map((spec) => bytes(1, node(spec))),
    text(2, 'tiny'),
    ...initializers.map((initializer) => bytes(5, initializer)),
    bytes(11, valueInfo('x', input)),
    bytes(12, valueInfo('y', output)),
  );
}

/** A model of opset 17 around a graph. */
export function model(body: Bytes): Bytes {
  return message(number(1, 8), bytes(7, body), bytes(8, message(text(1, ''), number(2, 17))));
}

/** Answers the same values whatever it sees. */
export function constantModel(
  input: ReadonlyArray<number | string>,
  output: readonly number[],
  values: readonly number[],
): Bytes {
  const nodes = [{ op: 'Identity', inputs: ['c'], output: 'y' }];
  return model(graph({ nodes, initializers: [tensor('c', output, values)], input, output }));
}

/** `N x 1 x height x width` to `N x columns`: flattened pixels times `weights` (row major, pixels x columns). */
export function linearModel(height: number, width: number, columns: number, weights: readonly number[]): Bytes {
  return model(
    graph({
      nodes: [
        { op: 'Flatten', inputs: ['x'], output: 'flat', attributes: { axis: { int: 1 } } },
        { op: 'MatMul', inputs: ['flat', 'w'], output: 'y' },
      ],
      initializers: [tensor('w', [height * width, columns], weights)],
      input: ['batch', 1, height, width],
      output: ['batch', columns],
    }),
  );
}

/** Answers what it sees, after `rounds` times the sine of it: something to compute. */
export function busyModel(dims: readonly number[], rounds: number): Bytes {
  const nodes = Array.from({ length: rounds }, (_, index) => ({
    op: 'Sin',
    inputs: [index === 0 ? 'x' : `h${index - 1}`],
    output: index === rounds - 1 ? 'y' : `h${index}`,
  }));
  return model(graph({ nodes, input: dims, output: dims }));
}
