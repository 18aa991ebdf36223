/** The loop that every training shares: steps, the last good state, and one second chance at a smaller rate. */
import { SiderError, type StageName } from '../errors.js'

/** The rate after a divergence, as a share of what it was. */
const SECOND_CHANCE = 1 / 3

/** Something that is trained in stretches: single steps, or epochs of many, after which the loss can be judged. */
export interface Training<Snapshot> {
  stage: StageName
  /** The setting to lower when it diverges, and a value to try. */
  rateSetting: string
  lower: number
  /** Stretches between two snapshots. */
  keepEvery: number
  /** What checkpoints hold: the share of the learning rate that is in use, 1 at first. */
  readonly state: { rateFactor: number }
  /** How many are done. */
  stretches(): number
  finished(): boolean
  /**
   * Does a stretch, or the rest of one, and returns its loss.
   * @throws the reason of the signal that stopped it
   */
  stretch(): Promise<number>
  /** Whether a finite loss is divergence too. */
  diverged?(loss: number): boolean
  /** Counts a stretch whose loss is good. */
  accept(loss: number): Promise<void> | void
  /** All that going back needs, the state included. */
  snapshot(): Promise<Snapshot>
  goTo(snapshot: Snapshot): void | Promise<void>
}

/**
 * Trains until it is finished. After a divergence it goes back to the last snapshot and on with a third of the rate.
 *
 * @throws SiderError DIVERGED the second time, with the last good state in place
 */
export async function descend<Snapshot>(training: Training<Snapshot>): Promise<void> {
  const { state, keepEvery } = training
  let good = await training.snapshot()
  while (!training.finished()) {
    const loss = await training.stretch()
    if (Number.isFinite(loss) && !training.diverged?.(loss)) {
      await training.accept(loss)
      if (training.stretches() % keepEvery === 0) good = await training.snapshot()
      continue
    }
    const { rateFactor } = state
    await training.goTo(good)
    if (rateFactor < 1) {
      const { stage, rateSetting, lower } = training
      throw new SiderError('DIVERGED', `the optimisation diverged twice (loss ${loss}); the last good state is kept`, {
        stage,
        hint: { cli: `Lower the learning rate, for example --set ${rateSetting}=${lower}.` },
        data: { after: training.stretches(), loss: String(loss) },
      })
    }
    state.rateFactor = SECOND_CHANCE
  }
}
