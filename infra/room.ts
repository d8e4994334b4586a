import type { Config } from './config.ts';

/**
 * Characters that a list of the configuration may take as JSON: each enters a document whose length AWS limits. Tenants:
 * the trust policy of the API's tenant role, 2,048. Webhooks and callers: the 4,096 bytes of a function's environment,
 * beside the tenants'. Source: IAM User Guide, "IAM and STS quotas"; Lambda Developer Guide, "Lambda quotas".
 */
export const ROOM = { tenants: 1650, webhooks: 3000, callers: 1700 } as const;

interface Overflow {
  readonly path: string[];
  readonly message: string;
}

/** What a deployment would be refused for after minutes, told when the configuration is read. */
export function overflows({ tenants, webhooks, auth }: Pick<Config, 'tenants' | 'webhooks' | 'auth'>): Overflow[] {
  const lists = [
    { path: ['tenants'], list: tenants, room: ROOM.tenants },
    { path: ['webhooks'], list: webhooks, room: ROOM.webhooks },
    { path: ['auth', 'callers'], list: auth.kind === 'iam' ? auth.callers : {}, room: ROOM.callers },
  ];
  return lists.flatMap(({ path, list, room }) => {
    const { length } = JSON.stringify(list);
    if (length <= room) return [];
    const message = `give at most ${room} characters as JSON, here ${length}: deploy another stage for the rest`;
    return [{ path, message }];
  });
}
