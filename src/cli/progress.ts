/** Progress of a run: a bar on a terminal, plain lines elsewhere, JSON lines for machines. */
import type { StageName } from '../engine/errors.js'
import type { Progress } from '../engine/index.js'
import type { Output } from './command.js'

export interface ProgressView {
  show(progress: Progress): void
  /** A line that stays. */
  note(text: string): void
  /** Removes what is not to stay. */
  close(): void
}

const STAGE_NAMES: Record<StageName, string> = {
  setup: 'Setting up',
  photo: 'Photo',
  landmarks: 'Landmarks',
  head: 'Head fit',
  coarse: 'Coarse field',
  detail: 'Detail',
  surface: 'Surface',
  output: 'Writing',
}

/** One line that is redrawn, at most ten times a second. */
export function progressBar(output: Output, now = () => performance.now()): ProgressView {
  let drawnAt = Number.NEGATIVE_INFINITY
  let stage: StageName | undefined
  const clear = () => output.write('\r\x1b[K')
  return {
    show(progress) {
      if (progress.stage === stage && progress.fraction < 1 && now() - drawnAt < 100) return
      drawnAt = now()
      stage = progress.stage
      const width = Math.max(40, output.columns ?? 80)
      const text = `${STAGE_NAMES[stage].padEnd(12)} ${percent(progress)} ${details(progress)}`
      const cells = Math.min(28, width - text.length - 3)
      const filled = Math.round(progress.fraction * cells)
      const bar = cells > 4 ? `${'█'.repeat(filled)}${'░'.repeat(cells - filled)} ` : ''
      clear()
      output.write((bar + text).slice(0, width - 1))
    },
    note(text) {
      clear()
      output.write(`${text}\n`)
    },
    close: clear,
  }
}

/** A line at every new stage and then every ten seconds: for log files. */
export function progressLines(output: Output, now = () => performance.now()): ProgressView {
  let writtenAt = 0
  let stage: StageName | undefined
  return {
    show(progress) {
      if (progress.stage === stage && !progress.message && now() - writtenAt < 10_000) return
      writtenAt = now()
      stage = progress.stage
      output.write(`${percent(progress)} ${STAGE_NAMES[stage]} ${details(progress)}`.trimEnd().concat('\n'))
    },
    note: (text) => void output.write(`${text}\n`),
    close() {},
  }
}

/** One JSON object a line, at most ten a second. */
export function progressJson(output: Output, now = () => performance.now()): ProgressView {
  let writtenAt = Number.NEGATIVE_INFINITY
  let stage: StageName | undefined
  return {
    show(progress) {
      if (progress.stage === stage && !progress.message && progress.fraction < 1 && now() - writtenAt < 100) return
      writtenAt = now()
      stage = progress.stage
      output.write(`${JSON.stringify({ event: 'progress', ...progress })}\n`)
    },
    note: (message) => void output.write(`${JSON.stringify({ event: 'note', message })}\n`),
    close() {},
  }
}

/** Nothing but notes: for --quiet, which gets no progress. */
export function noProgress(): ProgressView {
  return { show() {}, note() {}, close() {} }
}

function percent({ fraction }: Progress): string {
  return `${Math.floor(fraction * 100)
    .toString()
    .padStart(3)}%`
}

function details({ iteration, iterations, loss, etaSeconds, message }: Progress): string {
  const parts: string[] = []
  if (iteration !== undefined) parts.push(iterations ? `${iteration}/${iterations}` : String(iteration))
  if (loss !== undefined) parts.push(`loss ${loss.toPrecision(3)}`)
  if (etaSeconds !== undefined) parts.push(`${duration(etaSeconds)} left`)
  if (message) parts.push(message)
  return parts.join('  ')
}

/** 95 → '1:35', 4000 → '1:06:40'. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}
