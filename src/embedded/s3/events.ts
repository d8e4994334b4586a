import type { ObjectCreated } from './store.ts';

/** One record of an S3 event notification, version 2.1 (S3 user guide, "Event message structure"). */
export interface EventRecord {
  readonly eventVersion: '2.1';
  readonly eventSource: 'aws:s3';
  readonly awsRegion: string;
  readonly eventTime: string;
  readonly eventName: string;
  readonly s3: {
    readonly s3SchemaVersion: '1.0';
    readonly bucket: { readonly name: string; readonly arn: string };
    readonly object: { readonly key: string; readonly size: number; readonly eTag: string; readonly sequencer: string };
  };
}

export function eventRecord(event: ObjectCreated, region: string): EventRecord {
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: new Date(event.atMs).toISOString(),
    eventName: `ObjectCreated:${event.by}`,
    s3: {
      s3SchemaVersion: '1.0',
      bucket: { name: event.bucket, arn: `arn:aws:s3:::${event.bucket}` },
      object: { key: eventKey(event.key), size: event.size, eTag: event.eTag, sequencer: event.sequencer },
    },
  };
}

/** Keys in events are form-encoded: a space is `+`, a slash stays. */
export function eventKey(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/')
    .replaceAll('%20', '+');
}
