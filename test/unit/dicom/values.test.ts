import { describe, expect, it } from 'vitest';
import { walkDataSet } from '../../../src/dicom/data-set.ts';
import { TAG } from '../../../src/dicom/tags.ts';
import { number, text } from '../../../src/dicom/values.ts';

/** A data set of one element with a value of fewer than 256 bytes. */
function only(tag: number, vr: string, value: Buffer) {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.write(vr, 4, 'latin1');
  head.writeUInt16LE(value.length, 6);
  return walkDataSet(Buffer.concat([head, value]), 0, { implicit: false, littleEndian: true });
}

describe('number', () => {
  it.each([
    ['a decimal between spaces', 'DS', Buffer.from(' +3.5e2 '), 350],
    ['the first of several', 'DS', Buffer.from('80\\20'), 80],
    ['a word', 'DS', Buffer.from('LONG'), null],
    ['a decimal beyond all numbers', 'DS', Buffer.from('1e999 '), null],
    ['nothing', 'DS', Buffer.alloc(0), null],
    ['a whole number in two bytes', 'US', Buffer.of(1, 2), 0x201],
    ['half a whole number, at the end of the file', 'US', Buffer.of(1), null],
    ['one and a half whole numbers', 'US', Buffer.of(1, 2, 3), null],
  ])('reads %s', (_, vr, value, expected) => {
    expect(number(only(TAG.echoTime, vr, value), TAG.echoTime)).toBe(expected);
  });
});

describe('text', () => {
  it.each([
    ['spaces and NUL on both sides', ' \0 2.25.7 \0', '2.25.7'],
    ['nothing else than padding', ' \0', null],
  ])('leaves %s out', (_, value, expected) => {
    expect(text(only(TAG.studyInstanceUid, 'UI', Buffer.from(value)), TAG.studyInstanceUid)).toBe(expected);
  });
});
