/**
 * Writes docs/results.md: reconstructs every case of a folder of ground truth with each preset, one process a case so that
 * time and memory are its own, measures the results, and makes tables, the cumulative error plot and sheets of them.
 *
 *   npm run results -- [--truth DIR] [--preset NAME]... [--out DIR] [--reuse]
 *
 * --reuse keeps reconstructions that are already in the output folder. Nothing is written to docs/ unless every case of every
 * preset was measured.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Evaluation, evaluate, findCases } from '../src/engine/evaluate/index.js'
import { curvePlot, evaluationFiles, writeEvaluation } from '../src/engine/evaluate/report.js'
import { REPORT_FILE, writeFileAtomic } from '../src/engine/files.js'
import { decodePicture, encodeJpeg, encodePng, renderSvg } from '../src/engine/image/picture.js'
import type { PlotSeries } from '../src/engine/image/plot.js'
import { VERSION } from '../src/engine/version.js'

const { values } = parseArgs({
  options: {
    truth: { type: 'string', default: '../shared/data/scans' },
    preset: { type: 'string', multiple: true, default: ['preview', 'balanced'] },
    out: { type: 'string', default: 'out/results' },
    reuse: { type: 'boolean', default: false },
  },
})

const cases = await findCases(values.truth)
const measured: { preset: string; evaluation: Evaluation }[] = []
for (const preset of values.preset) {
  const results = join(values.out, preset)
  for (const one of cases) {
    const folder = join(results, one.name)
    if (values.reuse && existsSync(join(folder, REPORT_FILE))) continue
    console.log(`${preset}: ${one.name}`)
    const line = ['dist/cli.js', 'reconstruct', one.image, '-o', folder, '--preset', preset, '--quiet']
    const { status } = spawnSync(process.execPath, line, { stdio: 'inherit' })
    if (status !== 0) throw new Error(`${preset}: the reconstruction of ${one.name} failed`)
  }
  const evaluation = await evaluate({ cases, results })
  if (evaluation.missing.length > 0) throw new Error(`${preset}: no reconstruction of ${evaluation.missing.join(', ')}`)
  await writeEvaluation(evaluation, join(results, 'evaluation'))
  measured.push({ preset, evaluation })
}

const svg = curvePlot(curves())
await writeFileAtomic('docs/images/results-cumulative.png', await encodePng(await renderSvg(svg)))
const sheets: string[] = []
for (const { preset, evaluation } of measured) {
  const sheet = (await evaluationFiles(evaluation))['sheet.png']
  if (typeof sheet !== 'object') continue
  await writeFileAtomic(`docs/images/results-${preset}.jpg`, await encodeJpeg(await decodePicture(sheet), 88))
  sheets.push(preset)
}
await writeFileAtomic('docs/results.md', await page())
console.log('docs/results.md')

/** The coarse fit once (it is the same for all presets), and each preset. */
function curves(): PlotSeries[] {
  const { curve } = measured[0].evaluation
  const coarse = curve.coarse ? [{ name: 'coarse', x: curve.distance, y: curve.coarse, dashed: true }] : []
  const series = measured.map(({ preset, evaluation }) => ({
    name: preset,
    x: evaluation.curve.distance,
    y: evaluation.curve.detail,
  }))
  return [...coarse, ...series]
}

async function page(): Promise<string> {
  return [
    '# Results',
    '',
    'Written by `npm run results`; what the figures mean: [evaluation.md](evaluation.md).',
    '',
    `${cases.length} views (${cases.map(({ name }) => name).join(', ')}), each reconstructed from its picture alone. sider ${VERSION}`,
    `on ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory, Node ${process.version},`,
    `${process.platform} ${process.arch}, ${new Date().toISOString().slice(0, 10)}. Backend: ${await backends()}.`,
    `Seconds are wall-clock; the machine's load average over the last 15 minutes was ${loadavg()[2].toFixed(1)}, other work included.`,
    '',
    '## Presets',
    '',
    'Distances over the scan vertices of all views together; the rest are means over the views.',
    '',
    ...table(
      ['', 'scan median / mean / std, mm', 'normals', 'fine', 'medium', 'PSNR', 'seconds', 'MiB'],
      [coarseRow(), ...measured.map(({ preset, evaluation }) => presetRow(preset, evaluation))],
    ),
    '',
    '![Percentage of scan vertices within a distance](images/results-cumulative.png)',
    ...measured.flatMap(({ preset, evaluation }) => ['', `## Views, preset ${preset}`, '', ...viewTable(evaluation)]),
    ...sheets.flatMap((preset) => [
      '',
      `## Normals, preset ${preset}`,
      '',
      `![Truth, coarse and detailed normals, and their errors](images/results-${preset}.jpg)`,
    ]),
    '',
  ].join('\n')
}

function coarseRow(): string[] {
  const { pooled, scores } = measured[0].evaluation
  const of = (value: (normals: NonNullable<(typeof scores)[0]['normals']>['coarse']) => number | undefined): number =>
    mean(scores.map(({ normals }) => value(normals?.coarse)))
  return [
    'coarse fit',
    pooled.coarse ? triple(pooled.coarse) : '',
    `${of((n) => n?.meanDegrees).toFixed(1)}°`,
    agreement(
      of((n) => n?.fine.correlation),
      of((n) => n?.fine.gain),
    ),
    agreement(
      of((n) => n?.medium.correlation),
      of((n) => n?.medium.gain),
    ),
    '',
    '',
    '',
  ]
}

function presetRow(preset: string, { pooled, scores }: Evaluation): string[] {
  const of = (value: (score: Evaluation['scores'][0]) => number | undefined): number => mean(scores.map(value))
  return [
    preset,
    triple(pooled.detail),
    `${of((s) => s.normals?.detail.meanDegrees).toFixed(1)}°`,
    agreement(
      of((s) => s.normals?.detail.fine.correlation),
      of((s) => s.normals?.detail.fine.gain),
    ),
    agreement(
      of((s) => s.normals?.detail.medium.correlation),
      of((s) => s.normals?.detail.medium.gain),
    ),
    of((s) => s.photo?.psnr).toFixed(1),
    of((s) => s.run?.seconds).toFixed(0),
    of((s) => s.run?.memoryMiB).toFixed(0),
  ]
}

function viewTable({ scores }: Evaluation): string[] {
  const rows = scores.map(({ name, scan, normals, photo, run }) => [
    name,
    triple(scan.detail),
    scan.coarse ? triple(scan.coarse) : '',
    normals ? `${normals.detail.meanDegrees.toFixed(1)}° (${normals.coarse?.meanDegrees.toFixed(1) ?? ''}°)` : '',
    normals ? agreement(normals.detail.fine.correlation, normals.detail.fine.gain) : '',
    normals ? agreement(normals.detail.medium.correlation, normals.detail.medium.gain) : '',
    photo?.psnr.toFixed(1) ?? '',
    run?.seconds?.toFixed(0) ?? '',
    run?.memoryMiB?.toFixed(0) ?? '',
  ])
  const head = ['', 'scan, mm', 'coarse scan, mm', 'normals (coarse)', 'fine', 'medium', 'PSNR', 'seconds', 'MiB']
  return table(head, rows)
}

async function backends(): Promise<string> {
  const names = new Set<string>()
  for (const { preset } of measured)
    for (const { name } of cases) {
      const report = JSON.parse(await readFile(join(values.out, preset, name, REPORT_FILE), 'utf8')) as {
        backend: string
      }
      names.add(report.backend)
    }
  return [...names].join(', ')
}

function table(head: string[], rows: string[][]): string[] {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`)
}

function triple({ median, mean, std }: { median: number; mean: number; std: number }): string {
  return [median, mean, std].map((x) => x.toFixed(2)).join(' / ')
}

function agreement(correlation: number, gain: number): string {
  return `${correlation.toFixed(2)}, gain ${gain.toFixed(2)}`
}

function mean(list: (number | undefined)[]): number {
  const known = list.filter((v) => v !== undefined)
  return known.reduce((a, b) => a + b, 0) / known.length
}
