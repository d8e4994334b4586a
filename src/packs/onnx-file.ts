import { protobufFields } from './protobuf.ts';

/** Field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */
const MODEL = { graph: 7, functions: 25 } as const;
const GRAPH = { node: 1, initializer: 5, input: 11, sparseInitializer: 15 } as const;
const SPARSE = { values: 1, indices: 2 } as const;
const NODE = { attribute: 5 } as const;
const FUNCTION = { node: 7, attribute: 11 } as const;
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparseTensor: 22, sparseTensors: 23 } as const;
const TENSOR = { externalData: 13, dataLocation: 14 } as const;
/** ValueInfoProto's type, its tensor type, that one's shape, the shape's dimensions, a dimension's fixed value. */
const SHAPE_PATH = [2, 1, 2] as const;
const SHAPE = { dimension: 1 } as const;
const DIMENSION = { value: 1 } as const;
const EXTERNAL = 1;
const MAX_DEPTH = 16;

/** Why bytes are no model of one file, or null where they are one. Weights are not read. */
export function singleFileFault(model: Uint8Array): string | null {
  try {
    let graphs = 0;
    for (const { number, bytes } of protobufFields(model)) {
      if (bytes === null) continue;
      if (number === MODEL.graph) {
        graphs++;
        if (graphIsExternal(bytes, 0)) return 'weights lie outside the file';
      }
      if (number === MODEL.functions && functionIsExternal(bytes)) return 'weights lie outside the file';
    }
    return graphs === 1 ? null : 'the file is no ONNX model';
  } catch (error) {
    if (error instanceof RangeError) return 'the file is no ONNX model';
    throw error;
  }
}

/**
 * Whether a network takes several inputs in one run: its first input's first axis has no fixed size. The bytes must be
 * those of a model (`singleFileFault` is null).
 */
export function takesBatches(model: Uint8Array): boolean {
  const graph = firstField(model, MODEL.graph);
  let message = graph && firstField(graph, GRAPH.input);
  for (const number of SHAPE_PATH) message = message && firstField(message, number);
  const axis = message && firstField(message, SHAPE.dimension);
  if (axis === undefined) return false;
  for (const { number } of protobufFields(axis)) if (number === DIMENSION.value) return false;
  return true;
}

function firstField(message: Uint8Array, wanted: number): Uint8Array | undefined {
  for (const { number, bytes } of protobufFields(message)) if (number === wanted && bytes !== null) return bytes;
  return undefined;
}

function graphIsExternal(graph: Uint8Array, depth: number): boolean {
  if (depth > MAX_DEPTH) throw new RangeError('graphs are nested too deep');
  return anyField(graph, (number, bytes) => {
    if (number === GRAPH.initializer) return tensorIsExternal(bytes);
    if (number === GRAPH.sparseInitializer) return sparseIsExternal(bytes);
    return number === GRAPH.node && nodeIsExternal(bytes, depth);
  });
}

function nodeIsExternal(node: Uint8Array, depth: number): boolean {
  return anyField(node, (number, bytes) => number === NODE.attribute && attributeIsExternal(bytes, depth));
}

function functionIsExternal(body: Uint8Array): boolean {
  return anyField(body, (number, bytes) => {
    if (number === FUNCTION.node) return nodeIsExternal(bytes, 0);
    return number === FUNCTION.attribute && attributeIsExternal(bytes, 0);
  });
}

function attributeIsExternal(attribute: Uint8Array, depth: number): boolean {
  return anyField(attribute, (number, bytes) => {
    if (number === ATTRIBUTE.tensor || number === ATTRIBUTE.tensors) return tensorIsExternal(bytes);
    if (number === ATTRIBUTE.sparseTensor || number === ATTRIBUTE.sparseTensors) return sparseIsExternal(bytes);
    return (number === ATTRIBUTE.graph || number === ATTRIBUTE.graphs) && graphIsExternal(bytes, depth + 1);
  });
}

function sparseIsExternal(sparse: Uint8Array): boolean {
  return anyField(
    sparse,
    (number, bytes) => (number === SPARSE.values || number === SPARSE.indices) && tensorIsExternal(bytes),
  );
}

function tensorIsExternal(tensor: Uint8Array): boolean {
  for (const { number, value } of protobufFields(tensor)) {
    if (number === TENSOR.externalData) return true;
    if (number === TENSOR.dataLocation && value === EXTERNAL) return true;
  }
  return false;
}

function anyField(message: Uint8Array, holds: (number: number, bytes: Uint8Array) => boolean): boolean {
  for (const { number, bytes } of protobufFields(message)) {
    if (bytes !== null && holds(number, bytes)) return true;
  }
  return false;
}
