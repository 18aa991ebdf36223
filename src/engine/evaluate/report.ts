/** An evaluation as files: JSON, CSV, the cumulative error plot, and a sheet of normal maps and their errors. */
import { join } from 'node:path'
import { type Cell, encodeCsv } from '../formats/csv.js'
import { normalPicture, scalarPicture } from '../image/colors.js'
import { encodePng, type Picture, pictureFromFloats, renderSvg } from '../image/picture.js'
import { linePlot, type PlotSeries } from '../image/plot.js'
import { composeSheet, type SheetCell } from '../image/sheet.js'
import { EVALUATION_FILE, writeFileAtomic } from '../system/files.js'
import { GENERATOR, VERSION } from '../system/version.js'
import type { Evaluation } from './index.js'
import { normalAngles } from './normal-error.js'
import type { CaseScore } from './score.js'

/** Normal errors are shown from dark (0°) to light (this many degrees). */
const SHOWN_DEGREES = 40

/**
 * Writes evaluation.json, cases.csv, cumulative.csv, cumulative.svg, cumulative.png and, where there are maps, sheet.png.
 * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE
 */
export async function writeEvaluation(evaluation: Evaluation, folder: string): Promise<void> {
  for (const [name, data] of Object.entries(await evaluationFiles(evaluation)))
    await writeFileAtomic(join(folder, name), data)
}

/** The files as bytes by name. */
export async function evaluationFiles(evaluation: Evaluation): Promise<Record<string, Uint8Array | string>> {
  const { pictures, curve, ...rest } = evaluation
  const svg = curvePlot([
    ...(curve.coarse ? [{ name: 'coarse', x: curve.distance, y: curve.coarse, dashed: true }] : []),
    { name: 'detailed', x: curve.distance, y: curve.detail },
  ])
  const files: Record<string, Uint8Array | string> = {
    'cases.csv': csv([
      COLUMNS.map(([name]) => name),
      ...rest.scores.map((score) => COLUMNS.map(([, value]) => value(score))),
    ]),
    'cumulative.csv': csv([
      ['distance_mm', 'detail_percent', ...(curve.coarse ? ['coarse_percent'] : [])],
      ...curve.distance.map((d, i) => [d, curve.detail[i], ...(curve.coarse ? [curve.coarse[i]] : [])]),
    ]),
    'cumulative.svg': svg,
    'cumulative.png': await encodePng(await renderSvg(svg)),
  }
  if (pictures.length > 0) files['sheet.png'] = await encodePng(await errorSheet(pictures))
  files[EVALUATION_FILE] = `${JSON.stringify({ generator: GENERATOR, version: VERSION, ...rest, curve }, null, 2)}\n`
  return files
}

/** The cumulative error plot of one or several methods (Fig. 6 of the paper). */
export function curvePlot(series: PlotSeries[]): string {
  return linePlot(series, {
    title: 'Scan-to-mesh distance',
    xLabel: 'distance, mm',
    yLabel: 'scan vertices within, %',
    yRange: [0, 100],
    legend: 'bottom',
  })
}

/** Columns of cases.csv. */
const COLUMNS: [name: string, value: (score: CaseScore) => Cell][] = [
  ['case', (s) => s.name],
  ['group', (s) => s.group],
  ['alignment', (s) => s.alignment],
  ...(['detail', 'coarse'] as const).flatMap((kind): [string, (score: CaseScore) => Cell][] => [
    [`${kind}_scan_vertices`, (s) => s.scan[kind]?.count],
    [`${kind}_scan_median_mm`, (s) => s.scan[kind]?.median],
    [`${kind}_scan_mean_mm`, (s) => s.scan[kind]?.mean],
    [`${kind}_scan_std_mm`, (s) => s.scan[kind]?.std],
    [`${kind}_scale`, (s) => s.scan[kind]?.scale],
    [`${kind}_normal_mean_deg`, (s) => s.normals?.[kind]?.meanDegrees],
    [`${kind}_normal_median_deg`, (s) => s.normals?.[kind]?.medianDegrees],
    [`${kind}_fine_correlation`, (s) => s.normals?.[kind]?.fine.correlation],
    [`${kind}_fine_gain`, (s) => s.normals?.[kind]?.fine.gain],
    [`${kind}_medium_correlation`, (s) => s.normals?.[kind]?.medium.correlation],
    [`${kind}_medium_gain`, (s) => s.normals?.[kind]?.medium.gain],
  ]),
  ...(['detail', 'coarse'] as const).flatMap((kind): [string, (score: CaseScore) => Cell][] =>
    (['edges', 'elsewhere'] as const).flatMap((where): [string, (score: CaseScore) => Cell][] => [
      [`${kind}_albedo_${where}_normal_deg`, (s) => s.albedoEdges?.[kind]?.[where].meanDegrees],
      [`${kind}_albedo_${where}_false_relief_deg`, (s) => s.albedoEdges?.[kind]?.[where].falseReliefDegrees],
    ]),
  ),
  ...(['mouth', 'rightLids', 'leftLids'] as const).flatMap((name): [string, (score: CaseScore) => Cell][] => {
    const column = { mouth: 'mouth', rightLids: 'right_lids', leftLids: 'left_lids' }[name]
    return [
      [`${column}_true_mm`, (s) => s.expression?.[name].trueMm],
      [`${column}_mm`, (s) => s.expression?.[name].foundMm],
    ]
  }),
  ['lips_percent', (s) => s.expression?.lipsPercent],
  ['lids_percent', (s) => s.expression?.lidsPercent],
  ['albedo_edge_share', (s) => s.albedoEdges?.share],
  ['pixels', (s) => s.normals?.pixels],
  ['coverage', (s) => s.normals?.coverage],
  ['psnr_db', (s) => s.photo?.psnr],
  ['mean_levels', (s) => s.photo?.meanLevels],
  ['seconds', (s) => s.run?.seconds],
  ['memory_mib', (s) => s.run?.memoryMiB],
]

/** Figures to six digits; nothing where there is none. */
const csv = (rows: Cell[][]): string =>
  encodeCsv(
    rows.map((row) =>
      row.map((cell) => {
        if (typeof cell !== 'number') return cell
        return Number.isFinite(cell) ? Number(cell.toPrecision(6)) : undefined
      }),
    ),
  )

/** A row a case: photo, true normals, coarse and detailed normals and their errors. */
async function errorSheet(pictures: Evaluation['pictures']): Promise<Picture> {
  const rows = pictures.map(({ name, maps }, row): SheetCell[] => {
    const { result, truth, mask, image } = maps
    const { size } = result.crop
    const normals = (map: Float32Array | undefined): Picture | undefined =>
      map &&
      normalPicture(
        map.map((v, i) => (mask[Math.floor(i / 3)] ? v : 0)),
        size,
        size,
      )
    // 'grey' runs from light to dark, so it is shown negated: the larger the error, the lighter.
    const error = (map: Float32Array | undefined): Picture | undefined =>
      map &&
      scalarPicture(
        normalAngles(map, truth.normals, mask).map((a) => -a),
        size,
        size,
        { name: 'grey', range: [-SHOWN_DEGREES, 0] },
      )
    const cells: [Picture | undefined, string][] = [
      [pictureFromFloats(image, size, size), name],
      [normals(truth.normals), 'truth'],
      [normals(result.coarseNormals), 'coarse'],
      [normals(result.normals), 'detailed'],
      [error(result.coarseNormals), `coarse error 0-${SHOWN_DEGREES}°`],
      [error(result.normals), 'detailed error'],
    ]
    return cells.map(([picture, caption], i) => ({ picture, caption: row === 0 || i === 0 ? caption : '' }))
  })
  return composeSheet(rows, { cell: 256 })
}
