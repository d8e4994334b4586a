import { type Report, reportSchema, SEGMENTATION_CLASSES } from '../contracts/report.ts';

/**
 * The bytes of `report.json`: keys in the schema's order, two spaces of indent, a newline at the end. Equal reports give
 * equal bytes, in whatever order their keys were set. Throws on a report that breaks its schema.
 */
export function serialiseReport(report: Report): string {
  const ordered = reportSchema.parse(report);
  const areas = ordered.segmentation?.areasMm2 ?? null;
  if (ordered.segmentation !== null && areas !== null) {
    const byClass = SEGMENTATION_CLASSES.map((name) => [name, areas[name]] as const);
    ordered.segmentation.areasMm2 = Object.fromEntries(byClass) as typeof areas;
  }
  return `${JSON.stringify(ordered, null, 2)}\n`;
}
