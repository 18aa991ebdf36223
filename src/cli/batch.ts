/** `sider batch`: every photo of a folder, resumable, with a table and a sheet of all results. */
import { readdir } from 'node:fs/promises'
import { join, parse } from 'node:path'
import sharp from 'sharp'
import { DEFAULT_PRESET, PRESETS, parseAssignment, resolveSettings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import { writeFileAtomic } from '../engine/files.js'
import { encodePng, type Picture } from '../engine/image/picture.js'
import { composeSheet } from '../engine/image/sheet.js'
import type { BatchOutcome, BatchPhoto } from '../rpc/batch.js'
import type { Command, Invocation } from './command.js'
import { number } from './serve.js'

const PHOTO = /\.(jpe?g|png|webp|avif|heif|tiff?)$/i
/** Pictures of each result in the summary sheet. */
const CELLS = ['input.png', 'overlay.png', 'render.png', 'normals.png']

export const batch: Command = {
  name: 'batch',
  summary: 'make detailed 3D faces of all photos of a folder',
  usage: '<folder> -o <dir> [options]',
  positionals: ['folder'],
  options: {
    output: { short: 'o', value: 'DIR', description: 'folder for the results, one folder a photo; made if need be' },
    preset: {
      short: 'p',
      value: 'NAME',
      description: `${Object.keys(PRESETS).join(', ')} (default ${DEFAULT_PRESET})`,
    },
    set: {
      short: 's',
      value: 'KEY=VALUE',
      multiple: true,
      description: 'any setting (see: sider settings); repeatable',
    },
    jobs: { value: 'N', description: 'photos worked on at once (default 1)' },
  },
  examples: [
    ['sider batch photos -o out', 'all of them; again after Ctrl-C or a crash goes on where it was'],
    ['sider batch photos -o out --preset preview --jobs 2', 'quickly, two at once'],
  ],
  run,
}

async function run({ positionals: [folder], options, shell }: Invocation): Promise<void> {
  const out = options.text('output')
  if (!out) throw new SiderError('USAGE', 'the output folder is missing', { hint: 'For example: -o out' })
  const settings = Object.assign({}, ...options.list('set').map(parseAssignment)) as Record<string, unknown>
  const preset = options.text('preset') ?? DEFAULT_PRESET
  resolveSettings({ preset, overrides: settings }) // what is wrong with them is told before anything is started
  const photos = await findPhotos(folder, out)
  const say = (event: object, text: string): void => {
    shell.stdout.write(`${options.has('json') ? JSON.stringify(event) : text}\n`)
  }
  const stop = new AbortController()
  const ignoreInterrupts = shell.onInterrupt(() => {
    if (stop.signal.aborted) shell.exit(130)
    stop.abort()
  })
  const done: BatchOutcome[] = []
  try {
    const { runBatch } = await import('../rpc/batch.js')
    const outcomes = await runBatch(photos, {
      dataFolder: join(out, '.sider'),
      maxRunning: number(options, 'jobs') ?? 1,
      preset,
      settings,
      signal: stop.signal,
      async onDone(outcome) {
        const count = done.push(outcome)
        await writeFileAtomic(join(out, 'summary.csv'), csv(done))
        const why = outcome.error ? `: ${outcome.error.message}` : ''
        say({ event: 'photo', ...outcome }, `${count}/${photos.length} ${outcome.name} ${outcome.state}${why}`)
      },
    })
    await writeFileAtomic(join(out, 'summary.csv'), csv(outcomes))
    const good = outcomes.filter(({ state }) => state === 'completed')
    if (good.length > 0) await writeFileAtomic(join(out, 'summary.png'), await sheet(good))
    const failed = outcomes.length - good.length
    say(
      { event: 'result', folder: out, completed: good.length, failed },
      `Done: ${good.length} of ${outcomes.length} photos${failed ? ', the others failed' : ''}: ${join(out, 'summary.csv')}, summary.png`,
    )
  } finally {
    ignoreInterrupts()
  }
}

/** @throws SiderError IMAGE_NOT_FOUND */
async function findPhotos(folder: string, out: string): Promise<BatchPhoto[]> {
  const names = await readdir(folder).catch((cause: Error) => {
    throw new SiderError('IMAGE_NOT_FOUND', `cannot read the folder ${folder}: ${cause.message}`, { cause })
  })
  const photos = names.filter((name) => PHOTO.test(name)).sort()
  if (photos.length === 0) throw new SiderError('IMAGE_NOT_FOUND', `there are no photos in ${folder}`)
  // a.jpg and a.png must not share a folder
  const bases = photos.map((name) => parse(name).name)
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

/** One row a face: photo, overlay, render, normals. */
async function sheet(outcomes: BatchOutcome[]): Promise<Uint8Array> {
  const rows = await Promise.all(
    outcomes.map(async ({ name, folder }) =>
      Promise.all(
        CELLS.map(async (file, i) => ({
          picture: await readPicture(join(folder, file)),
          caption: i === 0 ? name : '',
        })),
      ),
    ),
  )
  return encodePng(await composeSheet(rows, { cell: 192 }))
}

async function readPicture(file: string): Promise<Picture> {
  const { data, info } = await sharp(file)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: new Uint8Array(data) }
}
