import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { InputFault } from '../../src/contracts/reasons.ts';
import { decodeDicomFrame } from '../../src/pictures/codecs/frame-decoder.ts';

const NEMA = fileURLToPath(new URL('../../../shared/corpus/nema-wg04/', import.meta.url));
const PYDICOM = fileURLToPath(new URL('../../../shared/corpus/pydicom/', import.meta.url));

const LOSSLESS = /_(J2KR|JLSL|JPLL|RLE)$/;
const LOSSY = /_(J2KI|JLSN)$/;
const names = readdirSync(NEMA).sort();
const uncompressed = (name: string): string => name.replace(/_.*/, '_UNC');
const decode = (path: string) => decodeDicomFrame(readFileSync(path), 0, { anyModality: true });

describe('NEMA’s compression samples', () => {
  const oracles = names.filter((name) => LOSSLESS.test(name) && existsSync(`${NEMA}${uncompressed(name)}`));

  it('has an uncompressed file for most of them', () => {
    expect(oracles).toHaveLength(15);
  });

  it.each(oracles)('decodes %s bit for bit', async (name) => {
    const [compressed, plain] = [await decode(`${NEMA}${name}`), await decode(`${NEMA}${uncompressed(name)}`)];
    expect([compressed.width, compressed.height]).toEqual([plain.width, plain.height]);
    expect(Buffer.from(compressed.data.buffer).equals(Buffer.from(plain.data.buffer))).toBe(true);
  });

  // MR2 and NM1 come without an uncompressed file: their lossless forms must agree with each other.
  it.each([
    ['MR2_J2KR', 'MR2_JLSL'],
    ['NM1_J2KR', 'NM1_RLE'],
    ['NM1_JLSL', 'NM1_RLE'],
  ])('decodes %s and %s to the same pixels', async (one, other) => {
    const [first, second] = [await decode(`${NEMA}${one}`), await decode(`${NEMA}${other}`)];
    expect(Buffer.from(first.data.buffer).equals(Buffer.from(second.data.buffer))).toBe(true);
  });

  it.each(names.filter((name) => LOSSY.test(name) && existsSync(`${NEMA}${uncompressed(name)}`)))(
    'decodes the lossy %s close to its original',
    async (name) => {
      const [lossy, plain] = [await decode(`${NEMA}${name}`), await decode(`${NEMA}${uncompressed(name)}`)];
      const range =
        plain.data.reduce((most, value) => Math.max(most, value)) -
        plain.data.reduce((least, value) => Math.min(least, value));
      const error =
        lossy.data.reduce((sum, value, index) => sum + Math.abs(value - plain.data[index]!), 0) / lossy.data.length;
      expect(error / range).toBeLessThan(0.02);
    },
  );

  it.each(names.filter((name) => name.endsWith('_JPLY')))('refuses the 12-bit %s by name', async (name) => {
    await expect(decode(`${NEMA}${name}`)).rejects.toMatchObject({
      code: 'unsupported_transfer_syntax',
      detail: 'JPEG Extended 12-bit',
    });
  });

  it.each(names.filter((name) => name.startsWith('US1')))('refuses the colour of %s', async (name) => {
    await expect(decode(`${NEMA}${name}`)).rejects.toBeInstanceOf(InputFault);
  });
});

describe('one small MR picture in eight transfer syntaxes', () => {
  const forms = readdirSync(PYDICOM).filter((name) => /^MR_small_.*\.dcm$/.test(name));

  it.each(forms)('decodes %s to the pixels of the plain file', async (name) => {
    const [form, plain] = [await decode(`${PYDICOM}${name}`), await decode(`${PYDICOM}MR_small.dcm`)];
    expect(form.data).toEqual(plain.data);
  });
});
