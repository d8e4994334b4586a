import type { z } from 'zod';
import { detectionSchema } from '../src/contracts/detection.ts';
import { runItemSchema, uploadItemSchema } from '../src/contracts/items.ts';
import {
  analyzeMessageSchema,
  announcementSchema,
  detectMessageSchema,
  uploadManifestSchema,
} from '../src/contracts/messages.ts';
import { packManifestSchema } from '../src/contracts/pack.ts';
import { reportSchema, runRecordSchema } from '../src/contracts/report.ts';
import { studySchema } from '../src/contracts/study.ts';

export interface Contract {
  /** Name of the schema's file; its examples are `<name>.json` and `<name>.<case>.json`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly schema: z.ZodType;
}

const contract = (name: string, title: string, description: string, schema: z.ZodType): Contract => ({
  name,
  title,
  description,
  schema,
});

/** What crosses a border of the program: each has a published JSON Schema and an example that is checked against it. */
export const CONTRACTS: readonly Contract[] = [
  contract(
    'upload-manifest',
    'Upload manifest',
    '_upload.json: the parts of a study of many objects, put after the parts.',
    uploadManifestSchema,
  ),
  contract('detect-message', 'Detect message', 'One run, from ingest to detect.', detectMessageSchema),
  contract('analyze-message', 'Analyze message', 'One run, from detect to analyze.', analyzeMessageSchema),
  contract(
    'announcement',
    'Announcement',
    'A terminal state, as the event bus and webhooks carry it, at least once.',
    announcementSchema,
  ),
  contract('upload-item', 'Upload item', 'One uploaded object in the studies table.', uploadItemSchema),
  contract('run-item', 'Run item', 'One run in the studies table.', runItemSchema),
  contract('study', 'Study', 'study.json: what ingest hands on.', studySchema),
  contract('detection', 'Detection', 'detection.json: what detect hands on.', detectionSchema),
  contract('report', 'Report', 'report.json: the result.', reportSchema),
  contract('run-record', 'Run record', 'run.json: timings, provider and host of a run.', runRecordSchema),
  contract('pack-manifest', 'Model pack manifest', 'manifest.json of a model pack.', packManifestSchema),
];
