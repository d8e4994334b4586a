/**
 * A construct as the interface that it implements. CDK declares optional members of its classes as `T | undefined`,
 * which `exactOptionalPropertyTypes` tells apart from the `T?` of its own interfaces.
 */
export const conforms = <Interface extends object>(construct: Partial<Record<keyof Interface, unknown>>): Interface =>
  construct as Interface;
