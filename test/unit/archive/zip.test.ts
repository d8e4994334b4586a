import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fileKind } from '../../../src/archive/file-kind.ts';
import { openZip } from '../../../src/archive/zip.ts';
import { storedZip } from '../../../src/phantom/zip.ts';
import { openUpload } from '../../../src/pipeline/prepare-files.ts';

const LIMITS = { maxEntries: 10, maxFileBytes: 4_000_000, maxTotalBytes: 6_000_000, maxRatio: 100 };
const text = (name: string, value = name) => ({ name, bytes: Buffer.from(value) });
const code = (value: string) => expect.objectContaining({ name: 'InputFault', code: value });

/** Changes 16- or 32-bit fields at the same place of local header and directory entry (APPNOTE 4.3.7, 4.3.12). */
function forged(zip: Buffer, change: (fields: Buffer, central: Buffer) => void): Buffer {
  const bytes = Buffer.from(zip);
  const central = bytes.indexOf('PK\x01\x02', 0, 'latin1');
  change(bytes.subarray(0, 30), bytes.subarray(central, central + 46));
  return bytes;
}

/** One deflated entry; `declared` is what its headers say of its inflated size. */
function deflatedZip(content: Buffer, declared = content.length): Buffer {
  const packed = deflateRawSync(content);
  const zip = storedZip([{ name: 'z.dcm', bytes: packed }]);
  return forged(zip, (local, central) => {
    for (const [fields, method, crc] of [
      [local, 8, 14],
      [central, 10, 16],
    ] as const) {
      fields.writeUInt16LE(8, method);
      fields.writeUInt32LE(declared, crc + 8);
    }
  });
}

describe('openZip', () => {
  it('lists regular files and reads each as often as wanted', async () => {
    const files = await openZip(
      storedZip([text('study/a.dcm'), text('study/', ''), text('Größe 山.txt', 'x')]),
      LIMITS,
    );
    expect(files.map(({ name, size }) => [name, size])).toEqual([
      ['study/a.dcm', 11],
      ['Größe 山.txt', 1],
    ]);
    expect((await files[0]!.read()).toString()).toBe('study/a.dcm');
    expect(await files[0]!.read()).toEqual(await files[0]!.read());
  });

  it('inflates an entry', async () => {
    const content = Buffer.from('head '.repeat(500));
    const zip = deflatedZip(content);
    // The CRC of the packed bytes was written: that of the content belongs there.
    const { crc32 } = await import('node:zlib');
    const right = forged(zip, (local, central) => {
      local.writeUInt32LE(crc32(content), 14);
      central.writeUInt32LE(crc32(content), 16);
    });
    const [file] = await openZip(right, LIMITS);
    expect((await file!.read()).equals(content)).toBe(true);
  });

  it.each(['../a.dcm', 'a/../../b.dcm', '/etc/a.dcm', 'C:\\a.dcm', '..\\a.dcm', 'a\0.dcm'])(
    'refuses an entry named %j',
    async (name) => {
      await expect(openZip(storedZip([text('good.dcm'), text(name)]), LIMITS)).rejects.toThrow(code('unsafe_archive'));
    },
  );

  it('refuses a symbolic link', async () => {
    const zip = forged(storedZip([text('link', '/etc/passwd')]), (_, central) => {
      central.writeUInt8(3, 5);
      central.writeUInt32LE((0o120777 << 16) >>> 0, 38);
    });
    await expect(openZip(zip, LIMITS)).rejects.toThrow(code('unsafe_archive'));
  });

  it.each([
    [
      'an encrypted entry',
      (local: Buffer, central: Buffer) => [local.writeUInt16LE(1, 6), central.writeUInt16LE(1, 8)],
      'encrypted_archive',
    ],
    [
      'LZMA',
      (local: Buffer, central: Buffer) => [local.writeUInt16LE(14, 8), central.writeUInt16LE(14, 10)],
      'unsupported_archive',
    ],
    [
      'an entry declared huge',
      (_: Buffer, central: Buffer) => [central.writeUInt32LE(0xf0000000, 24)],
      'archive_limit',
    ],
    [
      'entries that share more bytes than there are',
      (_: Buffer, central: Buffer) => [central.writeUInt32LE(5_000, 20)],
      'archive_limit',
    ],
  ])('refuses %s', async (_, change, expected) => {
    await expect(openZip(forged(storedZip([text('a.dcm')]), change), LIMITS)).rejects.toThrow(code(expected));
  });

  /** Stored entries of so many bytes each. */
  const filled = (...sizes: number[]) =>
    storedZip(sizes.map((size, index) => ({ name: `${index}.dcm`, bytes: Buffer.alloc(size, index) })));
  /** So many entries that say they inflate to `declared` bytes. */
  const inflating = (count: number, declared: number) => {
    const zip = filled(...new Array<number>(count).fill(1000));
    for (let at = zip.indexOf('PK\x01\x02', 0, 'latin1'); at >= 0; at = zip.indexOf('PK\x01\x02', at + 1, 'latin1')) {
      zip.writeUInt16LE(8, at + 10);
      zip.writeUInt32LE(declared, at + 24);
    }
    return zip;
  };

  it.each([
    ['entries', filled(...new Array<number>(10).fill(1)), filled(...new Array<number>(11).fill(1))],
    ['the size of an entry', filled(4_000_000), filled(4_000_001)],
    ['the size of all entries', filled(3_000_000, 3_000_000), filled(3_000_000, 3_000_001)],
    ['the ratio of an entry', inflating(1, 1024 * 1024), inflating(1, 1024 * 1024 + 1)],
    ['the ratio of the archive', inflating(2, 512 * 1024), inflating(2, 512 * 1024 + 1)],
  ])('takes an archive at the limit of %s and refuses it beyond', async (detail, at, beyond) => {
    expect(await openZip(at, LIMITS)).not.toEqual([]);
    await expect(openZip(beyond, LIMITS)).rejects.toThrow(expect.objectContaining({ code: 'archive_limit', detail }));
  });

  it('stops inflating at the declared size', async () => {
    const [file] = await openZip(deflatedZip(Buffer.alloc(2_000_000), 1000), LIMITS);
    await expect(file!.read()).rejects.toThrow(code('archive_limit'));
  });

  it('refuses bytes that their checksum does not bear out', async () => {
    const zip = storedZip([text('a.dcm', 'the content')]);
    zip[zip.indexOf('the content')] = 0x54;
    const [file] = await openZip(zip, LIMITS);
    await expect(file!.read()).rejects.toThrow(code('malformed'));
  });

  it('tells a torn archive from a spoilt one', async () => {
    const zip = storedZip([text('a.dcm'), text('b.dcm')]);
    await expect(openZip(zip.subarray(0, zip.length - 30), LIMITS)).rejects.toThrow(code('truncated'));
    const spoilt = Buffer.from(zip);
    spoilt.writeUInt32LE(3, spoilt.length - 6);
    await expect(openZip(spoilt, LIMITS)).rejects.toThrow(code('malformed'));
  });
});

describe('fileKind', () => {
  it('lets the DICOM prefix win over what the preamble imitates', () => {
    const bytes = Buffer.alloc(200);
    bytes.write('PK\x03\x04', 0, 'latin1');
    bytes.write('DICM', 128, 'latin1');
    expect(fileKind(bytes)).toBe('dicom');
    expect(fileKind(bytes.subarray(0, 100))).toBe('zip');
  });

  it.each([
    ['png', '89504e470d0a1a0a'],
    ['jpeg', 'ffd8ffe0'],
    ['other_archive', '1f8b08'],
    ['other_archive', '377abcaf271c'],
    ['other', '52494646aaaaaaaa57454250'],
    ['other', '3c737667'],
    ['other', ''],
  ])('calls %s what begins with %s', (kind, hex) => {
    expect(fileKind(Buffer.from(hex, 'hex'))).toBe(kind);
  });
});

describe('openUpload', () => {
  const opened = async (name: string, bytes: Buffer) => {
    const names: string[] = [];
    for await (const file of openUpload(name, bytes)) names.push(file.name);
    return names;
  };

  it('opens an archive and passes any other object on', async () => {
    expect(await opened('s.zip', storedZip([text('a'), text('b')]))).toEqual(['a', 'b']);
    expect(await opened('s.dcm', Buffer.from('anything'))).toEqual(['s.dcm']);
  });

  it.each([
    ['an archive under another name', 's.dcm', storedZip([text('a')]), 'content_type'],
    ['a picture named as an archive', 's.zip', Buffer.from('89504e470d0a1a0a', 'hex'), 'content_type'],
    ['gzip named as zip', 's.zip', Buffer.from('1f8b0800', 'hex'), 'content_type'],
    ['nothing', 's.zip', Buffer.alloc(0), 'empty'],
  ])('refuses %s', async (_, name, bytes, expected) => {
    await expect(opened(name, bytes)).rejects.toThrow(code(expected));
  });
});
