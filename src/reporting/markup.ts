/** HTML that is safe to insert as it stands: only `markup` and `trustedMarkup` make it. */
export interface Markup {
  readonly html: string;
}

type Piece = Markup | string | number | null | readonly Markup[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand between tags and inside quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

/** A template whose values are escaped unless they are markup; null leaves nothing. */
export function markup(strings: TemplateStringsArray, ...pieces: Piece[]): Markup {
  const html = strings.reduce((built, text, index) => built + htmlOf(pieces[index - 1] ?? null) + text);
  return { html };
}

/** Text of this program's own that is markup already. */
export const trustedMarkup = (html: string): Markup => ({ html });

function htmlOf(piece: Piece): string {
  if (piece === null) return '';
  if (typeof piece === 'string' || typeof piece === 'number') return escapeHtml(String(piece));
  if ('html' in piece) return piece.html;
  return piece.map(({ html }) => html).join('');
}
