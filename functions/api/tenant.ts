import { z } from 'zod';
import type { tenantSchema } from '../../src/contracts/keys.ts';

export type Tenant = z.infer<typeof tenantSchema>;

/** What API Gateway has verified of a caller: the claims of a token, or the ARN of who signed the request. */
export interface Caller {
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly userArn?: string | undefined;
}

export interface TenantRules {
  readonly authKind: 'jwt' | 'iam';
  /** IAM callers: roles of this account alone, whatever a role of another one is called. */
  readonly account: string;
  readonly tenantClaim: string;
  /** Tenants by the names of roles. */
  readonly callers: Readonly<Record<string, string>>;
  readonly tenants: readonly string[];
}

export const callersSchema = z.record(z.string(), z.string());

const ASSUMED_ROLE = /^arn:aws[a-z-]*:sts::(?<account>\d{12}):assumed-role\/(?<role>[^/]+)\/[^/]+$/;

/** The caller's one tenant, from verified facts alone; null where there is none, or it is not known here. */
export function tenantOf(caller: Caller, rules: TenantRules): Tenant | null {
  const named = rules.authKind === 'jwt' ? caller.claims?.[rules.tenantClaim] : ofRole(caller.userArn, rules);
  return typeof named === 'string' && rules.tenants.includes(named) ? named : null;
}

function ofRole(userArn: string | undefined, { account, callers }: TenantRules): string | undefined {
  const { role, account: of } = ASSUMED_ROLE.exec(userArn ?? '')?.groups ?? {};
  return role !== undefined && of === account && Object.hasOwn(callers, role) ? callers[role] : undefined;
}
