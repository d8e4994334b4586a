import { InferenceSession } from 'onnxruntime-node';
import { ModelUnavailable } from '../contracts/reasons.ts';
import type { ModelSpec, SessionSettings } from './protocol.ts';

export interface OpenSession {
  readonly session: InferenceSession;
  readonly inputName: string;
  readonly outputName: string;
  /** The provider that the session runs on. */
  readonly provider: string;
}

/**
 * Makes a session of verified bytes and checks that it has one float32 input and one output of the promised shapes.
 * Providers are tried one by one: with a list, a missing one either throws or is dropped without a word, and which one
 * ran could not be told. Operators that a provider lacks run on the CPU. Throws `ModelUnavailable`.
 */
export async function openSession(model: ModelSpec, settings: SessionSettings): Promise<OpenSession> {
  const { session, provider } = await createWithFallback(model, settings);
  try {
    const [input, output] = [
      onlyOne(session.inputMetadata, model, 'input'),
      onlyOne(session.outputMetadata, model, 'output'),
    ];
    checkShape(model, 'input', input.shape, model.input);
    checkShape(model, 'output', output.shape, model.output);
    return { session, inputName: input.name, outputName: output.name, provider };
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function createWithFallback(
  model: ModelSpec,
  settings: SessionSettings,
): Promise<{ session: InferenceSession; provider: string }> {
  const causes: unknown[] = [];
  const bytes = new Uint8Array(model.bytes).slice();
  for (const provider of settings.providers) {
    try {
      const session = await InferenceSession.create(bytes, {
        executionProviders: [provider],
        intraOpNumThreads: settings.intraOpNumThreads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        logSeverityLevel: 4,
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
      return { session, provider };
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new ModelUnavailable(`${model.memberId}: ONNX Runtime cannot load it`, {
    cause: new AggregateError(causes, causes.map(String).join('; ')),
  });
}

function onlyOne(
  metadata: readonly InferenceSession.ValueMetadata[],
  model: ModelSpec,
  side: string,
): InferenceSession.TensorValueMetadata {
  const [first] = metadata;
  if (metadata.length !== 1 || first === undefined || !first.isTensor || first.type !== 'float32') {
    throw new ModelUnavailable(`${model.memberId}: there must be one float32 ${side}`);
  }
  return first;
}

function checkShape(
  model: ModelSpec,
  side: string,
  shape: ReadonlyArray<number | string>,
  promised: ReadonlyArray<number | null>,
): void {
  const fits =
    shape.length === promised.length &&
    promised.every((size, axis) => size === null || typeof shape[axis] === 'string' || shape[axis] === size);
  if (!fits) {
    const words = promised.map((size) => size ?? 'any').join(' x ');
    throw new ModelUnavailable(`${model.memberId}: its ${side} is ${shape.join(' x ')}, the manifest says ${words}`);
  }
}
