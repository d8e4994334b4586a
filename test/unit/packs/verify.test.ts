import { describe, expect, test } from 'vitest';
import type { PackManifest } from '../../../src/contracts/pack.ts';
import { ModelUnavailable } from '../../../src/contracts/reasons.ts';
import { sha256Hex, verifyManifest, verifyPack } from '../../../src/packs/verify.ts';
import { constantModel, graph, model, tensor } from '../../support/onnx.ts';
import { describeFile, tinyPack } from '../../support/tiny-pack.ts';

const encode = (manifest: unknown): Uint8Array => Buffer.from(JSON.stringify(manifest));

function serve({ manifest, files }: ReturnType<typeof tinyPack>) {
  return {
    async read(name: string): Promise<Uint8Array> {
      const bytes = name === 'manifest.json' ? encode(manifest) : files.get(name);
      if (bytes === undefined) throw new Error('no such file');
      return bytes;
    },
  };
}

const faultOf = (manifest: unknown): string => {
  try {
    verifyManifest(encode(manifest));
  } catch (error) {
    expect(error).toBeInstanceOf(ModelUnavailable);
    return (error as Error).message;
  }
  return 'sound';
};

describe('verifyManifest', () => {
  test('a sound manifest is given back', () => {
    const { manifest } = tinyPack();
    expect(verifyManifest(encode(manifest))).toEqual(manifest);
  });

  test.each<[string, (manifest: PackManifest) => unknown, RegExp]>([
    ['no JSON object', () => 'x', /manifest.json/],
    ['a field too many', (m) => ({ ...m, extra: 1 }), /extra/],
    ['a file name with a path', (m) => change(m, 'lumbar', { file: '../lumbar.onnx' }), /members\.0\.file/],
    ['a file name with an absolute path', (m) => change(m, 'lumbar', { file: '/etc/lumbar.onnx' }), /members\.0\.file/],
    ['a member that stands twice', (m) => ({ ...m, members: [...m.members, m.members[0]] }), /lumbar stands twice/],
    ['no disc detector', (m) => ({ ...m, members: m.members.filter(({ id }) => id !== 'disc') }), /one disc-detector/],
    [
      'a target class that is not there',
      (m) => change(m, 'disc', { output: { kind: 'yolov8', classes: 1, targetClass: 3 } }),
      /class 3/,
    ],
    [
      'weights that do not sum to 1',
      (m) => weights(m, { 'classifier-a': 0.5, 'classifier-b': 0.4 }),
      /do not sum to 1/,
    ],
    ['weights of no member', (m) => weights(m, { nobody: 1 }), /nobody is no member/],
    ['weights of a member of another role', (m) => weights(m, { segmenter: 1 }), /segmenter is no member/],
    ['no weights', (m) => weights(m, {}), /herniation has no members/],
    ['weights of a classifier that does not answer the target', (m) => oneTarget(m), /classifier-b is no member/],
    [
      'a single method with two members',
      (m) => ({ ...m, targets: { ...m.targets, herniation: { ...m.targets.herniation, method: 'single' } } }),
      /single takes one/,
    ],
    [
      'a tier of an unknown classifier',
      (m) => ({ ...m, tiers: { ...m.tiers, single: { ...m.tiers.single, classifier: 'x' } } }),
      /tiers.single.classifier/,
    ],
    [
      'a tier whose segmenter is none',
      (m) => ({ ...m, tiers: { ...m.tiers, single: { ...m.tiers.single, segmenter: 'disc' } } }),
      /tiers.single.segmenter/,
    ],
    [
      'softmax for two targets',
      (m) =>
        change(m, 'classifier-a', {
          output: { kind: 'logits', activation: 'softmax', targets: ['herniation', 'bulgeOrHerniation'] },
        }),
      /by softmax/,
    ],
    ['a file of two members', (m) => change(m, 'disc', { file: 'lumbar.onnx' }), /lumbar.onnx belongs to two members/],
    [
      'the class behind the last as a target',
      (m) => change(m, 'disc', { output: { kind: 'yolov8', classes: 1, targetClass: 1 } }),
      /class 1/,
    ],
    [
      'a classifier that answers one target twice',
      (m) =>
        change(m, 'classifier-a', {
          output: {
            kind: 'logits',
            activation: 'sigmoid',
            targets: ['herniation', 'bulgeOrHerniation', 'herniation'],
          },
        }),
      /classifier-a answers herniation twice/,
    ],
    [
      'segmenters of two crop rules',
      (m) => {
        const { id: _, ...segmenter } = m.members.find(({ id }) => id === 'segmenter')!;
        const other = { ...segmenter, id: 'other', file: 'other.onnx', crop: { kind: 'box', factor: 1.3 } };
        return { ...m, members: [...m.members, other] };
      },
      /do not share one crop rule/,
    ],
    [
      'a range of sharpness that nothing lies in',
      (m) => ({ ...m, gates: { lowQuality: { minSide: 1, minContrast: 0, sharpness: { low: 2, high: 1 } } } }),
      /gates\.lowQuality\.sharpness: low lies above high/,
    ],
    [
      'gate statistics with a mean too many',
      (m) => ({ ...m, gates: { outOfDistribution: { features: ['mean'], mean: [1, 2], std: [1], limit: 3 } } }),
      /differ in length/,
    ],
    [
      'gate statistics with a deviation too many',
      (m) => ({ ...m, gates: { outOfDistribution: { features: ['mean'], mean: [1], std: [1, 2], limit: 3 } } }),
      /differ in length/,
    ],
  ])('%s is refused with its place', (_, edit, message) => {
    expect(faultOf(edit(tinyPack().manifest))).toMatch(message);
  });

  test('equal weights need no sum', () => {
    const { manifest } = tinyPack();
    const aem = { ...manifest.targets.herniation, method: 'aem', weights: { 'classifier-a': 1, 'classifier-b': 1 } };
    expect(faultOf({ ...manifest, targets: { ...manifest.targets, herniation: aem } })).toBe('sound');
  });

  test('a member of weight 0 is none of those that a single method takes', () => {
    const { manifest } = tinyPack();
    const single = {
      ...manifest.targets.herniation,
      method: 'single',
      weights: { 'classifier-a': 1, 'classifier-b': 0 },
    };
    expect(faultOf({ ...manifest, targets: { ...manifest.targets, herniation: single } })).toBe('sound');
  });
});

describe('verifyPack', () => {
  test('a sound pack gives its manifest and the manifest file’s hash', async () => {
    const pack = tinyPack();
    await expect(verifyPack(serve(pack))).resolves.toEqual({
      manifest: pack.manifest,
      sha256: sha256Hex(encode(pack.manifest)),
    });
  });

  test('a missing file is named', async () => {
    const pack = tinyPack();
    pack.files.delete('disc.onnx');
    await expect(verifyPack(serve(pack))).rejects.toThrow(/disc.onnx cannot be read/);
  });

  test('a file of another size or another content is refused', async () => {
    const pack = tinyPack();
    const bytes = pack.files.get('disc.onnx')!;
    pack.files.set('disc.onnx', bytes.subarray(1));
    await expect(verifyPack(serve(pack))).rejects.toThrow(/another size/);
    pack.files.set(
      'disc.onnx',
      Uint8Array.from(bytes, (byte, index) => (index === 40 ? byte ^ 1 : byte)),
    );
    await expect(verifyPack(serve(pack))).rejects.toThrow(/another hash/);
  });

  test('a model with external data is refused though its hash is right', async () => {
    const pack = tinyPack();
    const nodes = [{ op: 'Add', inputs: ['x', 'w'], output: 'y' }];
    const bytes = model(graph({ nodes, input: [1], output: [1], initializers: [tensor('w', [1], [], 'weights.bin')] }));
    pack.files.set('disc.onnx', bytes);
    const edited = { ...pack, manifest: change(pack.manifest, 'disc', describeFile('disc', bytes)) };
    await expect(verifyPack(serve(edited))).rejects.toThrow(/disc: weights lie outside/);
  });

  test('a classifier whose batch has a fixed size is refused: each study would fail on it', async () => {
    const pack = tinyPack();
    const bytes = constantModel([1, 1, 16, 16], [1, 2], [0, 0]);
    pack.files.set('classifier-a.onnx', bytes);
    const edited = { ...pack, manifest: change(pack.manifest, 'classifier-a', describeFile('classifier-a', bytes)) };
    await expect(verifyPack(serve(edited))).rejects.toThrow(/classifier-a: its batch has a fixed size/);
  });
});

function change(manifest: PackManifest, id: string, to: object): PackManifest {
  return {
    ...manifest,
    members: manifest.members.map((member) => (member.id === id ? { ...member, ...to } : member)) as never,
  };
}

function weights(manifest: PackManifest, to: Record<string, number>): PackManifest {
  return { ...manifest, targets: { ...manifest.targets, herniation: { ...manifest.targets.herniation, weights: to } } };
}

function oneTarget(manifest: PackManifest): PackManifest {
  return change(manifest, 'classifier-b', {
    output: { kind: 'logits', activation: 'sigmoid', targets: ['bulgeOrHerniation'] },
  });
}
