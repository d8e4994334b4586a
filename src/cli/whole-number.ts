import { InvalidArgumentError } from 'commander';

/** Reads an option that counts something: a whole number from 1, up to `most`. */
export const wholeNumber =
  (most: number) =>
  (value: string): number => {
    const number = Number(value);
    if (Number.isSafeInteger(number) && number >= 1 && number <= most) return number;
    throw new InvalidArgumentError(
      most < Number.MAX_SAFE_INTEGER ? `a whole number, 1 to ${most}.` : 'a whole number, 1 or more.',
    );
  };
