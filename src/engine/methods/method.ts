/** What a detail stage tells its caller. */
export interface DetailStep {
  step: number
  /** Steps if it is not stopped early. */
  steps: number
  loss: number
}

export interface DetailRunOptions {
  /** Aborting ends the run after the current step. */
  signal?: AbortSignal | undefined
  onStep?(progress: DetailStep): Promise<void> | void
}
