import { type App, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Config } from '../config.ts';
import { type Acknowledgement, acknowledgements } from './acknowledgements.ts';

/**
 * Acknowledges findings one by one.
 * @returns what was acknowledged: entries for resources that this configuration does not have are left out.
 */
export function acknowledge(app: App, config: Config): Acknowledgement[] {
  const byPath = new Map<string, IConstruct>(app.node.findAll().map((construct) => [construct.node.path, construct]));
  return acknowledgements(config).filter(({ rule, resource, control }) => {
    const construct = byPath.get(resource);
    if (construct === undefined) return false;
    Validations.of(construct).acknowledge({ id: rule, reason: control });
    return true;
  });
}
