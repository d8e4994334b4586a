import { createRequire } from 'node:module';

type Item = Record<string, unknown>;
type Done = (error?: Error | null) => void;
type Operation = { type: 'put'; key: string; value: Item } | { type: 'del'; key: string };

interface Table {
  readonly TableName: string;
  readonly GlobalSecondaryIndexes?: unknown[];
}

interface ItemDb {
  put(key: string, item: Item, done: Done): void;
  del(key: string, done: Done): void;
}

interface Store {
  readonly db: { batch(operations: Operation[], done: Done): void };
  getItemDb(table: string): ItemDb;
}

/** The parts of dynalite 4.0.0's `db` module that its actions call through the module. */
interface DynaliteDb {
  create(options: object): Store;
  updateIndexes(store: Store, table: Table, before: Item | undefined, after: Item | null, done: Done): void;
  getIndexActions(
    indexes: unknown[],
    before: Item | undefined,
    after: Item | null,
    table: Table,
  ): { puts: Array<{ index: string; key: string; item: Item }>; deletes: Array<{ index: string; key: string }> };
}

const PATCHED = Symbol.for('discflow.dynalite.atomic');

/**
 * dynalite writes an item and each of its index entries one after the other: a process that is killed in between loses
 * an index entry for ever, and with it a run that has not ended. Here they go to LevelDB as one batch, which is atomic,
 * and is one wait instead of nine. To be called before dynalite makes its store; calls after the first do nothing.
 */
export function makeWritesAtomic(): void {
  const db = createRequire(import.meta.url)('dynalite/db') as DynaliteDb & { [PATCHED]?: true };
  if (db[PATCHED] === true) return;
  db[PATCHED] = true;
  const staged = new WeakMap<Store, Operation[]>();
  const create = db.create;
  db.create = (options) => withAtomicItems(create(options), staged);
  // Each action writes the item in the same turn of the event loop in which `updateIndexes` calls it back.
  db.updateIndexes = (store, table, before, after, done) => {
    const { puts, deletes } = db.getIndexActions(table.GlobalSecondaryIndexes ?? [], before, after, table);
    const key = (action: { index: string; key: string }) =>
      `index-global~${table.TableName}~${action.index}~${action.key}`;
    staged.set(store, [
      ...deletes.map((action) => ({ type: 'del' as const, key: key(action) })),
      ...puts.map((action) => ({ type: 'put' as const, key: key(action), value: action.item })),
    ]);
    done();
  };
}

function withAtomicItems(store: Store, staged: WeakMap<Store, Operation[]>): Store {
  const take = (): Operation[] => {
    const operations = staged.get(store) ?? [];
    staged.delete(store);
    return operations;
  };
  const getItemDb = store.getItemDb;
  const items = new Map<string, ItemDb>();
  store.getItemDb = (table) => {
    const known = items.get(table);
    if (known !== undefined) return known;
    const name = (key: string) => `item-${table}~${key}`;
    const atomic = Object.assign(Object.create(getItemDb(table)) as ItemDb, {
      put: (key: string, value: Item, done: Done) =>
        store.db.batch([...take(), { type: 'put', key: name(key), value }], done),
      del: (key: string, done: Done) => store.db.batch([...take(), { type: 'del', key: name(key) }], done),
    });
    items.set(table, atomic);
    return atomic;
  };
  return store;
}
