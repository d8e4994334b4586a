import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import yauzl from 'yauzl';
import { storedZip } from '../../../src/phantom/zip.ts';

const open = promisify<Buffer, yauzl.Options, yauzl.ZipFile>(yauzl.fromBuffer);

async function read(zip: Buffer): Promise<Record<string, string>> {
  const file = await open(zip, { lazyEntries: true });
  const entries: Record<string, string> = {};
  return new Promise((resolve, reject) => {
    file.on('error', reject);
    file.on('end', () => resolve(entries));
    file.on('entry', (entry: yauzl.Entry) => {
      file.openReadStream(entry, (error, stream) => {
        if (error !== null) return reject(error);
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          entries[entry.fileName] = Buffer.concat(chunks).toString();
          file.readEntry();
        });
      });
    });
    file.readEntry();
  });
}

describe('storedZip', () => {
  it('is read back by another zip library', async () => {
    const zip = storedZip([
      { name: 'a.txt', bytes: Buffer.from('eins') },
      { name: 'ordner/b.txt', bytes: Buffer.from('zwei und mehr') },
    ]);
    expect(await read(zip)).toEqual({ 'a.txt': 'eins', 'ordner/b.txt': 'zwei und mehr' });
  });

  it('makes an empty archive of no entries', async () => {
    expect(await read(storedZip([]))).toEqual({});
  });
});
