/**
 * One way to run a face: photo in, folder of results out. The command line, the workers of jobs, `sider evaluate` and scripts all
 * call it; the stages themselves are in reconstruct.ts.
 */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SiderError } from '../errors.js'
import { Inspector } from '../inspect.js'
import { dumpTo } from '../outputs/dump.js'
import { CHECKPOINT_FILE, DUMP_FOLDER, prepareOutputFolder } from '../system/files.js'
import { asCancelled, pass } from '../system/pass.js'
import { RunProgress } from './progress.js'
import type { Reconstruction, ReconstructOptions } from './types.js'

export interface RunOptions extends Omit<ReconstructOptions, 'checkpoint' | 'resumeFrom'> {
  /** Of the results; made if need be. */
  folder: string
  /** Whether the folder may hold files of something else. */
  force?: boolean | undefined
  /** File of the checkpoint, which stays; without, one in the folder, which goes when everything is written. */
  checkpoint?: string | undefined
  /** Goes on from the checkpoint, which must be good; or if there is a good one, else from the start. */
  resume?: 'must' | 'may' | undefined
  /** Folder of the intermediates where the settings ask for them; without, one in `folder`. */
  dump?: string | undefined
  /** Told what the user should know before the end. */
  onNote?: ((text: string) => void) | undefined
}

/** What a run is made of. */
export interface RunParts {
  /** The stages up to the surface. */
  stages(options: ReconstructOptions, progress: RunProgress): Promise<Reconstruction>
  /** Writes the files. @throws the signal's reason if it was aborted */
  write(result: Reconstruction, folder: string, options: WriteOptions): Promise<void>
}

export interface WriteOptions {
  signal?: AbortSignal | undefined
  /** Told the share that is done. */
  onPart?: (share: number) => void
}

/**
 * Reconstructs one face of a photo and writes all files. Progress is 1 when they are written.
 * @throws SiderError any of ERRORS; CANCELLED after `signal` aborts, within a second, with a checkpoint to go on from unless it was
 *   before the first step
 */
export async function runFace({ stages, write }: RunParts, options: RunOptions): Promise<Reconstruction> {
  const { folder, force, checkpoint, resume, dump, onNote, ...run } = options
  const { settings, signal, onProgress, inspector = new Inspector() } = run
  await prepareOutputFolder(folder, { force })
  const file = checkpoint ?? join(folder, CHECKPOINT_FILE)
  const endDump = settings.output.dump ? dumpTo(dump ?? join(folder, DUMP_FOLDER), inspector) : async () => {}
  const progress = new RunProgress(settings, onProgress, 'output')
  const all = { ...run, inspector, checkpoint: { file, everySeconds: settings.output.checkpointEvery } }
  try {
    const result = await fromCheckpoint((resumeFrom) => stages({ ...all, resumeFrom }, progress), file, resume, onNote)
    const started = performance.now()
    progress.enter('output')
    inspector.stage = 'output'
    try {
      await write(result, folder, { signal, onPart: (share) => progress.part(share) })
      await endDump()
      await pass(signal)
    } catch (error) {
      throw asCancelled(error, signal, 'output')
    }
    result.seconds.output = (performance.now() - started) / 1000
    if (checkpoint === undefined) await rm(file, { force: true })
    progress.done()
    return result
  } catch (error) {
    await endDump().catch(() => {}) // the first failure is the one to tell
    throw error
  }
}

/** Goes on from the checkpoint as it is asked for. One that need not be there and cannot be used costs its work, never the run. */
async function fromCheckpoint<T>(
  run: (resumeFrom: string | undefined) => Promise<T>,
  file: string,
  resume: RunOptions['resume'],
  onNote: RunOptions['onNote'],
): Promise<T> {
  if (resume === 'must') return run(file)
  if (resume === undefined || !existsSync(file)) return run(undefined)
  try {
    return await run(file)
  } catch (error) {
    if (!(error instanceof SiderError) || error.code !== 'CHECKPOINT_INVALID') throw error
    onNote?.(`starting again: ${error.message}`)
    return run(undefined)
  }
}
