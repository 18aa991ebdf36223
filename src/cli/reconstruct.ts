/** `sider reconstruct`: photo in, folder of results out. */
import { statSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DEFAULT_PRESET, PRESETS, parseAssignment, resolveSettings, type Settings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import { CHECKPOINT_FILE, DUMP_FOLDER, prepareOutputFolder } from '../engine/files.js'
import { identitySentence } from '../engine/identity-sentence.js'
import { Inspector } from '../engine/inspect.js'
import type { Reconstruction } from '../engine/run.js'
import type { Command, Invocation, ParsedOptions, Shell } from './command.js'
import { LANDMARK_OPTION, readCorrections } from './corrections.js'
import { faces } from './faces.js'
import { duration, noProgress, type ProgressView, progressBar, progressJson, progressLines } from './progress.js'
import { reconstructRemotely } from './remote.js'

/** Options that are short for a setting. */
const SETTING_OPTIONS = {
  backend: { path: 'backend', value: 'NAME', description: 'compute backend (default auto; see: sider doctor)' },
  head: {
    path: 'head.model',
    value: 'MODEL',
    description: "head model: 'built-in', a name of 'sider head list', or a file or folder of one",
  },
  face: {
    path: 'photo.face',
    value: 'N|list',
    description: 'which face, counted from 0 (default: the largest); list shows them',
  },
  size: { path: 'photo.cropSize', value: 'N', description: 'pixels along a side of the face crop (default 256)' },
  mesh: { path: 'surface.mesh', value: 'NAME', description: 'head, surface or both (default head)' },
  ipd: { path: 'head.ipdMm', value: 'MM', description: 'distance between the pupils in millimetres (default 63)' },
  seed: { path: 'seed', value: 'N', description: 'seed of all random numbers (default 0)' },
} as const

export const reconstruct: Command = {
  name: 'reconstruct',
  summary: 'make a detailed 3D face of a photo',
  usage: '<photo> -o <dir> [options]',
  works: (options) => (options.has('server') ? 'on a server' : 'here'),
  positionals: ['photo'],
  options: {
    output: { short: 'o', value: 'DIR', description: 'folder for the results; made if need be' },
    preset: {
      short: 'p',
      value: 'NAME',
      description: `${Object.keys(PRESETS).join(', ')} (default ${DEFAULT_PRESET})`,
    },
    ...SETTING_OPTIONS,
    neutralize: { description: "bring the head to a neutral expression; the photo's becomes a shape key" },
    landmarks: { value: 'FILE', description: "the face's landmarks (68 or 478 points, JSON) in place of detection" },
    landmark: LANDMARK_OPTION,
    set: {
      short: 's',
      value: 'KEY=VALUE',
      multiple: true,
      description: 'any setting (see: sider settings); repeatable',
    },
    resume: { description: 'go on from the checkpoint in the output folder' },
    dump: {
      value: 'DIR',
      valueOptional: true,
      description: 'write the intermediates of every stage too (default DIR: <dir>/dump)',
    },
    server: { value: 'URL', description: 'let a server do the work (see: sider serve)' },
    'token-file': {
      value: 'FILE',
      description: "with --server: the server's token (default: SIDER_TOKEN, or your own server's)",
    },
    force: { description: 'write into a folder that holds files of something else' },
    quiet: { short: 'q', description: 'no progress' },
  },
  examples: [
    ['sider reconstruct photo.jpg -o out', 'a detailed face'],
    ['sider reconstruct photo.jpg -o out --preset preview', 'a first look'],
    ['sider reconstruct group.jpg -o out --face list', 'which faces are there? Then choose: --face 2'],
    [
      'sider reconstruct photo.jpg -o out --head flame2023.pkl --set detail.epochs=80',
      'your own head model, longer training',
    ],
    [
      'sider reconstruct photo.jpg -o out --neutralize --ipd 61.5 --set output.usdz=true',
      'a neutral head of measured size, as USDZ too',
    ],
    [
      'sider reconstruct photo.jpg -o out --landmark 57=412,530 --landmark 8=405,640',
      'the lower lip and the chin are there',
    ],
    ['sider reconstruct photo.jpg -o out --resume', 'go on after Ctrl-C'],
    ['sider reconstruct photo.jpg -o out --server ws://127.0.0.1:7437', 'on a running server'],
  ],
  run,
  goOn,
}

async function run(invocation: Invocation): Promise<void> {
  const { options, shell } = invocation
  if (options.text('face') === 'list') return faces.run(invocation)
  const [photo] = invocation.positionals
  const folder = options.text('output')
  if (!folder) throw new SiderError('USAGE', 'the output folder is missing', { hint: 'For example: -o out' })
  if (options.has('server')) return runRemotely(invocation, folder)
  const settings = readSettings(options)
  const landmarks = await readLandmarks(options.text('landmarks'))
  const corrections = readCorrections(options)
  await prepareOutputFolder(folder, { force: options.has('force') })

  const view = progressView(options, shell)
  const stop = new AbortController()
  const ignoreInterrupts = shell.onInterrupt(() => {
    if (stop.signal.aborted) return
    view.note('Finishing the current step and saving a checkpoint. Ctrl-C again leaves at once.')
    stop.abort()
  })
  const inspector = new Inspector()
  const endDump = settings.output.dump
    ? (await import('../engine/dump.js')).dumpTo(options.text('dump') || join(folder, DUMP_FOLDER), inspector)
    : async () => {}
  const checkpoint = { file: join(folder, CHECKPOINT_FILE), everySeconds: settings.output.checkpointEvery }
  const started = performance.now()
  try {
    const engine = await shell.engine()
    const result = await engine.reconstruct({
      photo,
      settings,
      landmarks,
      corrections,
      signal: stop.signal,
      inspector,
      checkpoint,
      ...(options.has('resume') && { resumeFrom: checkpoint.file }),
      onProgress: (progress) => view.show(progress),
    })
    await engine.writeOutputs(result, folder)
    await endDump()
    await rm(checkpoint.file, { force: true })
    view.close()
    await report(result, folder, (performance.now() - started) / 1000, options, shell)
  } catch (error) {
    view.close()
    await endDump().catch(() => {}) // the first failure is the one to tell
    throw error
  } finally {
    ignoreInterrupts()
  }
}

async function runRemotely(invocation: Invocation, folder: string): Promise<void> {
  const { options, shell } = invocation
  for (const name of ['resume', 'dump']) {
    if (options.has(name)) throw new SiderError('USAGE', `--${name} does not go with --server`)
  }
  readSettings(options) // what is wrong with them is told before anything is sent
  const view = progressView(options, shell)
  const started = performance.now()
  const landmarks = await readLandmarks(options.text('landmarks'))
  const corrections = readCorrections(options)
  try {
    const run = { settings: overrides(options), landmarks, corrections, folder, view }
    const result = await reconstructRemotely(invocation, run)
    view.close()
    await report(result, folder, (performance.now() - started) / 1000, options, shell)
  } catch (error) {
    view.close()
    throw error
  }
}

function readSettings(options: ParsedOptions): Settings {
  return resolveSettings({ preset: options.text('preset'), overrides: overrides(options) })
}

/** What the options change about the preset. */
function overrides(options: ParsedOptions): Record<string, unknown> {
  const assignments = Object.entries(SETTING_OPTIONS).flatMap(([name, { path }]) => {
    const value = options.text(name)
    return value === undefined ? [] : [`${path}=${value}`]
  })
  const changes: Record<string, unknown>[] = [...assignments, ...options.list('set')].map(parseAssignment)
  if (options.has('neutralize')) changes.push({ 'surface.neutralize': true })
  if (options.has('dump')) changes.push({ 'output.dump': true })
  return Object.assign({}, ...changes) as Record<string, unknown>
}

async function readLandmarks(file: string | undefined): Promise<unknown> {
  if (file === undefined) return undefined
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new SiderError('LANDMARKS_INVALID', `cannot read ${file}: ${(cause as Error).message}`, {
      stage: 'landmarks',
      hint: 'Give a JSON file of 68 or 478 points [x, y] in photo pixels.',
      data: { path: file },
      cause,
    })
  }
}

function progressView(options: ParsedOptions, { stdout, stderr }: Shell): ProgressView {
  if (options.has('quiet')) return noProgress()
  if (options.has('json')) return progressJson(stdout)
  return stderr.isTTY ? progressBar(stderr) : progressLines(stderr)
}

/** What goes on from this run's checkpoint, if it has one. */
function goOn({ options }: Invocation): string[] | undefined {
  const folder = options.text('output')
  if (!folder || options.has('server')) return undefined
  const saved = statSync(join(folder, CHECKPOINT_FILE), { throwIfNoEntry: false })
  // One that was there before may be of another photo.
  const own = saved && (options.has('resume') || saved.mtimeMs >= performance.timeOrigin)
  return own ? ['--resume'] : undefined
}

async function report(
  result: Pick<Reconstruction, 'backend' | 'warnings'> & { quality?: { identityDetermined?: unknown } },
  folder: string,
  seconds: number,
  options: ParsedOptions,
  { stdout }: Shell,
): Promise<void> {
  const { backend, warnings, quality } = result
  if (options.has('json')) {
    const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
    stdout.write(`${JSON.stringify({ event: 'result', folder, files, backend, seconds, quality, warnings })}\n`)
    return
  }
  if (options.has('quiet')) return
  for (const warning of warnings) stdout.write(`Note: ${warning}\n`)
  const determined = quality?.identityDetermined
  if (typeof determined === 'number') stdout.write(`${identitySentence(determined)}\n`)
  stdout.write(
    `Done in ${duration(seconds)} on ${backend}: ${join(folder, 'face.glb')}, ${join(folder, 'sheet.png')}\n`,
  )
}
