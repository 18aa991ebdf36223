/** Progress of a run: shares of the whole that only rise, and the time that is left. */
import type { Settings } from '../config.js'
import type { StageName } from '../errors.js'
import { methodOf } from '../methods/index.js'
import type { Progress } from './types.js'

/** Rough times of the stages, seconds on two cores: the shares of the bar. */
function roughTimes(settings: Settings): Record<Exclude<StageName, 'setup'>, number> {
  return { photo: 0.1, landmarks: 0.9, head: 2.2, ...methodOf(settings).cost(settings), surface: 5.5, output: 4 }
}

/** What is told at most before `done`, which alone says 1. */
const NEARLY = 0.99

export class RunProgress {
  private readonly started = performance.now()
  private readonly times: Partial<Record<StageName, number>>
  private readonly total: number
  private stage: StageName = 'setup'
  private before = 0
  private fraction = 0
  private stageStarted = 0
  /** When the first of the stage's steps was done: what came before it was preparation. */
  private first: { at: number; within: number } | undefined

  constructor(
    settings: Settings,
    private readonly listener: ((progress: Progress) => void) | undefined,
    last: 'surface' | 'output',
  ) {
    const { output, ...stages } = roughTimes(settings)
    this.times = last === 'output' ? { ...stages, output } : stages
    this.total = Object.values(this.times).reduce((a, b) => a + b, 0)
  }

  /** A stage begins. */
  enter(stage: StageName): void {
    const stages = Object.keys(this.times)
    const earlier = stages.slice(0, Math.max(0, stages.indexOf(stage)))
    this.before = earlier.reduce((sum, one) => sum + this.times[one as StageName]!, 0) / this.total
    this.stage = stage
    this.stageStarted = performance.now()
    this.first = undefined
    this.tell(0, {})
  }

  /**
   * A step of the stage's optimiser is done.
   * @returns expected seconds to the end of the run
   */
  step({ iteration, iterations, loss }: { iteration: number; iterations: number; loss: number }): number {
    return this.tell(iteration / iterations, { iteration, iterations, loss })
  }

  /** A share of the stage's work is done, 0..1. */
  part(share: number): void {
    this.tell(share, {})
  }

  /** Everything is done. */
  done(): void {
    this.fraction = 1
    this.listener?.({ stage: this.stage, fraction: 1, etaSeconds: 0 })
  }

  /** The present stage's share of the whole. */
  private get share(): number {
    return (this.times[this.stage] ?? 0) / this.total
  }

  private tell(within: number, more: Partial<Progress>): number {
    const { share } = this
    this.fraction = Math.max(this.fraction, Math.min(NEARLY, this.before + share * within))
    const eta = this.eta(within)
    this.listener?.({
      stage: this.stage,
      fraction: this.fraction,
      ...(eta === undefined ? {} : { etaSeconds: eta }),
      ...more,
    })
    return eta ?? 0
  }

  /** Inside an optimiser its own pace tells; before that, the run's. */
  private eta(within: number): number | undefined {
    const now = performance.now()
    if (within > 0) this.first ??= { at: now, within }
    if (this.first && within > this.first.within) {
      const left = ((now - this.first.at) / (within - this.first.within)) * (1 - within)
      const stage = now - this.stageStarted + left
      return (left + (stage / this.share) * Math.max(0, 1 - this.before - this.share)) / 1000
    }
    if (this.fraction <= 0.02) return undefined
    return (((now - this.started) / this.fraction) * (1 - this.fraction)) / 1000
  }
}
