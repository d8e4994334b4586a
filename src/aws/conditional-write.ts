import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { translated } from './faults.ts';

/** Whether a write's condition held; passing faults become `TransientFault`, all others go on as they are. */
export function conditionHeld(operation: string, write: () => Promise<unknown>): Promise<boolean> {
  return translated(operation, async () => {
    try {
      await write();
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  });
}
