/**
 * The import rules of src/README.md. Each rule says why it stands; `npm run check:imports` applies them.
 */

/** Rooms of src/ by floor: a room imports only floors below its own. */
const FLOORS = [
  ['contracts'],
  ['imaging'],
  ['dicom', 'archive', 'packs', 'detection', 'classification', 'segmentation', 'ensemble', 'measurement', 'evaluation'],
  ['reporting', 'phantom'],
  ['pipeline'],
  ['aws', 'inference', 'pictures', 'embedded'],
  ['cli'],
];

const rooms = (names) => `^src/(${names.join('|')})/`;
const above = (floor) => FLOORS.slice(floor + 1).flat();
/** The domain: everything that must run the same without a cloud, a network or a disk. */
const DOMAIN = FLOORS.slice(0, 5).flat();

const floorRules = FLOORS.slice(0, -1).map((names, floor) => ({
  name: `floor-${floor}-imports-below-only`,
  comment: `${names.join(', ')}: data flows one way, so a change above can never break what lies below.`,
  severity: 'error',
  from: { path: rooms(names) },
  to: { path: rooms(above(floor)) },
}));

const neighbourRules = FLOORS.filter((names) => names.length > 1).map((names) => ({
  name: `${names[0]}-and-neighbours-stay-apart`,
  comment: 'Rooms of one floor do not import each other: pipeline (or a composition root) puts them together.',
  severity: 'error',
  from: { path: rooms(names) },
  to: { path: rooms(names), pathNot: '^src/$1/' },
}));

const library = (name, comment, libraries, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^(src|functions|infra)/', pathNot: allowed },
  to: { path: `^(node_modules/)?(${libraries.join('|')})(/|$)` },
});

module.exports = {
  forbidden: [
    ...floorRules,
    ...neighbourRules,
    {
      name: 'src-imports-nothing-outside',
      comment:
        'Only the command puts handlers of functions/ to work on one machine (docs/adr/0005); nothing in src/ knows infra, tests or scripts.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^(functions|infra|test|scripts|bench)/' },
    },
    {
      name: 'cli-imports-handlers-only',
      comment: 'The command is a composition root: it may use functions/, never infrastructure code, tests or scripts.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^(infra|test|scripts|bench)/' },
    },
    {
      name: 'functions-import-src-only',
      comment: 'A deployable is built from src/ alone.',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^(infra|test|scripts|bench|src/cli)/' },
    },
    {
      name: 'functions-stay-apart',
      comment: 'Each folder of functions/ is one deployable; what two of them share belongs to a room of src/.',
      severity: 'error',
      from: { path: '^functions/([^/]+)/' },
      to: { path: '^functions/[^/]+/', pathNot: '^functions/$1/' },
    },
    {
      name: 'infra-imports-contracts-only',
      comment: 'Infrastructure code shares names and schemas with the program, never its behaviour.',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: '^(src/(?!contracts/)|functions/|test/|scripts/|bench/)' },
    },
    library(
      'dicom-libraries-in-dicom-only',
      'DICOM parsers accept what they should refuse; one room checks everything that comes out of them.',
      ['dicom-parser'],
      '^src/dicom/',
    ),
    library(
      'onnxruntime-in-inference-only',
      'Sessions live in worker threads behind the Engine port; no other room may open one.',
      ['onnxruntime-node'],
      '^src/inference/',
    ),
    library(
      'sharp-in-pictures-only',
      'The native picture library stands behind ports, inside the limits of one room.',
      ['sharp'],
      '^src/pictures/',
    ),
    library(
      'codecs-in-pictures-only',
      'Native and WASM decoders run in the decoder worker alone, under its memory cap and deadline.',
      ['@cornerstonejs'],
      '^src/pictures/',
    ),
    library(
      'aws-sdk-in-adapters-only',
      'SDK types stay out of the domain: adapters translate them, composition roots make the clients.',
      ['@aws-sdk', '@smithy'],
      '^(src/(aws|embedded)|functions)/',
    ),
    library(
      'embedded-services-in-embedded-only',
      'The services of one machine are an adapter like any other.',
      ['fauxqs', 'dynalite', 'fastify'],
      '^src/embedded/',
    ),
    library(
      'middy-in-handlers-only',
      'Lambda middleware belongs to the handlers and the room that serves them.',
      ['@middy', '@aws-lambda-powertools'],
      '^(src/aws|functions)/',
    ),
    library(
      'cdk-in-infra-only',
      'Deployment code is no part of the program.',
      ['aws-cdk-lib', 'constructs', 'cdk-nag'],
      '^infra/',
    ),
    {
      name: 'domain-knows-no-disk-or-network',
      comment:
        'Everything up to pipeline reads and writes through ports: it runs the same in a Lambda, a container and a test.',
      severity: 'error',
      from: { path: rooms(DOMAIN) },
      to: { path: '^(node:)?(fs|net|http|https|http2|dgram|tls|child_process|worker_threads|cluster|os)(/|$)' },
    },
    {
      name: 'no-circular-imports',
      comment: 'A circle cannot be read, tested or moved one part at a time.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A module that nothing imports and that imports nothing is left over.',
      severity: 'error',
      from: { orphan: true, pathNot: ['\\.d\\.ts$', '^scripts/', '\\.config\\.ts$'] },
      to: {},
    },
    {
      name: 'no-unresolved-imports',
      comment: 'An import that cannot be found escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages-in-the-program',
      comment: 'The program is installed without development packages.',
      severity: 'error',
      from: { path: '^(src|functions)/', pathNot: '\\.d\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
