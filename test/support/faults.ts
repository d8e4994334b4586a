/** A stand-in for a process that dies at one of its side effects. */
export class InjectedFault extends Error {
  override readonly name = 'InjectedFault';
}

export interface FaultPlan {
  /** Every call that a wrapped port saw, in order: `port.method`. */
  readonly calls: string[];
  /** Which call throws, from 0; null lets all through. */
  failAt: number | null;
  /** Whether the call takes effect before it throws. */
  after: boolean;
}

export const noFaults = (): FaultPlan => ({ calls: [], failAt: null, after: false });

/** Wraps a port so that the planned call throws once, before or after its effect. */
export function withFaults<Port extends object>(name: string, port: Port, plan: FaultPlan): Port {
  return new Proxy(port, {
    get(target, property) {
      const member = Reflect.get(target, property) as unknown;
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        const index = plan.calls.push(`${name}.${String(property)}`) - 1;
        const fails = index === plan.failAt;
        if (fails && !plan.after) throw new InjectedFault(plan.calls[index]);
        const result: unknown = await member.apply(target, args);
        if (fails) throw new InjectedFault(plan.calls[index]);
        return result;
      };
    },
  });
}
