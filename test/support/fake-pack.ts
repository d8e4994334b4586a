import type { PackManifest } from '../../src/contracts/pack.ts';
import type { LoadedPack, Tensor } from '../../src/pipeline/ports.ts';

/** What a member answers to an input, by its id. */
export type Answers = Readonly<Record<string, (input: Tensor) => Tensor>>;

/** A loaded pack whose networks are functions; `ran` lists the members in the order they were asked. */
export function fakePack(manifest: PackManifest, answers: Answers): LoadedPack & { readonly ran: string[] } {
  const ran: string[] = [];
  return {
    manifest,
    sha256: 'f'.repeat(64),
    provider: 'cpu',
    ran,
    takesBatches: () => true,
    async run(memberId, input) {
      ran.push(memberId);
      const answer = answers[memberId];
      if (answer === undefined) throw new Error(`nobody answers for ${memberId}`);
      return { output: answer(input), ms: 1 };
    },
  };
}

/** A YOLOv8 answer of one class from boxes in input pixels: centre x, centre y, width, height, score. */
export function yoloAnswer(boxes: ReadonlyArray<readonly [number, number, number, number, number]>): Tensor {
  const data = new Float32Array(5 * boxes.length);
  boxes.forEach((box, anchor) => {
    box.forEach((value, row) => {
      data[row * boxes.length + anchor] = value;
    });
  });
  return { dims: [1, 5, boxes.length], data };
}
