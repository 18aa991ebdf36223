/** `sider batch`: every photo of a folder, resumable, with a table and a sheet of all results. */
import { readdir } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { DEFAULT_PRESET, resolveSettings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import { writeFileAtomic } from '../engine/system/files.js'
import type { BatchOutcome, BatchPhoto } from '../jobs/batch.js'
import type { Command, Invocation } from './command.js'
import { interruptible } from './interrupt.js'
import { needed, readAssignments, SETTINGS_OPTIONS } from './run-options.js'
import { number } from './serve.js'

const PHOTO = /\.(jpe?g|png|webp|avif|heif|tiff?)$/i
const DATA_FOLDER = '.sider'
const SUMMARY_TABLE = 'summary.csv'
const SUMMARY_SHEET = 'summary.png'

export const batch: Command = {
  name: 'batch',
  summary: 'make detailed 3D faces of all photos of a folder',
  usage: '<folder> -o <dir> [options]',
  works: () => 'in workers',
  positionals: ['folder'],
  options: {
    output: { short: 'o', value: 'DIR', description: 'folder for the results, one folder a photo; made if need be' },
    ...SETTINGS_OPTIONS,
    jobs: { value: 'N', description: 'photos worked on at once (default 1)' },
  },
  examples: [
    ['sider batch photos -o out', 'all of them; again after Ctrl-C or a crash goes on where it was'],
    ['sider batch photos -o out --preset preview --jobs 2', 'quickly, two at once'],
  ],
  run,
  goOn: () => [], // its jobs are kept
}

async function run({ positionals: [folder], options, shell }: Invocation): Promise<void> {
  const out = needed(options, 'output', 'the output folder', '-o out')
  const settings = readAssignments(options.list('set'))
  const preset = options.text('preset') ?? DEFAULT_PRESET
  resolveSettings({ preset, overrides: settings }) // what is wrong with them is told before anything is started
  const photos = await findPhotos(folder, out)
  const say = (event: object, text: string): void => {
    shell.stdout.write(`${options.has('json') ? JSON.stringify(event) : text}\n`)
  }
  const done: BatchOutcome[] = []
  await interruptible(shell, async (signal) => {
    const { runBatch } = await import('../jobs/batch.js')
    const outcomes = await runBatch(photos, {
      dataFolder: join(out, DATA_FOLDER),
      maxRunning: number(options, 'jobs') ?? 1,
      preset,
      settings,
      signal,
      async onDone(outcome) {
        const count = done.push(outcome)
        await writeFileAtomic(join(out, SUMMARY_TABLE), csv(done))
        const why = outcome.error ? `: ${outcome.error.message}` : ''
        say({ event: 'photo', ...outcome }, `${count}/${photos.length} ${outcome.name} ${outcome.state}${why}`)
      },
    })
    await writeFileAtomic(join(out, SUMMARY_TABLE), csv(outcomes))
    const good = outcomes.filter(({ state }) => state === 'completed')
    if (good.length > 0) {
      const { batchSheet } = await import('./batch-sheet.js')
      await writeFileAtomic(join(out, SUMMARY_SHEET), await batchSheet(good, signal))
    }
    const failed = outcomes.length - good.length
    say(
      { event: 'result', folder: out, completed: good.length, failed },
      `Done: ${good.length} of ${outcomes.length} photos${failed ? ', the others failed' : ''}: ${join(out, SUMMARY_TABLE)}${good.length > 0 ? `, ${SUMMARY_SHEET}` : ''}`,
    )
  })
}

/** @throws SiderError IMAGE_NOT_FOUND */
async function findPhotos(folder: string, out: string): Promise<BatchPhoto[]> {
  const names = await readdir(folder).catch((cause: Error) => {
    throw new SiderError('IMAGE_NOT_FOUND', `cannot read the folder ${folder}: ${cause.message}`, { cause })
  })
  const photos = names.filter((name) => PHOTO.test(name)).sort()
  if (photos.length === 0) throw new SiderError('IMAGE_NOT_FOUND', `there are no photos in ${folder}`)
  // a.jpg and a.png must not share a folder, nor take the place of what is not theirs
  const bases = [...photos.map((name) => parse(name).name), DATA_FOLDER, SUMMARY_TABLE, SUMMARY_SHEET]
  const unique = (name: string) =>
    bases.filter((base) => base === parse(name).name).length > 1 ? name : parse(name).name
  return photos.map((name) => ({ name, file: join(folder, name), folder: join(out, unique(name)) }))
}

function csv(outcomes: BatchOutcome[]): string {
  const measures = ['landmarkRmsRelative', 'psnr', 'trustedShare']
  const cell = (value: unknown): string => {
    const text = value === undefined ? '' : String(value)
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const rows = outcomes.map(({ name, state, error, backend, seconds, quality }) => {
    const total = Object.values(seconds ?? {}).reduce((sum: number, value) => sum + Number(value), 0)
    const figures = measures.map((measure) => quality?.[measure])
    return [name, state, backend, seconds && total.toFixed(1), ...figures, error?.name, error?.message]
  })
  return [['photo', 'state', 'backend', 'seconds', ...measures, 'error', 'message'], ...rows]
    .map((row) => `${row.map(cell).join(',')}\n`)
    .join('')
}
