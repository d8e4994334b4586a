import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { readConfig } from '/work/main/infra/config.ts';
import { deploy } from '/work/main/infra/deployment.ts';
import { acknowledge } from '/work/main/infra/security/acknowledge.ts';
import { rulePacks } from '/work/main/infra/security/packs.ts';

for (const b of ['ecs-gpu', 'sagemaker-async', 'lambda-cpu']) {
  const context = {
    ...JSON.parse(readFileSync('cdk.json', 'utf8')).context,
    'aws:cdk:bundling-stacks': [],
    analyze: b,
    stage: process.argv[2] ?? 'dev',
  };
  const app = new App({ context, outdir: '/tmp/cdkout' });
  const config = readConfig((k) => app.node.tryGetContext(k), {});
  deploy(app, config);
  if (process.argv[3] === 'ack') acknowledge(app, config);
  let n = 0;
  const seen: string[] = [];
  for (const p of rulePacks(app))
    for (const v of p.validateScope(app).violations)
      for (const x of (
        v as never as {
          violatingResources: { constructPath?: string }[];
          violatingConstructs: { constructPath: string }[];
        }
      ).violatingResources ?? []) {
        n++;
        seen.push(`${b}\t${v.ruleName}\t${x.constructPath ?? JSON.stringify(x)}`);
      }
  console.log(seen.join('\n'));
  console.error(b, n);
}
