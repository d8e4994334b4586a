import { type App, Validations } from 'aws-cdk-lib';
import type { Config } from '../config.ts';
import { ACKNOWLEDGEMENTS } from './acknowledgements.ts';

/** Acknowledges findings one by one; an entry for a resource that this configuration does not have is left out. */
export function acknowledge(app: App, config: Config): void {
  void config;
  for (const { rule, resource, control } of ACKNOWLEDGEMENTS) {
    const construct = app.node.findAll().find(({ node }) => node.path === resource);
    if (construct !== undefined) Validations.of(construct).acknowledge({ id: rule, reason: control });
  }
}
