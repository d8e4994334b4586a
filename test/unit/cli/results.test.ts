import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newRunItem } from '../../../src/aws/transitions.ts';
import { UsageError } from '../../../src/cli/plan.ts';
import { prepareOut, ResultLost, writeEnd, writeRun } from '../../../src/cli/results.ts';
import type { RunItem } from '../../../src/contracts/items.ts';
import { keys } from '../../../src/contracts/keys.ts';
import { reasonOf, TransientFault } from '../../../src/contracts/reasons.ts';
import { rejectedReport } from '../../../src/reporting/rejected.ts';
import { newRun } from '../../contract/new-items.ts';
import { MemoryObjectStore } from '../../support/memory-object-store.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discflow-results-'));
});
afterEach(async () => rm(root, { recursive: true, force: true }));

describe('prepareOut', () => {
  it('makes the folder, parents too', async () => {
    await prepareOut(join(root, 'a', 'b'), ['study']);
    expect(await readdir(join(root, 'a', 'b'))).toEqual([]);
  });

  it('calls a file in the place of the folder, of its parent or of a study wrong use', async () => {
    await writeFile(join(root, 'file'), 'x');
    await expect(prepareOut(join(root, 'file'), [])).rejects.toThrow(UsageError);
    await expect(prepareOut(join(root, 'file', 'out'), [])).rejects.toThrow(UsageError);
    await expect(prepareOut(root, ['study', 'file'])).rejects.toThrow('is no folder');
  });

  it.each(['scan', 'scan-2'])(
    'calls files of another program that a result in %s would write over wrong use',
    async (name) => {
      await mkdir(join(root, name));
      await writeFile(join(root, name, 'image.dcm'), 'x');
      await prepareOut(root, ['scan']);
      await writeFile(join(root, name, 'mask.png'), "the user's own");
      await expect(prepareOut(root, ['scan'])).rejects.toThrow('mask.png of another program');
      await prepareOut(root, ['other']);
    },
  );

  it('takes a folder that holds an earlier result, or what a killed process left of one', async () => {
    const folder = join(root, 'scan');
    await writeEnd(folder, { tenant: 'local', status: 'rejected', reasons: [reasonOf('empty')], runKey: null });
    await writeFile(join(folder, 'overlay.png'), 'of an earlier run');
    await prepareOut(root, ['scan']);
    await rm(join(folder, 'report.json'));
    await prepareOut(root, ['scan']);
  });
});

describe('writeEnd', () => {
  it('writes a page and a report in place of an earlier result, and leaves no part of a file', async () => {
    await writeFile(join(root, 'overlay.png'), 'of an earlier run');
    await writeFile(join(root, 'report.json'), 'of an earlier run');
    await writeEnd(root, { tenant: 'local', status: 'rejected', reasons: [reasonOf('empty')], runKey: null });
    expect((await readdir(root)).sort()).toEqual(['report.html', 'report.json']);
    expect(JSON.parse(await readFile(join(root, 'report.json'), 'utf8'))).toMatchObject({ status: 'rejected' });
  });
});

describe('writeRun', () => {
  const reasons = [reasonOf('no_t2_series')];
  const run = (change: Partial<RunItem>): RunItem => ({ ...newRunItem(newRun({ tenant: 'local' }), 0), ...change });

  /** A store that holds the run's report of that status, and a page. */
  async function storeOf({ tenant, studyKey, runKey }: RunItem, status: 'rejected' | 'quarantined') {
    const data = new MemoryObjectStore();
    const put = (name: string, body: string) =>
      data.put(keys.run(tenant, studyKey, runKey, name), Buffer.from(body), { contentType: 'x' });
    await put('report.json', JSON.stringify(rejectedReport({ status, reasons, tenant, study: null, runKey })));
    await put('report.html', 'the page');
    await put('detection.json', 'a hand-over');
    return data;
  }

  it("copies the run's results alone, and removes what an earlier result had besides", async () => {
    await writeFile(join(root, 'overlay.png'), 'of an earlier run');
    await writeFile(join(root, 'notes.txt'), "the user's own");
    const item = run({ status: 'rejected', reasons });
    const report = await writeRun(await storeOf(item, 'rejected'), item, root);
    expect(report).toMatchObject({ status: 'rejected', study: { runKey: item.runKey } });
    expect((await readdir(root)).sort()).toEqual(['notes.txt', 'report.html', 'report.json']);
    expect(JSON.parse(await readFile(join(root, 'report.json'), 'utf8'))).toEqual(report);
    expect(await readFile(join(root, 'report.html'), 'utf8')).toBe('the page');
  });

  it('tells the failure of a run whose stored report is of an earlier attempt', async () => {
    const item = run({ status: 'failed', reasons: [reasonOf('internal')] });
    const report = await writeRun(await storeOf(item, 'quarantined'), item, root);
    expect(report).toMatchObject({ status: 'failed', reasons: [{ code: 'internal' }], study: { runKey: item.runKey } });
    expect(JSON.parse(await readFile(join(root, 'report.json'), 'utf8'))).toEqual(report);
    expect(await readFile(join(root, 'report.html'), 'utf8')).not.toBe('the page');
  });

  it('says that an answer is lost whose report is gone, is none, or cannot be read', async () => {
    const item = run({ status: 'done' });
    const key = keys.run(item.tenant, item.studyKey, item.runKey, 'report.json');
    const data = new MemoryObjectStore();
    await expect(writeRun(data, item, root)).rejects.toThrow(ResultLost);
    await data.put(key, Buffer.from('{"schema":'), { contentType: 'x' });
    await expect(writeRun(data, item, root)).rejects.toThrow(ResultLost);
    const unreadable = Object.assign(data, { get: async () => Promise.reject(new TransientFault('GetObject')) });
    await expect(writeRun(unreadable, item, root)).rejects.toThrow(ResultLost);
    expect(await readdir(root)).toEqual([]);
  });

  it('ends a refused run from its item where its stored report cannot be read', async () => {
    const item = run({ status: 'quarantined', reasons: [reasonOf('burned_in_text')] });
    const data = new MemoryObjectStore();
    const unreadable = Object.assign(data, { get: async () => Promise.reject(new TransientFault('GetObject')) });
    const report = await writeRun(unreadable, item, root);
    expect(report).toMatchObject({ status: 'quarantined', reasons: [{ code: 'burned_in_text' }] });
    expect((await readdir(root)).sort()).toEqual(['report.html', 'report.json']);
  });

  it('leaves no report of an earlier run where the copy breaks off', async () => {
    await writeFile(join(root, 'report.json'), 'of an earlier run');
    const item = run({ status: 'rejected', reasons });
    const data = await storeOf(item, 'rejected');
    const broken = Object.assign(data, { get: async () => Promise.reject(new Error('disc')) });
    await expect(writeRun(broken, item, root)).rejects.toThrow('disc');
    expect(await readdir(root)).toEqual([]);
  });
});
