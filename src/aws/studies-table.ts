import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { type RunItem, runItemSchema, type UploadItem, uploadItemSchema } from '../contracts/items.ts';
import { STUDIES_TABLE } from '../contracts/table.ts';
import { conditionHeld } from './conditional-write.ts';
import { translated } from './faults.ts';
import { idleSince, isOpen } from './transitions.ts';

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

/** An item with the number of writes it has seen: a write that names the number loses to any other in between. */
export interface Stored<Item> {
  readonly item: Item;
  readonly revision: number;
}

type AnyItem = RunItem | UploadItem;
type Row = Record<string, unknown>;

export const uploadKey = (tenant: string, uploadId: string, objectRef: string): ItemKey => ({
  pk: `UPLOAD#${tenant}/${uploadId}`,
  sk: `OBJECT#${objectRef}`,
});

export const runKeyOf = (runKey: string): ItemKey => ({ pk: `RUN#${runKey}`, sk: 'RUN' });

export const keyOf = (item: AnyItem): ItemKey =>
  item.kind === 'run' ? runKeyOf(item.runKey) : uploadKey(item.tenant, item.uploadId, item.objectRef);

const tenantStatus = (item: RunItem): string => `${item.tenant}#${item.status}`;

export const openShard = (pk: string): string => {
  let sum = 0;
  for (let i = 0; i < pk.length; i++) sum += pk.charCodeAt(i);
  return `open#${sum % STUDIES_TABLE.openShards}`;
};

function rowOf(item: AnyItem, revision: number): Row {
  const key = keyOf(item);
  return {
    ...key,
    ...item,
    revision,
    ...(item.kind === 'run' ? { tenantStatus: tenantStatus(item) } : {}),
    ...(isOpen(item) ? { open: openShard(key.pk), idleSince: idleSince(item) } : {}),
  };
}

/** The item of a row; throws where a row does not follow the contract. */
export function itemOf(row: Row): AnyItem {
  const { pk: _pk, sk: _sk, revision: _revision, tenantStatus: _status, open: _open, idleSince: _idle, ...item } = row;
  return item.kind === 'run' ? runItemSchema.parse(item) : uploadItemSchema.parse(item);
}

export interface QueryPage {
  readonly rows: Row[];
  readonly last: Row | undefined;
}

/** The studies table: reads, and conditional writes on one item each. */
export class StudiesTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #name: string;

  constructor(client: DynamoDBDocumentClient, name: string) {
    this.#client = client;
    this.#name = name;
  }

  read(key: ItemKey): Promise<Stored<AnyItem> | null> {
    return translated('GetItem', async () => {
      const { Item } = await this.#client.send(
        new GetCommand({ TableName: this.#name, Key: { ...key }, ConsistentRead: true }),
      );
      return Item === undefined ? null : { item: itemOf(Item), revision: Number(Item.revision) };
    });
  }

  /** Writes an item whole if its row is still the one that was read (null: if there is none). False otherwise. */
  write(item: AnyItem, before: Stored<AnyItem> | null): Promise<boolean> {
    const unchanged =
      before === null
        ? { ConditionExpression: 'attribute_not_exists(pk)' }
        : { ConditionExpression: 'revision = :revision', ExpressionAttributeValues: { ':revision': before.revision } };
    return conditionHeld('PutItem', () =>
      this.#client.send(
        new PutCommand({ TableName: this.#name, Item: rowOf(item, (before?.revision ?? 0) + 1), ...unchanged }),
      ),
    );
  }

  /**
   * Sets fields of an item where the fields of `where` have these values; drops the fields of `remove`. False where
   * they have not, or there is no such item.
   */
  update(key: ItemKey, where: Row, set: Row, remove: readonly string[] = []): Promise<boolean> {
    const names: Record<string, string> = {};
    const values: Row = { ':one': 1 };
    const equal = ([field, value]: [string, unknown], mark: string): string => {
      names[`#${field}`] = field;
      values[`:${mark}${field}`] = value;
      return `#${field} = :${mark}${field}`;
    };
    const condition = Object.entries(where).map((entry) => equal(entry, 'w'));
    const sets = Object.entries(set).map((entry) => equal(entry, 's'));
    const removes = remove.map((field) => {
      names[`#${field}`] = field;
      return `#${field}`;
    });
    return conditionHeld('UpdateItem', () =>
      this.#client.send(
        new UpdateCommand({
          TableName: this.#name,
          Key: { ...key },
          ConditionExpression: ['attribute_exists(pk)', ...condition].join(' AND '),
          UpdateExpression: `SET ${sets.join(', ')}${removes.length > 0 ? ` REMOVE ${removes.join(', ')}` : ''} ADD revision :one`,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      ),
    );
  }

  /** One page of a query by partition key; `index` null reads the table itself, consistently. */
  query(options: {
    index: string | null;
    condition: string;
    filter?: string;
    names?: Record<string, string>;
    values: Row;
    limit?: number;
    newestFirst?: boolean;
    after?: Row | undefined;
  }): Promise<QueryPage> {
    return translated('Query', async () => {
      const answer = await this.#client.send(
        new QueryCommand({
          TableName: this.#name,
          ...(options.index === null ? { ConsistentRead: true } : { IndexName: options.index }),
          KeyConditionExpression: options.condition,
          FilterExpression: options.filter,
          ExpressionAttributeNames: options.names,
          ExpressionAttributeValues: options.values,
          Limit: options.limit,
          ScanIndexForward: options.newestFirst !== true,
          ExclusiveStartKey: options.after,
        }),
      );
      return { rows: answer.Items ?? [], last: answer.LastEvaluatedKey };
    });
  }
}
