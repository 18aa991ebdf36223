/** Progress of a run: shares of the whole that only rise, and the time that is left. */
import type { Settings } from './config.js'
import type { StageName } from './errors.js'
import type { Progress } from './run.js'

/** Rough shares of a run's time. The detail stage dominates; a network's coarse stage takes a fair part. */
const SHARES = {
  relief: { photo: 0.01, landmarks: 0.05, head: 0.03, coarse: 0.02, detail: 0.79, surface: 0.1 },
  network: { photo: 0.002, landmarks: 0.01, head: 0.005, coarse: 0.15, detail: 0.82, surface: 0.013 },
}

export class RunProgress {
  private readonly started = performance.now()
  private readonly shares: Record<string, number>
  private stage: StageName = 'setup'
  private before = 0
  private fraction = 0
  private stageStarted = 0

  constructor(
    settings: Settings,
    private readonly listener: ((progress: Progress) => void) | undefined,
  ) {
    this.shares = SHARES[settings.field.kind]
  }

  /** A stage begins. */
  enter(stage: StageName): void {
    this.before += this.shares[this.stage] ?? 0
    this.stage = stage
    this.stageStarted = performance.now()
    this.tell(0, {})
  }

  /** A step of the stage's optimiser is done. */
  step({ iteration, iterations, loss }: { iteration: number; iterations: number; loss: number }): void {
    this.tell(iteration / iterations, { iteration, iterations, loss })
  }

  done(): void {
    this.fraction = 1
    this.listener?.({ stage: this.stage, fraction: 1, etaSeconds: 0 })
  }

  private tell(within: number, more: Partial<Progress>): void {
    const share = this.shares[this.stage] ?? 0
    this.fraction = Math.max(this.fraction, Math.min(1, this.before + share * within))
    const inStage = (performance.now() - this.stageStarted) / 1000
    const elapsed = (performance.now() - this.started) / 1000
    // Inside an optimiser its own pace tells; before that, the run's.
    const eta =
      within > 0.02
        ? (inStage / within) * (1 - within) + (inStage / within / share) * Math.max(0, 1 - this.before - share)
        : this.fraction > 0.02
          ? (elapsed / this.fraction) * (1 - this.fraction)
          : undefined
    this.listener?.({
      stage: this.stage,
      fraction: this.fraction,
      ...(eta === undefined ? {} : { etaSeconds: eta }),
      ...more,
    })
  }
}
