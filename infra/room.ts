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
export function overflows(lists: {
  readonly tenants: readonly string[];
  readonly webhooks: readonly object[];
  readonly callers: object;
}): Overflow[] {
  const placed = [
    { path: ['tenants'], list: lists.tenants, room: ROOM.tenants },
    { path: ['webhooks'], list: lists.webhooks, room: ROOM.webhooks },
    { path: ['auth', 'callers'], list: lists.callers, room: ROOM.callers },
  ];
  return placed.flatMap(({ path, list, room }) => {
    const { length } = JSON.stringify(list);
    if (length <= room) return [];
    return [
      { path, message: `give at most ${room} characters as JSON, here ${length}: deploy another stage for the rest` },
    ];
  });
}
