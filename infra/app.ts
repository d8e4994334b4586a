import { App, Validations } from 'aws-cdk-lib';
import { readConfig } from './config.ts';
import { deploy } from './deployment.ts';
import { acknowledge } from './security/acknowledge.ts';
import { rulePacks } from './security/packs.ts';

const app = new App();
const config = readConfig((key) => app.node.tryGetContext(key), process.env);
deploy(app, config);
acknowledge(app, config);
Validations.of(app).addPlugins(...rulePacks(app));
app.synth();
