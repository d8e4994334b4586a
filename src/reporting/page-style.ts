/** The page's style sheet; its hash stands in the page's content security policy. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --panel: #f3f5f8; --ink: #14181f; --faint: #515c6b; --line: #ccd3dc;
  --herniation: #b34f00; --bulge: #8a5f00; --warn-ground: #fdf3c7; --warn-ink: #4d3d00; --stop-ground: #fbe0d6; --stop-ink: #6b2000; }
@media (prefers-color-scheme: dark) { :root { --ground: #0e1116; --panel: #1a1f27; --ink: #f0f3f7; --faint: #a5aeba; --line: #3a4350;
  --herniation: #ff9a4d; --bulge: #f0b429; --warn-ground: #3d3510; --warn-ink: #f7e9a8; --stop-ground: #44200f; --stop-ink: #ffcdb5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
p { margin: .25rem 0 .75rem; }
.use { font-weight: 600; margin: 0 0 1rem; }
.banner { padding: .75rem 1rem; border-radius: .5rem; background: var(--panel); border-left: .5rem solid var(--faint); }
.banner.needs_review { background: var(--warn-ground); color: var(--warn-ink); border-color: #c9a400; }
.banner.rejected, .banner.failed, .banner.quarantined, .banner.cancelled { background: var(--stop-ground); color: var(--stop-ink); border-color: #d55e00; }
.banner strong { font-size: 1.15rem; }
.banner p:last-child, .banner ul:last-child { margin-bottom: 0; }
.summary { font-size: 1.1rem; }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; height: auto; border-radius: .5rem; background: #0e1116; }
figcaption, .note, small { color: var(--faint); font-size: .9rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); font-size: .9rem; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
thead th { font-size: .9rem; color: var(--faint); }
td.number { text-align: right; white-space: nowrap; }
thead th.number { text-align: right; }
tbody th .level { white-space: nowrap; }
.verdict { display: block; font-weight: 600; }
.verdict.herniation { color: var(--herniation); }
.verdict.bulgeOrHerniation { color: var(--bulge); }
.verdict.absent { font-weight: 400; }
.mark { display: inline-block; border: 1px solid currentColor; border-radius: .3rem; padding: 0 .35rem; font-size: .8rem; font-weight: 400; }
dl { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; }
dd, code, li { overflow-wrap: anywhere; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.wide { overflow-x: auto; }
details summary { cursor: pointer; padding: .4rem 0; }
footer { margin-top: 2rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--faint); font-size: .9rem; }
@media (max-width: 40rem) {
  .stacked thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stacked, .stacked caption, .stacked tbody, .stacked tr, .stacked th, .stacked td { display: block; }
  .stacked tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  .stacked th, .stacked td { border: 0; padding: .1rem 0; }
  .stacked td.number { text-align: left; }
  .stacked td::before { content: attr(data-label) ": "; color: var(--faint); }
  .stacked th { font-size: 1.15rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
}
@media print {
  @page { size: A4; margin: 14mm; }
  :root { font-size: 10pt; color-scheme: light; --ground: #fff; --panel: #f3f5f8; --ink: #000; --faint: #444; --line: #bbb;
    --herniation: #b34f00; --bulge: #8a5f00; --warn-ground: #fdf3c7; --warn-ink: #4d3d00; --stop-ground: #fbe0d6; --stop-ink: #6b2000; }
  body { padding: 0; max-width: none; }
  table { font-size: .9rem; }
  th, td { padding: .2rem .4rem; }
  figure img { max-height: 125mm; width: auto; max-width: 100%; margin: 0 auto; }
  .banner, .verdict, figure img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  tr, figure, .banner { break-inside: avoid; }
  h2 { break-after: avoid; }
}
`;
