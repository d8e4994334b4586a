import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../../src/aws/logger.ts';
import type { LogFields } from '../../../src/pipeline/ports.ts';

let written: string;
beforeEach(() => {
  written = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const lines = () =>
  written
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const logger = () => createLogger({ service: 'discflow', toStandardError: true });

describe('createLogger', () => {
  it('writes every allowed field as one line of JSON to standard error', () => {
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const fields: LogFields = {
      traceId: 'Root=1-5759e988-bd862e3fe1be46a994272793',
      tenant: 'acme',
      uploadId: 'u-1',
      studyKey: `v1-${'a'.repeat(26)}`,
      runKey: 'b'.repeat(26),
      stage: 'detect',
      status: 'needs_review',
      reason: 'too_few_discs',
      attempt: 2,
      count: 3,
      ms: 12.5,
      errorName: 'TypeError',
    };
    logger().info('run.ended', fields);
    logger().warn('run.slow');
    logger().error('run.failed', { reason: 'internal' });
    expect(lines()).toMatchObject([
      { level: 'INFO', message: 'run.ended', service: 'discflow', ...fields },
      { level: 'WARN', message: 'run.slow' },
      { level: 'ERROR', message: 'run.failed', reason: 'internal' },
    ]);
    expect(out).not.toHaveBeenCalled();
  });

  it('drops fields that are not allowed and values that are not ours, whoever passes them', () => {
    const smuggled = {
      patientName: 'Mustermann^Max',
      runKey: 'Mustermann^Max',
      tenant: 'Mustermann Max',
      traceId: 'Mustermann, Max',
      uploadId: '../Mustermann Max.dcm',
      studyKey: '1.2.840.113619.2.5.1762583153',
      reason: 'Mustermann',
      errorName: 'Mustermann^Max is missing',
      count: 'Mustermann',
      ms: Number.NaN,
      toString: 'Mustermann',
      attempt: 1,
    };
    logger().error('file.failed', smuggled as unknown as LogFields);
    logger().error('could not read Mustermann^Max', {});
    expect(written).not.toContain('Mustermann');
    expect(written).not.toContain('1.2.840');
    expect(lines()).toMatchObject([{ message: 'file.failed', attempt: 1 }, { message: 'unnamed' }]);
  });
});
