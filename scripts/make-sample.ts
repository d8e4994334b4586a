// Draws examples/sample-study.zip, the study of `npm run demo`. With --check: fails where the file differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { phantomStudy } from '../src/phantom/study.ts';
import { storedZip } from '../src/phantom/zip.ts';
import { FRAME_ENCODERS } from '../test/support/frame-encoders.ts';

const FILE = new URL('../examples/sample-study.zip', import.meta.url);

/** A 46-year-old phantom with an extrusion at L4-L5, in JPEG-LS to stay small. */
export async function sampleStudy(): Promise<Buffer> {
  const { uid, load } = FRAME_ENCODERS.jpegLs;
  const study = phantomStudy({
    seed: 12,
    rows: 320,
    columns: 320,
    spacingMm: [0.8125, 0.8125],
    t2Slices: 11,
    t1Slices: 5,
    fullScale: 600,
    prolapses: [{ level: 'L4-L5', kind: 'extrusion', depthMm: 8 }],
    transferSyntaxUid: uid,
    encodeFrame: await load(),
  });
  return storedZip(study.files.map(({ name, bytes }) => ({ name: `sample-study/${name}`, bytes })));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const zip = await sampleStudy();
  if (!process.argv.includes('--check')) {
    writeFileSync(FILE, zip);
    console.log(`examples/sample-study.zip: ${zip.length} bytes`);
  } else if (!zip.equals(readFileSync(FILE))) {
    console.error('examples/sample-study.zip differs: npm run generate:sample');
    process.exitCode = 1;
  }
}
