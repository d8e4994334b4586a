declare module 'dynalite' {
  import type { Server } from 'node:http';
  /** A DynamoDB on LevelDB; in memory where no path is given. */
  export default function dynalite(options?: {
    path?: string;
    createTableMs?: number;
    deleteTableMs?: number;
    updateTableMs?: number;
  }): Server;
}
