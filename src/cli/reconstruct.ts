/** `sider reconstruct`: photo in, folder of results out. */
import { statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolveSettings, type Settings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import type { Reconstruction } from '../engine/index.js'
import { identitySentence } from '../engine/outputs/identity-sentence.js'
import { CHECKPOINT_FILE } from '../engine/system/files.js'
import type { Command, Invocation, ParsedOptions, Shell } from './command.js'
import { LANDMARK_OPTION, readCorrections } from './corrections.js'
import { faces } from './faces.js'
import { interruptible } from './interrupt.js'
import { duration, noProgress, type ProgressView, progressBar, progressJson, progressLines } from './progress.js'
import { reconstructRemotely } from './remote.js'
import { NEUTRALIZE_OPTION, needed, readOverrides, SETTINGS_OPTIONS, SHORT_OPTIONS } from './run-options.js'

export const reconstruct: Command = {
  name: 'reconstruct',
  summary: 'make a detailed 3D face of a photo',
  usage: '<photo> -o <dir> [options]',
  works: (options) => (options.has('server') ? 'on a server' : 'here'),
  positionals: ['photo'],
  options: {
    output: { short: 'o', value: 'DIR', description: 'folder for the results; made if need be' },
    preset: SETTINGS_OPTIONS.preset,
    ...SHORT_OPTIONS,
    neutralize: NEUTRALIZE_OPTION,
    landmarks: { value: 'FILE', description: "the face's landmarks (68 or 478 points, JSON) in place of detection" },
    landmark: LANDMARK_OPTION,
    set: SETTINGS_OPTIONS.set,
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
      'sider reconstruct photo.jpg -o out --head flame2023.pkl --set networks.detail.epochs=80',
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
    ['sider reconstruct photo.jpg -o out --profile vrm', 'an avatar of VRM 1.0'],
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
  const folder = needed(options, 'output', 'the output folder', '-o out')
  if (options.has('server')) return runRemotely(invocation, folder)
  const settings = readSettings(options)
  const landmarks = await readLandmarks(options.text('landmarks'))
  const corrections = readCorrections(options)
  const view = progressView(options, shell)
  const started = performance.now()
  try {
    const result = await interruptible(
      shell,
      async (signal) =>
        (await shell.engine()).reconstructInto({
          photo,
          settings,
          landmarks,
          corrections,
          folder,
          signal,
          force: options.has('force'),
          dump: options.text('dump') || undefined,
          ...(options.has('resume') && { resume: 'must' }),
          onProgress: (progress) => view.show(progress),
          onNote: (text) => view.note(text),
        }),
      () => view.note('Finishing the current step and saving a checkpoint. Ctrl-C again leaves at once.'),
    )
    view.close()
    await report(result, folder, (performance.now() - started) / 1000, options, shell)
  } finally {
    view.close()
  }
}

async function runRemotely(invocation: Invocation, folder: string): Promise<void> {
  const { options, shell } = invocation
  const hints = {
    resume:
      'Leave --resume away: a server goes on with its own jobs by itself. What was begun here goes on here, without --server.',
    dump: 'Leave --dump away, or let this machine do the work, without --server.',
  }
  for (const [name, hint] of Object.entries(hints)) {
    if (options.has(name)) throw new SiderError('USAGE', `--${name} does not go with --server`, { hint: { cli: hint } })
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
  } finally {
    view.close()
  }
}

function readSettings(options: ParsedOptions): Settings {
  return resolveSettings({ preset: options.text('preset'), overrides: overrides(options) })
}

/** What the options change about the preset. */
function overrides(options: ParsedOptions): Record<string, unknown> {
  return { ...readOverrides(options), ...(options.has('dump') && { 'output.dump': true }) }
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
