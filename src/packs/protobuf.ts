/** One field of a protobuf message: its number, and its bytes where it is length-delimited (wire type 2). */
export interface ProtobufField {
  readonly number: number;
  /** Value of a varint field; 0 for other wire types. */
  readonly value: number;
  readonly bytes: Uint8Array | null;
}

/**
 * Walks the top-level fields of a message (protobuf encoding guide, https://protobuf.dev/programming-guides/encoding).
 * Throws `RangeError` where the bytes do not follow the wire format or end early.
 */
export function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('a protobuf message ends inside a number');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a protobuf number is longer than ten bytes');
  };
  const skip = (length: number): Uint8Array => {
    if (length > message.length - at) throw new RangeError('a protobuf field reaches past its message');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (number === 0) throw new RangeError('a protobuf field has number 0');
    switch (tag % 8) {
      case 0:
        yield { number, value: varint(), bytes: null };
        break;
      case 1:
        skip(8);
        yield { number, value: 0, bytes: null };
        break;
      case 2:
        yield { number, value: 0, bytes: skip(varint()) };
        break;
      case 5:
        skip(4);
        yield { number, value: 0, bytes: null };
        break;
      default:
        throw new RangeError('a protobuf field has an unknown wire type');
    }
  }
}
