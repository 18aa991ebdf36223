/** `npm run ablate`: what each idea is worth. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PRESETS, resolveSettings } from '../src/engine/config.js'
import { SiderError } from '../src/engine/errors.js'
import { type Case, findCases } from '../src/engine/evaluate/index.js'
import { normalAngles } from '../src/engine/evaluate/normal-error.js'
import type { CaseScore } from '../src/engine/evaluate/score.js'
import { normalPicture, scalarPicture } from '../src/engine/image/colors.js'
import { encodeJpeg, pictureFromFloats } from '../src/engine/image/picture.js'
import { composeSheet, type SheetCell } from '../src/engine/image/sheet.js'
import { writeFileAtomic } from '../src/engine/system/files.js'
import { type Measured, measure } from './ablation/measure.js'
import { figures, studyTable, type VariantFigures } from './ablation/table.js'
import { evidenceStudy, NETWORK_STUDY, reliefStudy, type Study } from './ablation/variants.js'
import { commandLine, refuse } from './command-line.js'

const STUDIES = ['relief', 'evidence', 'network'] as const

const HELP = `Switches off one idea at a time and measures what becomes of the result: a table with a verdict on each idea, and a picture.

Usage: npm run ablate -- [options]

  --truth DIR     ground truth; repeatable (default ../shared/data/scans and out/truth, where they are)
  --case NAME     the cases whose names begin like this; repeatable (default all)
  --study NAME    ${STUDIES.join(', ')}; repeatable (default all)
  --preset NAME   of the first two studies (default balanced)
  --all-network   the network study on every case, not the first alone: it takes minutes a run
  --out DIR       ablation.md, figures and pictures (default out/ablation)

Example: ground truth, then the relief's ideas on it
  npm run sider -- generate -o out/truth
  npm run ablate -- --truth out/truth --study relief --preset preview
`

const { values } = commandLine(HELP, {
  truth: { type: 'string', multiple: true },
  case: { type: 'string', multiple: true },
  study: { type: 'string', multiple: true, default: STUDIES, choices: STUDIES },
  preset: { type: 'string', default: 'balanced', choices: Object.keys(PRESETS) },
  'all-network': { type: 'boolean' },
  out: { type: 'string', default: 'out/ablation' },
})

const folders = values.truth ?? ['../shared/data/scans', 'out/truth'].filter(existsSync)
const found = (await Promise.all(folders.map((folder) => findCases(folder)))).flat()
const cases = found.filter(({ name }) => !values.case || values.case.some((start) => name.startsWith(start)))
if (cases.length === 0)
  refuse(HELP, 'There are no cases: give --truth, or make some with `npm run sider -- generate -o out/truth`.')

const pages = new Map<string, string[]>()
for (const study of [reliefStudy(values.preset), evidenceStudy(values.preset), NETWORK_STUDY]) {
  if (!values.study.includes(study.name)) continue
  await run(study, study.name === 'network' && !values['all-network'] ? cases.slice(0, 1) : cases)
}
console.log([...pages.values()].flat().join('\n'))

/** Writes what there is after each variant, so that a run that is stopped leaves what it has measured. */
async function run(study: Study, on: readonly Case[]): Promise<void> {
  const all = new Map<string, VariantFigures | 'diverges'>()
  const scores: Record<string, { score: CaseScore; seconds: number }[] | { diverged: string }> = {}
  const rows: SheetCell[][] = []
  for (const variant of study.variants) {
    const overrides = { ...flat(study.settings), ...flat(variant.settings) }
    const settings = resolveSettings({ preset: study.preset, overrides })
    const runs: Measured[] = []
    let diverged = ''
    for (const one of on) {
      const run = await measure(one, settings)
      if (run instanceof SiderError) diverged ||= `${one.name}: ${run.message}`
      else runs.push(run)
      const figure = run instanceof SiderError ? run.message : normalsOf(run)
      console.error(`${study.name}, ${variant.name}, ${one.name}: ${figure}`)
    }
    const scored = runs.map(({ scored, seconds }) => ({ score: scored.score, seconds }))
    // A mean over the views that are left would flatter it.
    scores[variant.name] = diverged ? { diverged } : scored
    all.set(variant.name, diverged ? 'diverges' : figures(scored))
    if (runs.length > 0) rows.push(pictures(variant.name, runs[0], rows.length === 0))
    const picture = `ablation-${study.name}.jpg`
    await writeFileAtomic(join(values.out, picture), await encodeJpeg(await composeSheet(rows, { cell: 220 }), 88))
    await writeFileAtomic(join(values.out, `ablation-${study.name}.json`), `${JSON.stringify(scores, null, 1)}\n`)
    pages.set(study.name, [
      `### ${study.title}`,
      '',
      `${on.length} ${on.length === 1 ? 'view' : 'views'}: ${on.map(({ name }) => name).join(', ')}. ${study.reduced}`,
      '',
      ...studyTable(study, all),
      '',
      `![${study.title}: ${on[0].name}](images/${picture})`,
      '',
    ])
    await writeFileAtomic(join(values.out, 'ablation.md'), `${[...pages.values()].flat().join('\n')}\n`)
  }
}

/** Their mean error. */
function normalsOf({ scored }: Pick<Measured, 'scored'>): string {
  return `${scored.score.normals?.detail.meanDegrees.toFixed(2)}°`
}

/** {relief: {steps: 1}} → {'relief.steps': 1} */
function flat(settings: object, prefix = ''): Record<string, unknown> {
  const entries = Object.entries(settings).map(([key, value]) =>
    typeof value === 'object' ? flat(value as object, `${prefix}${key}.`) : { [prefix + key]: value as unknown },
  )
  return Object.assign({}, ...entries)
}

/** A row: what was off, render, normals, their error, and the photo and truth in the first row. */
function pictures(name: string, { scored }: Measured, first: boolean): SheetCell[] {
  const { maps } = scored
  if (!maps) return []
  const { result, truth, mask, image } = maps
  const { size } = result.crop
  const shown = (map: Float32Array) =>
    normalPicture(
      map.map((v, i) => (mask[Math.floor(i / 3)] ? v : 0)),
      size,
      size,
    )
  const error = normalAngles(result.normals, truth.normals, mask).map((a) => -a)
  const cells: [SheetCell['picture'], string][] = [
    [pictureFromFloats(image, size, size), first ? 'photo' : ''],
    [shown(truth.normals), first ? 'truth' : ''],
    [result.render && pictureFromFloats(result.render, size, size), `${first ? '' : 'without '}${name}: render`],
    [shown(result.normals), 'normals'],
    [scalarPicture(error, size, size, { name: 'grey', range: [-40, 0] }), `error, mean ${normalsOf({ scored })}`],
  ]
  return cells.map(([picture, caption]) => ({ picture, caption }))
}
