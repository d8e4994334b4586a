interface TableIndex {
  readonly name: string;
  readonly partitionKey: string;
  readonly sortKey: string;
  readonly sortKeyType: 'S' | 'N';
}

/**
 * The studies table as infrastructure and adapters create it: on demand, every index projecting all attributes.
 * Items are written by single-item conditional writes alone. Index partition keys start with the tenant, so that a
 * role that acts for one tenant can be held to its own items by `dynamodb:LeadingKeys`.
 */
export const STUDIES_TABLE = {
  partitionKey: 'pk',
  sortKey: 'sk',
  openShards: 8,
  indexes: {
    /** Uploads and runs of a tenant by time. */
    tenantTime: { name: 'tenant-time', partitionKey: 'tenant', sortKey: 'createdAt', sortKeyType: 'S' },
    /** One run of a tenant by its key: a caller's question never reads another tenant's item. */
    tenantRun: { name: 'tenant-run', partitionKey: 'tenant', sortKey: 'runKey', sortKeyType: 'S' },
    /** `<tenant>#<status>`. */
    tenantStatus: { name: 'tenant-status', partitionKey: 'tenantStatus', sortKey: 'createdAt', sortKeyType: 'S' },
    /**
     * Sparse: what has not ended, or ended unannounced, over `openShards` partitions (`open#0` and on). `idleSince` is
     * the later of the lease's end and the last write, epoch milliseconds, so that a run that waits in a queue is told
     * from one whose worker died long ago.
     */
    open: { name: 'open', partitionKey: 'open', sortKey: 'idleSince', sortKeyType: 'N' },
  },
} as const satisfies {
  partitionKey: string;
  sortKey: string;
  openShards: number;
  indexes: Record<string, TableIndex>;
};
