export interface Acknowledgement {
  readonly rule: string;
  readonly resource: string;
  readonly control: string;
  readonly owner: string;
}

export const ACKNOWLEDGEMENTS: readonly Acknowledgement[] = [];
