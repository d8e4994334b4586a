import { Console } from 'node:console';
import { Logger as PowertoolsLogger } from '@aws-lambda-powertools/logger';
import type { LogFields, Logger } from '../pipeline/ports.ts';

const CODE = /^[a-z0-9_.:-]{1,64}$/;
const KEY = /^[A-Za-z0-9=;:._-]{1,160}$/;
const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const matches =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value);

/** The fields that a log line may carry, and what their values may look like: codes, keys of ours, counts and times. */
const ALLOWED: Readonly<Record<keyof LogFields, (value: unknown) => boolean>> = {
  traceId: matches(KEY),
  tenant: matches(/^[a-z0-9-]{1,63}$/),
  uploadId: matches(KEY),
  studyKey: matches(/^v\d{1,4}-[a-z2-7]{26}$/),
  runKey: matches(/^[a-z2-7]{26}$/),
  stage: matches(CODE),
  status: matches(CODE),
  reason: matches(CODE),
  attempt: isCount,
  count: isCount,
  ms: isCount,
  errorName: matches(/^[A-Za-z0-9_.]{1,64}$/),
};

export interface LoggerOptions {
  readonly service: string;
  /** Everything goes to standard error: on one machine standard output belongs to results. */
  readonly toStandardError?: boolean;
  readonly level?: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'SILENT';
}

/** Lines of JSON with allow-listed fields; a field or value that is not allowed is dropped, whoever passes it. */
export function createLogger(options: LoggerOptions): Logger {
  const logger = new PowertoolsLogger({
    serviceName: options.service,
    ...(options.level === undefined ? {} : { logLevel: options.level }),
  });
  if (options.toStandardError === true) writeToStandardError(logger);
  return {
    info: (code, fields) => logger.info(codeOf(code), allowed(fields)),
    warn: (code, fields) => logger.warn(codeOf(code), allowed(fields)),
    error: (code, fields) => logger.error(codeOf(code), allowed(fields)),
  };
}

/** The library offers no way to choose the stream: its console is replaced. */
function writeToStandardError(logger: PowertoolsLogger): void {
  const console = new Console({ stdout: process.stderr, stderr: process.stderr });
  Object.defineProperty(logger, 'console', { value: console });
}

const codeOf = (code: string): string => (CODE.test(code) ? code : 'unnamed');

export function allowed(fields: LogFields = {}): Record<string, string | number> {
  const entries = Object.entries(fields).filter(([name, value]) =>
    Object.hasOwn(ALLOWED, name) ? ALLOWED[name as keyof LogFields](value) : false,
  );
  return Object.fromEntries(entries) as Record<string, string | number>;
}
