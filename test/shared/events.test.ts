import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseS3Record, s3RecordsOf } from '../../src/pipeline/s3-record.ts';

const ROOT = fileURLToPath(new URL('../../../shared/corpus/synth/events/', import.meta.url));
const body = (name: string) => readFileSync(`${ROOT}${name}.json`, 'utf8');

/** The bucket that the fixture itself names is ours, but for the foreign one. */
function parsed(name: string, uploadsBucket?: string) {
  const records = s3RecordsOf(body(name));
  const own = uploadsBucket ?? records[0]?.s3.bucket.name ?? 'none';
  return records.map((record) => parseS3Record(record, { uploadsBucket: own, maxUploadBytes: 2 ** 31 }));
}

/** The fixtures' keys have no upload id (`in/t1/<name>`): the key is decoded, and refused as `invalid_key`. */
describe('an S3 event of the corpus', () => {
  it.each([
    ['plus_space', 'in/t1/my scan (L4).dcm'],
    ['literal_plus', 'in/t1/a+b.dcm'],
    ['double_encoded', 'in/t1/a%2Fb.dcm'],
  ])('%s decodes its key once, to %s', (name, key) => {
    expect(parsed(name)[0]).toMatchObject({ key });
  });

  it.each(['unicode', 'nfd', 'key_1024', 'duplicate', 'out_of_order', 'sequencer_len', 'no_version', 'mpu', 'copy'])(
    '%s gives a record with a key and no error',
    (name) => {
      for (const record of parsed(name)) expect(record.outcome).toMatch(/^(object|refused|ignored)$/);
    },
  );

  it.each(['encoded_slash_traversal', 'nul', 'bad_percent', 'proto_key'])('%s is refused as invalid_key', (name) => {
    expect(parsed(name)[0]).toMatchObject({ outcome: 'refused', code: 'invalid_key', object: null });
  });

  it('of a foreign bucket is refused before the object is read', () => {
    expect(parsed('foreign_bucket', 'our-uploads')[0]).toMatchObject({ outcome: 'refused', code: 'invalid_key' });
  });

  it.each(['output_prefix', 'folder_marker'])('%s is ignored', (name) => {
    expect(parsed(name)[0]?.outcome).toBe('ignored');
  });

  it('that is a deletion after a put asks for nothing at the deletion', () => {
    expect(parsed('put_then_delete').map(({ outcome }) => outcome)).toContain('ignored');
  });

  it.each(['test_event', 'empty_records'])('%s has nothing to do', (name) => {
    expect(parsed(name)).toEqual([]);
  });

  it.each(['malformed', 'future_version', 'eventbridge', 'sns_wrapped'])(
    '%s is no event and goes to the dead letters',
    (name) => {
      expect(() => s3RecordsOf(body(name))).toThrow();
    },
  );
});
