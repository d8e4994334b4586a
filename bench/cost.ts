/**
 * Cost per 1,000 studies: `npx tsx bench/cost.ts [--runs DIR]` writes docs/cost.md from measured run times and the dated
 * price table. `--runs` renews the measured times first, from results of `discflow analyze FOLDER --concurrency 1` with
 * `--tier single --out DIR/single` and `--tier ensemble --out DIR/ensemble`, each with an empty `--data` folder.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../infra/bundling/repository.ts';
import type { AnalyzeBackend } from '../infra/config.ts';

const DATA = join(repositoryRoot, 'bench/data');
const read = <T>(name: string): T => JSON.parse(readFileSync(join(DATA, name), 'utf8')) as T;
export const readPrices = (): Prices => read<Prices>('prices.json');
export const readMeasured = (): Measured => read<Measured>('measured-runs.json');

type Prices = Record<string, number> & { asOf: string; region: string; note: string };
interface Timings {
  readonly detectMs: number;
  readonly analyzeMs: number;
}
interface Measured {
  readonly measuredOn: string;
  /** Name and version of the model pack. */
  readonly pack: string;
  /** The machine's load when the times were read. */
  readonly load: number;
  readonly runs: number;
  readonly detectMs: number;
  readonly analyzeMs: Record<'single' | 'ensemble', number>;
}
type Tier = keyof Measured['analyzeMs'];

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const timingsIn = (folder: string): Timings[] =>
  readdirSync(folder)
    .map((name) => join(folder, name, 'run.json'))
    .filter((path) => existsSync(path))
    .map((path) => (JSON.parse(readFileSync(path, 'utf8')) as { timings: Timings }).timings);

function measure(folder: string): Measured {
  const timings = { single: timingsIn(join(folder, 'single')), ensemble: timingsIn(join(folder, 'ensemble')) };
  const both = [...timings.single, ...timings.ensemble];
  if (timings.single.length === 0 || timings.ensemble.length === 0)
    throw new Error(`${folder} needs single/<name>/run.json and ensemble/<name>/run.json`);
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'layers/models/manifest.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  const analyzeMs = (of: readonly Timings[]): number => Math.round(median(of.map((run) => run.analyzeMs)));
  return {
    measuredOn: new Date().toISOString().slice(0, 10),
    pack: `${manifest.name} ${manifest.version}`,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    runs: both.length,
    detectMs: Math.round(median(both.map(({ detectMs }) => detectMs))),
    analyzeMs: { single: analyzeMs(timings.single), ensemble: analyzeMs(timings.ensemble) },
  };
}

/** What a deployment does to one study and to one day; each figure is a line of the page. */
export const MODEL = {
  /** Ingest of a zip of a whole study: not in run.json; reckoned. */
  ingestSeconds: 3,
  ingestGb: 2,
  detectGb: 3.455,
  analyzeGb: 8.639,
  /** A cloud processor against the measuring machine, S3 round trips included. */
  slower: 3,
  puts: 25,
  gets: 30,
  writes: 40,
  reads: 25,
  sqsRequests: 14,
  kmsRequests: 30,
  logKb: 12,
  uploadMb: 60,
  resultMb: 2,
  uploadDays: 14,
  keys: 3,
  secrets: 2,
  /** Metrics of all alarms, the most of any backend, those that scale included: CloudWatch bills each, not each alarm. */
  alarmMetrics: 39,
  backfill: {
    /** Studies that a batch holds, and batches that run at once: all but one of them wait. */
    batch: 20,
    atOnce: 40,
    /** Seconds between two tries of a batch that waits for the rate. */
    leastWaitSeconds: 5,
    mostWaitSeconds: 300,
    /** A try and its answer, and the wait; the last one is not waited after, but ended. */
    transitions: 3,
  },
  endpointZones: 2,
  /** Hours of a day in which studies arrive. */
  openHours: 10,
  gpuStartMinutes: 6,
  gpuIdleMinutes: { 'ecs-gpu': 10, 'sagemaker-async': 15 },
  gpuUse: 0.6,
  /** Messages that one GPU worker has in hand. */
  gpuConcurrency: 4,
} as const;
export const INTERFACES = { 'ecs-gpu': 10, 'sagemaker-async': 8, 'lambda-cpu': 0 } as const;
const BACKENDS = ['lambda-cpu', 'ecs-gpu', 'sagemaker-async'] as const satisfies readonly AnalyzeBackend[];
const DAYS = 365 / 12;

const price = (prices: Prices, name: string): number => {
  const value = prices[name];
  if (typeof value !== 'number') throw new Error(`the price table has no ${name}`);
  return value;
};

/** What every study costs on any backend, US dollars. */
function studyUsd(prices: Prices, { detectMs }: Measured): number {
  const p = (name: string) => price(prices, name);
  const gbSeconds = MODEL.ingestSeconds * MODEL.ingestGb + (detectMs / 1000) * MODEL.slower * MODEL.detectGb;
  return (
    gbSeconds * p('lambdaGbSecondX86') +
    (5 * p('lambdaMillionRequests') +
      MODEL.sqsRequests * p('sqsMillionRequests') +
      p('eventMillion') +
      3 * p('xrayMillionTraces')) /
      1e6 +
    (MODEL.puts * p('s3ThousandPuts') + MODEL.gets * p('s3ThousandGets')) / 1e3 +
    (MODEL.writes * p('dynamoMillionWrites') + MODEL.reads * p('dynamoMillionReads')) / 1e6 +
    (MODEL.kmsRequests * p('kmsTenThousandRequests')) / 1e4 +
    (MODEL.logKb / 1e6) * p('logsGb') +
    (MODEL.uploadMb / 1000) * (MODEL.uploadDays / DAYS) * p('s3GbMonth') +
    (MODEL.resultMb / 1000) * 12 * p('s3GbMonth')
  );
}

/** What a month costs without a study, US dollars. */
export function idleMonthUsd(prices: Prices, backend: AnalyzeBackend): number {
  const p = (name: string) => price(prices, name);
  const endpoints = INTERFACES[backend] * MODEL.endpointZones * 24 * DAYS * p('interfaceEndpointHour');
  return (
    endpoints +
    MODEL.keys * p('kmsKeyMonth') +
    MODEL.secrets * p('secretMonth') +
    MODEL.alarmMetrics * p('alarmMetricMonth') +
    p('dashboardMonth')
  );
}

/** What a backfill's batches cost per 1,000 studies in Step Functions, most of it for waiting, US dollars. */
export function backfillStepsUsd(prices: Prices, studiesPerMinute: number): number {
  const { batch, atOnce, leastWaitSeconds, mostWaitSeconds, transitions } = MODEL.backfill;
  const batchSeconds = (batch / studiesPerMinute) * 60;
  const waitSeconds = Math.min(mostWaitSeconds, Math.max(leastWaitSeconds, batchSeconds));
  const tries = 1 + ((atOnce - 1) * batchSeconds) / waitSeconds;
  return (1000 / batch) * tries * transitions * (price(prices, 'stepsMillionTransitions') / 1e6);
}

const backfillWaitHourUsd = (prices: Prices, triesAnHour: number): number =>
  (MODEL.backfill.atOnce * triesAnHour * MODEL.backfill.transitions * price(prices, 'stepsMillionTransitions')) / 1e6;

/** Hours of GPU workers that a day takes: the work itself, or the minutes between waking and going back to none. */
function workerHours(backend: 'ecs-gpu' | 'sagemaker-async', perDay: number, seconds: number): number {
  const work = (perDay * seconds) / 3600 / MODEL.gpuUse / MODEL.gpuConcurrency;
  const awakeMinutes = MODEL.gpuStartMinutes + MODEL.gpuIdleMinutes[backend];
  const gapMinutes = (MODEL.openHours * 60) / perDay;
  const awake =
    gapMinutes > MODEL.gpuIdleMinutes[backend] ? (perDay * awakeMinutes) / 60 : MODEL.openHours + awakeMinutes / 60;
  return Math.max(work, awake);
}

/** One day's analyze stage, US dollars. GPUs are reckoned at the processor's speed: none was measured. */
function analyzeDayUsd(
  prices: Prices,
  measured: Measured,
  backend: AnalyzeBackend,
  tier: Tier,
  perDay: number,
  spot: boolean,
): number {
  const seconds = (measured.analyzeMs[tier] / 1000) * MODEL.slower;
  if (backend === 'lambda-cpu') return perDay * seconds * MODEL.analyzeGb * price(prices, 'lambdaGbSecondX86');
  const onEcs = spot ? 'gpuInstanceSpotHour' : 'gpuInstanceHour';
  return workerHours(backend, perDay, seconds) * price(prices, backend === 'ecs-gpu' ? onEcs : 'endpointInstanceHour');
}

/** Dollars per 1,000 studies at a steady number of studies a day, idle cost included. */
export function perThousandUsd(
  prices: Prices,
  measured: Measured,
  backend: AnalyzeBackend,
  tier: Tier,
  perDay: number,
  spot = false,
): number {
  const day =
    studyUsd(prices, measured) * perDay +
    analyzeDayUsd(prices, measured, backend, tier, perDay, spot) +
    idleMonthUsd(prices, backend) / DAYS;
  return (day / perDay) * 1000;
}

function overtakes(prices: Prices, measured: Measured, a: AnalyzeBackend, b: AnalyzeBackend, tier: Tier): string {
  for (let perDay = 10; perDay <= 10_000_000; perDay = Math.ceil(perDay * 1.05))
    if (
      perThousandUsd(prices, measured, b, tier, perDay, true) < perThousandUsd(prices, measured, a, tier, perDay, true)
    )
      return `from about ${perDay.toLocaleString('en')} studies a day`;
  return 'not below 10 million studies a day';
}

const usd = (value: number): string => `$${value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)}`;

function page(prices: Prices, measured: Measured): string {
  const volumes = [10, 1000, 100_000];
  const rows = BACKENDS.flatMap((backend) =>
    (['single', 'ensemble'] as const).flatMap((tier) =>
      (backend === 'ecs-gpu' ? [false, true] : [false]).map((spot) => {
        const cells = volumes.map((perDay) => usd(perThousandUsd(prices, measured, backend, tier, perDay, spot)));
        return `| ${backend}${spot ? ', Spot' : ''} | ${tier} | ${cells.join(' | ')} |`;
      }),
    ),
  );
  return `# Cost

Written by \`npx tsx bench/cost.ts\`; prices of ${prices.asOf} (${prices.region}), run times measured on ${measured.measuredOn}.
${prices.note}

## Dollars per 1,000 studies, idle cost included

| backend | tier | 10 a day | 1,000 a day | 100,000 a day |
|---|---|---:|---:|---:|
${rows.join('\n')}

The \`auto\` tier runs the single networks first and the others for discs near a threshold alone: it lies between the two.

## A month without a study

| backend | idle | of it interface endpoints |
|---|---:|---:|
${BACKENDS.map((backend) => {
  const endpoints = INTERFACES[backend] * MODEL.endpointZones * 24 * DAYS * price(prices, 'interfaceEndpointHour');
  return `| ${backend} | ${usd(idleMonthUsd(prices, backend))} | ${usd(endpoints)} |`;
}).join('\n')}

\`lambda-cpu\` deploys no VPC and so no endpoint: the cheap choice for a small site.

## What a backfill adds

Its batches wait in Step Functions for the rate that the job was given, ${MODEL.backfill.atOnce} at once, and each try is billed:

| studies a minute | dollars per 1,000 studies |
|---:|---:|
${[1, 4, 20, 60].map((rate) => `| ${rate} | ${usd(backfillStepsUsd(prices, rate))} |`).join('\n')}

Batches that wait for a full lane try once a minute, those of a paused job four times an hour: ${usd(backfillWaitHourUsd(prices, 60))} and ${usd(backfillWaitHourUsd(prices, 4))} an hour.

## Where one overtakes another (ensemble tier, GPU on Spot)

- ecs-gpu is cheaper than lambda-cpu ${overtakes(prices, measured, 'lambda-cpu', 'ecs-gpu', 'ensemble')}.
- sagemaker-async is cheaper than lambda-cpu ${overtakes(prices, measured, 'lambda-cpu', 'sagemaker-async', 'ensemble')}.
- ecs-gpu is cheaper than sagemaker-async ${overtakes(prices, measured, 'sagemaker-async', 'ecs-gpu', 'ensemble')}.

## What the figures stand on

- Measured with pack ${measured.pack} (medians of ${measured.runs} runs of one picture, two processor cores, load ${measured.load}): detect
  ${measured.detectMs} ms, analyze ${measured.analyzeMs.single} ms in the single tier and ${measured.analyzeMs.ensemble} ms in the ensemble tier.
- **No GPU was measured.** GPU workers are reckoned at the processor's speed, ${MODEL.gpuConcurrency} messages at once and ${MODEL.gpuUse * 100} % use: the GPU rows are
  an upper bound for networks as small as the default pack's, and say nothing yet about full-width ones.
- A cloud processor with its round trips is reckoned ${MODEL.slower} times slower than the measuring machine; ingest at ${MODEL.ingestSeconds} s.
- Studies arrive evenly over ${MODEL.openHours} hours. A GPU worker takes ${MODEL.gpuStartMinutes} minutes to start and stays ${MODEL.gpuIdleMinutes['ecs-gpu']} (ecs-gpu) or ${MODEL.gpuIdleMinutes['sagemaker-async']} minutes (sagemaker-async)
  after its last study; at 10 studies a day it starts for each.
- A study: ${MODEL.uploadMb} MB uploaded and kept ${MODEL.uploadDays} days, ${MODEL.resultMb} MB of results kept a year, ${MODEL.writes} writes and ${MODEL.reads} reads of the table, ${MODEL.puts} PUTs,
  ${MODEL.gets} GETs, ${MODEL.sqsRequests} SQS requests, three traces, ${MODEL.logKb} kB of logs.
- Idle are ${MODEL.keys} keys, ${MODEL.secrets} secrets, the ${MODEL.alarmMetrics} metrics of all alarms (an alarm over several metrics is billed for each) and a dashboard.
- Not in it: custom metrics of CloudWatch (Container Insights, what the API, the queues' readers and the log filters count:
  $0.30 a month each), data transfer to the internet, CloudTrail data events, GuardDuty scans, your own identity provider, tax.
`;
}

if (process.argv[1]?.endsWith('cost.ts')) {
  const from = process.argv.indexOf('--runs');
  const folder = from < 0 ? undefined : process.argv[from + 1];
  if (folder !== undefined)
    writeFileSync(join(DATA, 'measured-runs.json'), `${JSON.stringify(measure(folder), null, 2)}\n`);
  const text = page(readPrices(), readMeasured());
  writeFileSync(join(repositoryRoot, 'docs/cost.md'), text);
  console.log(text);
}
