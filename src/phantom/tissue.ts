/** Relative signals of the tissues, air 0, cerebrospinal fluid on T2 about 1; coil and noise come later. */
export interface Tissues {
  readonly fluid: number;
  readonly cord: number;
  readonly roots: number;
  readonly marrow: number;
  readonly cortex: number;
  readonly ligament: number;
  readonly annulus: number;
  /** Nucleus by Pfirrmann grade; index 0 is unused. */
  readonly nucleus: readonly number[];
  readonly herniated: number;
  readonly fat: number;
  readonly muscle: number;
  readonly vessel: number;
  readonly bowel: number;
  readonly skin: number;
  readonly vein: number;
}

/** Fast spin echo, TR 3500 ms, TE 100 ms: fluid and fat bright, cortex and ligaments dark. */
export const T2: Tissues = {
  fluid: 0.98,
  cord: 0.46,
  roots: 0.5,
  marrow: 0.34,
  cortex: 0.05,
  ligament: 0.05,
  annulus: 0.08,
  nucleus: [0, 0.66, 0.55, 0.36, 0.18, 0.12],
  herniated: 0.17,
  fat: 0.66,
  muscle: 0.15,
  vessel: 0.04,
  bowel: 0.3,
  skin: 0.3,
  vein: 0.62,
};

/** Spin echo, TR 500 ms, TE 10 ms: fat and marrow bright, fluid dark, discs grey without a nucleus to be seen. */
export const T1: Tissues = {
  fluid: 0.14,
  cord: 0.3,
  roots: 0.24,
  marrow: 0.5,
  cortex: 0.06,
  ligament: 0.07,
  annulus: 0.26,
  nucleus: [0, 0.3, 0.3, 0.29, 0.27, 0.25],
  herniated: 0.27,
  fat: 0.95,
  muscle: 0.26,
  vessel: 0.05,
  bowel: 0.32,
  skin: 0.35,
  vein: 0.4,
};
