/** Keeps a run's checkpoint up to date. */
import { SiderError, type StageName } from '../errors.js'
import type { SavedState } from '../methods/method.js'
import type { Photo } from '../stages.js'
import { type Checkpoint, givenLandmarks, loadCheckpoint, type RunIdentity, saveCheckpoint } from './checkpoint.js'
import type { ReconstructOptions } from './types.js'

export class CheckpointKeeper {
  private readonly identity: RunIdentity
  private lastSave = performance.now()

  constructor(
    private readonly options: ReconstructOptions,
    photo: Photo,
  ) {
    const { settings, landmarks, corrections } = options
    const given = givenLandmarks(landmarks, corrections)
    this.identity = { photoSha256: photo.sha256, settings, ...(given && { landmarks: given }) }
  }

  /** The checkpoint to go on from, if one was asked for. @throws SiderError CHECKPOINT_INVALID */
  async resumed(): Promise<Checkpoint | undefined> {
    const { resumeFrom } = this.options
    return resumeFrom === undefined ? undefined : loadCheckpoint(resumeFrom, this.identity)
  }

  /** Writes the state of a stage, if the run has a checkpoint. */
  async save(stage: StageName, { tensors, state }: SavedState): Promise<void> {
    const { checkpoint } = this.options
    if (!checkpoint) return
    await saveCheckpoint(checkpoint.file, { ...this.identity, stage, tensors, state })
    this.lastSave = performance.now()
  }

  /** Whether the last one is old enough. */
  get due(): boolean {
    const { checkpoint } = this.options
    return checkpoint !== undefined && performance.now() - this.lastSave > checkpoint.everySeconds * 1000
  }

  /**
   * Does `work`; when the caller aborts it, or it diverges, its state is saved before the error goes on.
   * @throws SiderError CANCELLED after an abort
   */
  async guard(stage: StageName, state: () => Promise<SavedState>, work: () => Promise<void>): Promise<void> {
    const { signal, checkpoint } = this.options
    try {
      await work()
    } catch (error) {
      const diverged = error instanceof SiderError && error.code === 'DIVERGED'
      if (diverged || signal?.aborted) await this.save(stage, await state())
      if (!signal?.aborted) throw error
      const saved = checkpoint ? '; a checkpoint was saved' : ''
      throw new SiderError('CANCELLED', `the run was stopped${saved}`, { stage, cause: error })
    }
  }
}
