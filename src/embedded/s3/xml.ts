import { XMLParser } from 'fast-xml-parser';

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text for an element; characters that XML 1.0 cannot hold become numeric references, as S3 does. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']|\p{Cc}/gu, (char) => ENTITIES[char] ?? `&#x${char.charCodeAt(0).toString(16)};`);
}

export const element = (name: string, value: string | number | boolean): string =>
  `<${name}>${escapeXml(String(value))}</${name}>`;

export const optionalElement = (name: string, value: string | number | undefined): string =>
  value === undefined || value === '' ? '' : element(name, value);

export const group = (name: string, inner: string): string => `<${name}>${inner}</${name}>`;

export function xmlDocument(root: string, inner: string, namespace?: string): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${inner}</${root}>`;
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: true,
  htmlEntities: false,
  isArray: (name) => name === 'Part' || name === 'Object',
});

/** Parses a request document whose repeated elements are `Part` or `Object`; values stay text. Throws on bad XML. */
export function parseXml(text: string): Record<string, unknown> {
  return parser.parse(text, true) as Record<string, unknown>;
}
