/** `sider batch`: every photo of a folder or a list, here or over a queue, resumable, with a table and sheets of all results. */
import { join } from 'node:path'
import { DEFAULT_PRESET, resolveSettings } from '../engine/config.js'
import { SiderError } from '../engine/errors.js'
import { BATCH_FOLDER, prepareOutputFolder } from '../engine/system/files.js'
import type { Journal, Row } from '../jobs/batch/journal.js'
import type { BatchEnd } from '../jobs/batch/run.js'
import { PRIORITIES, type Priority } from '../jobs/record.js'
import { inBatchWords } from './batch/disk-errors.js'
import { PhotoFetcher } from './batch/fetch-photo.js'
import { BatchReport, byCode } from './batch/report.js'
import { openSource, type Readers } from './batch/sources.js'
import { summaryFiles, writeCsv, writeParquet } from './batch/summary.js'
import type { Command, Invocation, ParsedOptions } from './command.js'
import { interruptible } from './interrupt.js'
import { NEUTRALIZE_OPTION, needed, readOverrides, SETTINGS_OPTIONS, SHORT_OPTIONS } from './run-options.js'
import { number } from './serve.js'
import { SHARED_OPTIONS, sharedAddresses } from './shared-options.js'

const SHEETS = 'sheets'
/** Time to write the summary of a batch that is stopped, milliseconds: the next run writes it anew. */
const LAST_MS = 300
const MIB = 2 ** 20
/** Which face is another question for each photo: --set photo.face=N is there for those that know. */
const { face: _, ...OF_ALL_PHOTOS } = SHORT_OPTIONS

export const batch: Command = {
  name: 'batch',
  summary: 'make detailed 3D faces of all photos of a folder or a list',
  usage: '<photos> -o <dir> [options]',
  works: () => 'in workers',
  positionals: ['photos'],
  options: {
    output: { short: 'o', value: 'DIR', description: 'folder for the results, one folder a photo; made if need be' },
    preset: SETTINGS_OPTIONS.preset,
    ...OF_ALL_PHOTOS,
    neutralize: NEUTRALIZE_OPTION,
    set: SETTINGS_OPTIONS.set,
    jobs: { value: 'N', description: 'photos worked on at once on this machine (default 1)' },
    ...SHARED_OPTIONS,
    'in-flight': {
      value: 'N',
      description: 'with --queue: jobs that are in the queue or at work at a time (default 64)',
    },
    priority: { value: 'NAME', description: 'with --queue: high, normal, low (default low: people go first)' },
    files: { value: 'NAMES', description: 'files of each result that are brought, with commas; none (default all)' },
    'keep-jobs': { description: 'leave photos and results in the storage too, for as long as servers keep ended jobs' },
    'max-photo': { value: 'MIB', description: 'largest photo that is fetched (default 64)' },
    'fetch-seconds': { value: 'N', description: 'time to fetch a photo (default 60)' },
    'allow-private': { description: 'fetch photos from this machine and its network too' },
    parquet: { description: 'write summary.parquet beside summary.csv' },
    'no-sheets': { description: 'make no contact sheets' },
    force: { description: 'write into a folder that holds files of something else' },
  },
  examples: [
    ['sider batch photos -o out', 'all of a folder; again after Ctrl-C or a crash goes on where it was'],
    ['sider batch photos -o out --preset preview --jobs 2', 'quickly, two at once'],
    ['sider batch list.txt -o out', 'of a list: a path or an address a line'],
    ['sider batch list.txt -o out --queue redis://q --storage s3://faces/jobs --in-flight 200', 'by many machines'],
  ],
  run,
  goOn: () => [], // what is done is written down
}

async function run(invocation: Invocation): Promise<void> {
  const { positionals, options, shell } = invocation
  const out = needed(options, 'output', 'the output folder', '-o out')
  const settings = readOverrides(options)
  const preset = options.text('preset') ?? DEFAULT_PRESET
  const resolved = resolveSettings({ preset, overrides: settings }) // what is wrong with them is told before anything is started
  const shared = sharedAddresses(options)
  const jobs = number(options, 'jobs') ?? 1
  if (shared && options.has('jobs'))
    throw new SiderError('USAGE', '--jobs is about this machine, and the work is given to a queue', {
      hint: { cli: 'Leave --jobs away: `sider worker --concurrency N` says how many its machine works on at once.' },
    })
  const orphan = ['in-flight', 'priority'].find((name) => options.has(name) && !shared)
  if (orphan)
    throw new SiderError('USAGE', `--${orphan} is about a queue, and none is given`, {
      hint: { cli: 'Give --queue and --storage too; on this machine --jobs N says how many are worked on at once.' },
    })
  const files = options
    .text('files')
    ?.split(',')
    .filter((name) => name !== '' && name !== 'none')
  await interruptible(shell, async (signal) => {
    const { readers, close } = readersOf(options, shared?.storage)
    const source = await openSource(positionals[0], readers, [BATCH_FOLDER, SHEETS, 'summary.csv', 'summary.parquet'])
    const [{ runBatch, newEnd }, { openBatch }] = await Promise.all([
      import('../jobs/batch/run.js'),
      import('../jobs/batch/open.js'),
    ])
    const { loadHead } = await import('../engine/index.js')
    await prepareOutputFolder(out, { force: options.has('force') })
    const dataFolder = join(out, BATCH_FOLDER)
    const inWords = (error: unknown): never => {
      throw inBatchWords(error, dataFolder)
    }
    const opened = await openBatch({
      dataFolder,
      maxRunning: jobs,
      inFlight: number(options, 'in-flight'),
      shared,
    }).catch(inWords)
    const end = newEnd()
    const report = new BatchReport(
      shell,
      end.tally,
      { total: source.total, atOnce: shared ? undefined : jobs },
      options.has('json'),
    )
    try {
      await runBatch(
        source.photos,
        {
          ...opened,
          out,
          preset,
          settings,
          files,
          priority: shared && priorityOf(options.text('priority')),
          keepJobs: options.has('keep-jobs'),
          // Over a queue it is the workers' machines that have it or have not.
          ...(!shared && { check: () => loadHead(resolved.head.model) }),
          signal,
          onRow: (row) => report.row(row),
          onWait: (error) => report.wait(error),
        },
        end,
      )
      const pages = await summarise(invocation, opened.journal, end, out, signal)
      conclude(report, end, out, pages)
    } catch (error) {
      const rest = () => writeCsv(summaryFiles(out).csv, rowsOf(opened.journal, end.keys, true))
      await Promise.race([rest(), new Promise((resolve) => setTimeout(resolve, LAST_MS))]).catch(() => {})
      return inWords(error)
    } finally {
      report.close()
      close()
      await opened.close()
    }
  })
}

/** @returns pages of contact sheets */
async function summarise(
  { options }: Invocation,
  journal: Journal,
  { keys, tally }: BatchEnd,
  out: string,
  signal: AbortSignal,
): Promise<number> {
  const { csv, parquet } = summaryFiles(out)
  await writeCsv(csv, rowsOf(journal, keys))
  if (options.has('parquet')) await writeParquet(parquet, rowsOf(journal, keys))
  if (options.has('no-sheets') || tally.completed + tally.skipped === 0) return 0
  const { writeSheets } = await import('./batch/sheets.js')
  return writeSheets(join(out, SHEETS), out, rowsOf(journal, keys), signal)
}

function conclude(report: BatchReport, { tally }: BatchEnd, out: string, pages: number): void {
  const { completed, failed, skipped, duplicates, failures } = tally
  const good = completed + skipped
  const parts = [`Done: ${good} of ${good + failed} photos`]
  if (skipped > 0) parts.push(`${skipped} of them before`)
  if (duplicates > 0) parts.push(`${duplicates} listed more than once`)
  if (failed > 0) parts.push(`${failed} failed (${byCode(failures)})`)
  const made = `${join(out, 'summary.csv')}${pages > 0 ? `, ${SHEETS} (${pages})` : ''}`
  report.say(
    { event: 'result', folder: out, completed: good, failed, skipped, duplicates, failures, sheets: pages },
    `${parts.join(', ')}: ${made}`,
  )
}

/** @param others with what earlier runs did that this one has not come to */
async function* rowsOf(journal: Journal, keys: number[], others = false): AsyncGenerator<Row> {
  const known = new Set(others ? keys : [])
  const rest = others ? [...journal.keys()].filter((key) => !known.has(key)) : []
  for (const key of [...keys, ...rest]) {
    const row = await journal.read(key)
    if (row) yield row
  }
}

function priorityOf(text = 'low'): Priority {
  const priority = PRIORITIES.find((one) => one === text)
  if (priority) return priority
  throw new SiderError('USAGE', `--priority is '${text}', but must be one of ${PRIORITIES.join(', ')}`)
}

function readersOf(options: ParsedOptions, storage: string | undefined): { readers: Readers; close(): void } {
  const bytes = (number(options, 'max-photo') ?? 64) * MIB
  const seconds = number(options, 'fetch-seconds', 1, 3600) ?? 60
  const fetcher = new PhotoFetcher({ bytes, seconds, allowPrivate: options.has('allow-private') })
  let opened: Promise<{ get(key: string): Promise<Uint8Array | undefined>; place: string }> | undefined
  const readers: Readers = {
    async file(path) {
      const { readPhotoFile } = await import('../engine/index.js')
      return readPhotoFile(path)
    },
    address: (url, signal) => fetcher.fetch(url, signal),
    async key(key) {
      if (storage === undefined) {
        throw new SiderError('USAGE', `storage:${key} needs a storage`, { hint: 'Give --queue and --storage.' })
      }
      opened ??= import('../jobs/shared/open-storage.js').then(({ openStorage }) => openStorage(storage))
      const found = await opened
      const photo = key.split('/').includes('..') ? undefined : await found.get(key)
      if (!photo) throw new SiderError('IMAGE_NOT_FOUND', `there is no '${key}' in ${found.place}`)
      return photo
    },
  }
  return { readers, close: () => fetcher.close() }
}
