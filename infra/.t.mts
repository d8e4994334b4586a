import { App } from 'aws-cdk-lib';
import { readConfig } from '/work/main/infra/config.ts';
import { deploy } from '/work/main/infra/deployment.ts';
import { readFileSync } from 'node:fs';
const context = {...JSON.parse(readFileSync('cdk.json','utf8')).context, 'aws:cdk:bundling-stacks': [], analyze: process.argv[2] ?? 'ecs-gpu', stage: process.argv[3] ?? 'dev'};
const app = new App({ context, outdir: '/tmp/cdkout' });
deploy(app, readConfig((k) => app.node.tryGetContext(k), {}));
app.synth();
console.log('ok');
